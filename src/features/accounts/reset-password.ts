import type { Database } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import { accountByEmail } from './account-store.ts';
import { renewCredential } from './credentials.ts';
import { accountOptions } from './options.ts';
import { createPasswords } from './password.ts';

/** Why a password was not changed; one line for the operator. */
export class PasswordNotReset extends Error {
  override readonly name = 'PasswordNotReset';
}

/** Gives an account a new password and ends its sessions. For the operator: nobody is asked for the old one. */
export async function resetPassword(
  { database, settings }: { database: Database; settings: Settings },
  email: string,
  password: string,
): Promise<void> {
  const account = await accountByEmail(database.db, email);
  if (!account) throw new PasswordNotReset(`there is no account with the address ${email}`);
  if (!account.auth) throw new PasswordNotReset(`the account ${email} has no active password entry`);
  const passwords = createPasswords(accountOptions(settings));
  try {
    passwords.assertAcceptable(password);
  } catch (error) {
    if (error instanceof HttpError) throw new PasswordNotReset(error.message);
    throw error;
  }
  const hash = await passwords.hash(password);
  const { user, auth } = account;
  const done = await database.transaction((tx) => renewCredential(tx, user.id, { password: hash, seen: auth }));
  if (!done) throw new PasswordNotReset('the account was changed at the same moment; run the command again');
}
