import { randomUUID } from 'node:crypto';
import type { Database } from '../../../kernel/database/index.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { accountByEmail } from '../account-store.ts';
import { lockAccount, writeCredential } from '../credentials.ts';
import { hashOf, newToken } from './codes.ts';
import { changedState, emptyState } from './state.ts';

/** Why a second factor was not reset; one line for the operator. */
export class SecondFactorNotReset extends Error {
  override readonly name = 'SecondFactorNotReset';
}

/** Seconds a ticket counts. */
export const TICKET_LIFE = 1_800;

/**
 * Takes an account's authenticator and recovery codes away and ends its sessions. Gives the ticket its owner needs to set up
 * a new one, which is kept nowhere; null where there is no active account.
 */
export async function resetAccount(database: Pick<Database, 'transaction'>, userId: string): Promise<string | null> {
  const ticket = newToken();
  const done = await database.transaction(async (tx) => {
    if (!(await lockAccount(tx, userId))) return false;
    // What was stored is not looked at: this is the way out where it cannot be read either.
    const state = changedState(emptyState(), {
      reset_required: true,
      reset_ticket: { token_hash: hashOf(ticket), expires_at: nowSeconds() + TICKET_LIFE },
    });
    await writeCredential(tx, userId, { mfa: state, session_stamp: randomUUID() });
    return true;
  });
  return done ? ticket : null;
}

/** The same for the account with an address, on behalf of the operator. */
export async function resetSecondFactor(
  { database }: { database: Database },
  email: string,
): Promise<{ userId: string; ticket: string }> {
  const account = await accountByEmail(database.db, email);
  if (!account) throw new SecondFactorNotReset(`there is no account with the address ${email}`);
  const ticket = await resetAccount(database, account.user.id);
  if (ticket === null) throw new SecondFactorNotReset(`the account ${email} is not active`);
  return { userId: account.user.id, ticket };
}
