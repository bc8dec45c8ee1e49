import { randomUUID } from 'node:crypto';
import { type Db, dialectOfDb, json, type Transaction } from '../../kernel/database/index.ts';
import { type Account, loadAccounts } from './account-store.ts';
import { type SecondFactorState, withoutChallenges } from './second-factor/state.ts';

/** Credentials were changed between being checked and being used. */
export const CHANGED_MEANWHILE = 'Authentication changed. Please sign in again.';

/** An account whose credential row is there and active. */
export type ActiveAccount = Account & { auth: NonNullable<Account['auth']> };

/** The account, its credential row held until the transaction ends; null where there is none, or an inactive one. */
export async function lockAccount(tx: Transaction, id: string): Promise<ActiveAccount | null> {
  const query = tx.selectFrom('auth').select('id').where('id', '=', id);
  // On SQLite the transaction itself is the lock.
  await (dialectOfDb(tx) === 'sqlite' ? query : query.forUpdate()).execute();
  const account = (await loadAccounts(tx, [id])).get(id);
  return account?.auth ? { ...account, auth: account.auth } : null;
}

export interface CredentialChange {
  password?: string;
  session_stamp?: string;
  mfa?: SecondFactorState;
}

/** Writes columns of the credential row. */
export async function writeCredential(db: Db, id: string, { mfa, ...columns }: CredentialChange): Promise<void> {
  await db
    .updateTable('auth')
    .set({ ...columns, ...(mfa && { mfa: json(mfa) }) })
    .where('id', '=', id)
    .execute();
}

/**
 * Ends every session of an account and what was begun of its second factor; with `password` that is changed too. False where
 * the account is gone, or where its credentials are not those of `seen` any more.
 */
export async function renewCredential(
  tx: Transaction,
  id: string,
  { password, seen }: { password?: string; seen?: Account['auth'] } = {},
): Promise<boolean> {
  const account = await lockAccount(tx, id);
  if (!account) return false;
  const { auth } = account;
  if (seen !== undefined && !sameCredential(auth, seen)) return false;
  const mfa = withoutChallenges(auth.mfa);
  const change = { session_stamp: randomUUID(), ...(password !== undefined && { password }), ...(mfa && { mfa }) };
  await writeCredential(tx, id, change);
  return true;
}

/** Whether neither password nor stamp were changed in between. */
export function sameCredential(one: Account['auth'], other: Account['auth']): boolean {
  return one !== null && other !== null && one.password === other.password && one.stamp === other.stamp;
}
