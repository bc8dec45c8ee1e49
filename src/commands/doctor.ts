import type { Database } from '../kernel/database/index.ts';
import { loadSettings, type Settings, SettingsError } from '../kernel/settings/index.ts';
import {
  checkClient,
  checkDatabase,
  checkProviders,
  checkRedis,
  checkSignIn,
  checkStorage,
  type Finding,
} from './checks.ts';
import { type Command, explain, readArguments, UsageError } from './command.ts';
import { openMainDatabase } from './open-database.ts';

const usage = `usage: loggia doctor

  Looks at settings, database, Redis, storage, model and login providers and the web client, each with what to do about a
  problem.
  No data is changed. Exit code 1 when there is a problem.
`;

export const command: Command = {
  usage,
  async run(args) {
    const { positionals } = readArguments(args, usage, {});
    if (positionals.length > 0) throw new UsageError(`doctor: unexpected "${positionals.join(' ')}"`, usage);
    let problems = 0;
    const report = (about: string, findings: Finding[]) => {
      for (const { level, text, help } of findings) {
        if (level === 'problem') problems += 1;
        process.stdout.write(`${level.padEnd(8)} ${`${about}:`.padEnd(10)} ${text}\n`);
        if (help) process.stdout.write(`${' '.repeat(20)}-> ${help}\n`);
      }
    };
    const settings = readSettings(report);
    if (settings) await examine(settings, report);
    report('client', checkClient(process.env));
    process.stdout.write(problems === 0 ? '\nNo problem found.\n' : `\n${problems} to look at.\n`);
    return problems === 0 ? 0 : 1;
  },
};

type Report = (about: string, findings: Finding[]) => void;

function readSettings(report: Report): Settings | null {
  try {
    const settings = loadSettings(process.env);
    const warnings = settings.warnings.map((text): Finding => ({ level: 'note', text }));
    report('settings', [{ level: 'ok', text: `data folder ${settings.dataDir}` }, ...warnings]);
    return settings;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const help = 'docs/configuration.md says what it takes';
    report(
      'settings',
      error.problems.map((text) => ({ level: 'problem', text, help })),
    );
    return null;
  }
}

async function examine(settings: Settings, report: Report): Promise<void> {
  let database: Database | null = null;
  try {
    database = openMainDatabase(settings);
  } catch (error) {
    report('database', [{ level: 'problem', text: explain(error), help: 'check DATABASE_URL' }]);
  }
  try {
    const usable = database ? await checkDatabase(settings, database) : null;
    if (usable) report('database', usable);
    report('redis', await checkRedis(settings));
    report('storage', await checkStorage(settings));
    const readable = usable?.every(({ level }) => level === 'ok') ? database : null;
    report('provider', await checkProviders(settings, readable, process.env));
    report('sign-in', await checkSignIn(settings, process.env));
  } finally {
    await database?.close();
  }
}
