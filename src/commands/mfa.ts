import { resetSecondFactor, SecondFactorNotReset } from '../features/accounts/index.ts';
import { inspectSchema, SchemaError } from '../kernel/database/index.ts';
import { loadSettings } from '../kernel/settings/index.ts';
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
    const database = openMainDatabase(loadSettings(process.env));
    try {
      const state = await inspectSchema(database);
      if (state.kind === 'refused') throw new SchemaError(state.reason);
      if (state.kind === 'empty') throw new SecondFactorNotReset(`${database.description} has no accounts yet`);
      const { userId, ticket } = await resetSecondFactor({ database }, email);
      const time = new Date().toISOString();
      process.stderr.write(`${JSON.stringify({ time, event: 'auth.mfa.reset_requested', user: userId, reason })}\n`);
      process.stdout.write(`${ticket}\n`);
      return 0;
    } finally {
      await database.close();
    }
  },
};
