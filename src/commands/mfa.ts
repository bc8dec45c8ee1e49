import { resetSecondFactor, SecondFactorNotReset } from '../features/accounts/index.ts';
import { auditOptions, createAudit } from '../kernel/audit/index.ts';
import { inspectSchema, SchemaError } from '../kernel/database/index.ts';
import { loadSettings, type Settings } from '../kernel/settings/index.ts';
import { createLog } from '../kernel/telemetry/log.ts';
import { type Command, readArguments, UsageError } from './command.ts';
import { openMainDatabase } from './open-database.ts';

const usage = `usage: loggia mfa reset EMAIL --reason TEXT

  reset           take an account's lost authenticator and its recovery codes away, and end its sessions; a running server
                  notices within half a minute. Prints a token, good once and for 30 minutes: with it and the password
                  the owner sets up a new authenticator at the next sign-in.
  --reason        why; it is written to standard error, for your records
`;

export const command: Command = {
  usage,
  async run(args) {
    const { values, positionals } = readArguments(args, usage, { reason: { type: 'string' } });
    const [action, email, ...rest] = positionals;
    if (action !== 'reset' || email === undefined || rest.length > 0) {
      throw new UsageError('mfa: say "reset" and the address of the account', usage);
    }
    const reason = values.reason?.trim();
    if (!reason) throw new UsageError('mfa: say why with --reason', usage);
    const settings = loadSettings(process.env);
    const database = openMainDatabase(settings);
    try {
      const state = await inspectSchema(database);
      if (state.kind === 'refused') throw new SchemaError(state.reason);
      if (state.kind === 'empty') throw new SecondFactorNotReset(`${database.description} has no accounts yet`);
      const { userId, ticket } = await resetSecondFactor({ database }, email);
      const time = new Date().toISOString();
      process.stderr.write(`${JSON.stringify({ time, event: 'auth.mfa.reset_requested', user: userId, reason })}\n`);
      await audited(settings, userId, reason);
      process.stdout.write(`${ticket}\n`);
      return 0;
    } finally {
      await database.close();
    }
  },
};

/** A reset belongs into the audit log, where there is one, like what the server does to a second factor. */
async function audited(settings: Settings, userId: string, reason: string): Promise<void> {
  const options = auditOptions(settings);
  if (!options) return;
  const audit = await createAudit(
    { ...options, stdout: false },
    createLog({ level: 'INFO', format: settings.get('LOG_FORMAT'), destination: process.stderr }),
  );
  audit.happened('MFA', '/api/v1/auths/mfa', { id: userId }, { event: 'auth.mfa.reset_requested', reason });
  await audit.close();
}
