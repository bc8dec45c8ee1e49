import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { PasswordNotReset, resetPassword } from '../features/accounts/index.ts';
import { inspectSchema, SchemaError } from '../kernel/database/index.ts';
import { loadSettings } from '../kernel/settings/index.ts';
import { type Command, readArguments, UsageError } from './command.ts';
import { openMainDatabase } from './open-database.ts';

const usage = `usage: loggia user reset-password EMAIL [--generate]

  reset-password  give an account a new password and end its sessions; a running server notices within half a minute.
                  The password is asked for twice, or read from standard input when that is no terminal.
  --generate      make a password and print it
`;

export const command: Command = {
  usage,
  async run(args) {
    const { values, positionals } = readArguments(args, usage, { generate: { type: 'boolean' } });
    const [action, email, ...rest] = positionals;
    if (action !== 'reset-password' || email === undefined || rest.length > 0) {
      throw new UsageError('user: say "reset-password" and the address of the account', usage);
    }
    const settings = loadSettings(process.env);
    const database = openMainDatabase(settings);
    try {
      const state = await inspectSchema(database);
      if (state.kind === 'refused') throw new SchemaError(state.reason);
      if (state.kind === 'empty') throw new PasswordNotReset(`${database.description} has no accounts yet`);
      const password = values.generate ? randomBytes(15).toString('base64url') : await givenPassword();
      await resetPassword({ database, settings }, email, password);
      process.stdout.write(values.generate ? `${password}\n` : `The password of ${email} is changed.\n`);
      return 0;
    } finally {
      await database.close();
    }
  },
};

async function givenPassword(): Promise<string> {
  if (!process.stdin.isTTY) {
    const [line = ''] = (await text(process.stdin)).split(/\r?\n/, 1);
    if (line === '') throw new PasswordNotReset('no password came on standard input');
    return line;
  }
  const password = await askHidden('New password: ');
  if (password === '') throw new PasswordNotReset('no password was given');
  if ((await askHidden('Once more: ')) !== password) throw new PasswordNotReset('the two passwords differ');
  return password;
}

/** Asks on the terminal without showing what is typed. */
async function askHidden(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
