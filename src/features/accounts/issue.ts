import type { Database } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { Access } from '../access/index.ts';
import { type Account, loadAccounts } from './account-store.ts';
import { presentSession } from './present.ts';
import { secondFactorNeeded } from './second-factor.ts';
import { type AuthMethod, parseLifetime, type SignedToken, type Tokens } from './tokens.ts';

interface IssueDeps {
  database: Pick<Database, 'db'>;
  tokens: Tokens;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'permissionTree'>;
}

export type SignInResult =
  | { kind: 'session'; signed: SignedToken; body: ReturnType<typeof presentSession> }
  | { kind: 'pending' };

export const CHANGED_MEANWHILE = 'Authentication changed. Please sign in again.';

/** Begins a session for an account whose credential was just verified (identity note, 6.2). */
export async function issueSession(deps: IssueDeps, verified: Account, method: AuthMethod): Promise<SignInResult> {
  const { config } = deps;
  // Read again, not from memory: the password may have been changed while it was being verified.
  const account = (await loadAccounts(deps.database.db, [verified.user.id])).get(verified.user.id);
  if (
    !account?.auth ||
    account.auth.stamp !== verified.auth?.stamp ||
    account.auth.password !== verified.auth?.password
  ) {
    throw new HttpError(409, CHANGED_MEANWHILE);
  }
  const { user } = account;
  const pending = user.role !== 'admin' && user.role !== 'user';
  if (config.get('auth.mfa.enable') && pending) return { kind: 'pending' };
  if (secondFactorNeeded(config, method)) throw secondFactorUnavailable();
  const now = nowSeconds();
  const signed = await deps.tokens.sign(
    {
      id: user.id,
      typ: 'session',
      auth_method: method,
      auth_time: now,
      session_stamp: account.auth.stamp,
      mfa_verified: false,
    },
    parseLifetime(config.get('auth.jwt_expiry')),
  );
  return { kind: 'session', signed, body: presentSession(user, signed, await deps.access.permissionTree(user)) };
}

/** A second factor is demanded and there is no way yet to give it: nobody may get in by the first alone. */
function secondFactorUnavailable(): HttpError {
  return new HttpError(503, 'Authentication is temporarily unavailable.', { code: 'second-factor-unavailable' });
}
