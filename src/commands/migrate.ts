import { existsSync } from 'node:fs';
import { inspectSchema, migrate, sqliteFile } from '../kernel/database/index.ts';
import { loadSettings } from '../kernel/settings/index.ts';
import { type Command, readArguments, UsageError } from './command.ts';
import { openMainDatabase } from './open-database.ts';

const usage = `usage: loggia migrate [--check]

  Creates an empty database, or adopts one of Open WebUI 0.12.4, and applies Loggia's own migrations. The start of the server
  does the same unless ENABLE_DB_MIGRATIONS=false.

  --check  only say what would happen; exit code 1 when the database cannot be used
`;

export const command: Command = {
  usage,
  async run(args) {
    const { values, positionals } = readArguments(args, usage, { check: { type: 'boolean' } });
    if (positionals.length > 0) throw new UsageError(`migrate: unexpected "${positionals.join(' ')}"`, usage);
    const settings = loadSettings(process.env);
    const file = sqliteFile(settings.get('DATABASE_URL'));
    if (values.check && file && !existsSync(file)) return say(`${file} does not exist: it would be created`);
    const database = openMainDatabase(settings);
    try {
      if (values.check) return await check(database);
      const outcome = await migrate(database);
      return say(`${database.description}: ${outcome === 'created' ? 'created' : 'up to date'}`);
    } finally {
      await database.close();
    }
  },
};

async function check(database: Parameters<typeof inspectSchema>[0] & { description: string }): Promise<number> {
  const state = await inspectSchema(database);
  if (state.kind === 'refused') {
    process.stderr.write(`${database.description}: ${state.reason}\n`);
    return 1;
  }
  if (state.kind === 'empty') return say(`${database.description} is empty: the tables would be created`);
  if (state.pending.length === 0) return say(`${database.description} is up to date: nothing to do`);
  return say(
    `${database.description} would be adopted: nothing in it changes, added would be ${state.pending.join(', ')}`,
  );
}

function say(line: string): number {
  process.stdout.write(`${line}\n`);
  return 0;
}
