import type { Database } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { Access } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { type Account, loadAccounts } from './account-store.ts';
import { announceAccount } from './announce.ts';
import { CHANGED_MEANWHILE, sameCredential } from './credentials.ts';
import { presentSession } from './present.ts';
import type { ChallengeAnswer } from './second-factor/challenges.ts';
import { secondFactorNeeded } from './second-factor/policy.ts';
import { beginChallenge, type Passed, type ProviderSession } from './second-factor/sign-in.ts';
import type { SecondFactorDeps } from './second-factor/steps.ts';
import { type AuthMethod, parseLifetime, type SignedToken, type Tokens } from './tokens.ts';

interface IssueDeps {
  database: Pick<Database, 'db'>;
  tokens: Tokens;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'permissionTree'>;
  events: EventSink;
  secondFactor: SecondFactorDeps;
}

export interface IssuedSession {
  signed: SignedToken;
  body: ReturnType<typeof presentSession>;
}

export type SignInResult =
  | ({ kind: 'session' } & IssuedSession)
  /** The second factor is asked for. */
  | { kind: 'challenge'; body: ChallengeAnswer }
  | { kind: 'pending' };

/**
 * Goes on with an account whose credential was just verified: to a session, to the second factor, or to the wait for an
 * administrator (identity note, 6.2). `provider`: where the sign-in came from, kept over the second factor.
 */
export async function issueSession(
  deps: IssueDeps,
  verified: Account,
  method: AuthMethod,
  provider?: ProviderSession,
): Promise<SignInResult> {
  const { config } = deps;
  // Read again, not from memory: the password may have been changed while it was being verified.
  const account = (await loadAccounts(deps.database.db, [verified.user.id])).get(verified.user.id);
  if (!account?.auth || !sameCredential(account.auth, verified.auth)) throw new HttpError(409, CHANGED_MEANWHILE);
  const { user } = account;
  const pending = user.role !== 'admin' && user.role !== 'user';
  if (config.get('auth.mfa.enable') && pending) return { kind: 'pending' };
  if (secondFactorNeeded(config, method)) {
    return { kind: 'challenge', body: await beginChallenge(deps.secondFactor, account, method, provider) };
  }
  const claims = { auth_method: method, auth_time: nowSeconds(), session_stamp: account.auth.stamp };
  return { kind: 'session', ...(await openSession(deps, user, { ...claims, mfa_verified: false })) };
}

/** The session of a sign-in that has passed the second factor. */
export function completeSignIn(deps: IssueDeps, { user, stamp, challenge }: Passed): Promise<IssuedSession> {
  const { auth_method, auth_time } = challenge;
  return openSession(deps, user, { auth_method, auth_time, session_stamp: stamp, mfa_verified: true });
}

interface SessionClaims {
  auth_method: string;
  /** Seconds. */
  auth_time: number;
  session_stamp: string | null;
  mfa_verified: boolean;
}

async function openSession(deps: IssueDeps, user: User, claims: SessionClaims): Promise<IssuedSession> {
  const lifetime = parseLifetime(deps.config.get('auth.jwt_expiry'));
  const signed = await deps.tokens.sign({ id: user.id, typ: 'session', ...claims }, lifetime);
  const body = presentSession(user, signed, await deps.access.permissionTree(user));
  const { auth_method } = claims;
  announceAccount(deps.events, 'auth.login', { actor: user, source: auth_method, data: { auth_method } });
  return { signed, body };
}
