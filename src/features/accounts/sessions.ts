import { type Cache, createCache } from '../../kernel/cache.ts';
import type { Database } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Principal, User } from '../../kernel/http/principal.ts';
import { type Bus, memoryAge } from '../../kernel/realtime/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type Account, insertRevokedToken, isTokenRevoked, loadAccounts } from './account-store.ts';
import type { RedisCommands } from './redis.ts';
import { isEnrolled } from './second-factor/state.ts';
import { type Claims, invalidToken, type Tokens } from './tokens.ts';

const ACCOUNTS_KEPT = 20_000;
const TOKENS_KEPT = 20_000;

/** Whether the sign-in method of a session must have been followed by a second factor. */
export type SecondFactorRule = (authMethod: unknown) => boolean;

interface SessionDeps {
  database: Pick<Database, 'db'>;
  bus: Pick<Bus, 'shared'>;
  tokens: Tokens;
  secondFactorNeeded: SecondFactorRule;
  redis: RedisCommands | null;
  redisKeyPrefix: string;
  onRedisError: (error: unknown) => void;
}

interface KnownToken {
  claims: Claims;
  revoked: boolean;
}

/** Verified tokens and their accounts; a warm check reads nothing but memory. */
export interface Sessions {
  /** The caller of a session token. Throws the wire's 401 for any token that does not count (identity note, 2). */
  check(token: string): Promise<Principal>;
  /** Claims of a token that is signed and in time, whether or not it still counts. */
  claims(token: string): Promise<Claims | null>;
  account(userId: string): Promise<Account | null>;
  accounts: Cache<Account | null>;
  users(userIds: readonly string[]): Promise<Map<string, User>>;
  /** Ends one token for good; false when it cannot be ended because it has no id. */
  revoke(claims: Claims): Promise<boolean>;
  /** Another process ended this token. */
  noteRevoked(jti: string): void;
  /** Drops everything remembered: what others ended may have been missed. */
  forget(): void;
}

export function createSessions(deps: SessionDeps): Sessions {
  const { database, tokens, secondFactorNeeded } = deps;
  const maxAgeMs = memoryAge(deps.bus, database.db);
  const accounts = createCache<Account | null>({
    maxEntries: ACCOUNTS_KEPT,
    maxAgeMs,
    load: async (id) => (await loadAccounts(database.db, [id])).get(id) ?? null,
  });
  const known = createCache<KnownToken | null>({
    maxEntries: TOKENS_KEPT,
    maxAgeMs,
    load: async (token) => {
      const claims = await tokens.verify(token);
      return claims && { claims, revoked: await isRevoked(deps, claims) };
    },
  });
  const ended = createRecentSet(2 * maxAgeMs);

  async function knownToken(token: string): Promise<KnownToken | null> {
    const entry = await known.get(token);
    // Kept entries outlive the token they are about.
    return entry?.claims.exp !== undefined && entry.claims.exp <= nowSeconds() ? null : entry;
  }

  return {
    async check(token) {
      const entry = await knownToken(token);
      if (!entry) throw new HttpError(401, '401 Unauthorized');
      const { claims } = entry;
      const account = await accounts.get(claims.id);
      if (!account?.auth) throw new HttpError(401, 'Invalid authentication request.');
      if (entry.revoked || ended.has(String(claims.jti)) || !stillCounts(claims, account.auth, secondFactorNeeded)) {
        throw invalidToken();
      }
      const kind = typeOf(claims) === 'session' ? 'session' : 'internal';
      return { user: account.user, credential: { kind, token, claims } };
    },
    claims: async (token) => (await knownToken(token))?.claims ?? null,
    account: (userId) => accounts.get(userId),
    accounts,
    async users(userIds) {
      const found = new Map<string, User>();
      const missing: string[] = [];
      for (const id of new Set(userIds)) {
        const account = accounts.peek(id);
        if (account) found.set(id, account.user);
        else if (account === undefined) missing.push(id);
      }
      for (const [id, account] of await loadAccounts(database.db, missing)) found.set(id, account.user);
      return found;
    },
    async revoke(claims) {
      if (typeof claims.jti !== 'string') return false;
      await insertRevokedToken(database.db, claims.jti, claims.id, claims.exp ?? null);
      ended.add(claims.jti);
      if (deps.redis && claims.exp !== undefined) await tellRedis(deps, deps.redis, claims.jti, claims.exp);
      return true;
    },
    noteRevoked(jti) {
      ended.add(jti);
    },
    forget() {
      accounts.clear();
      known.clear();
    },
  };
}

/** Ids of tokens ended a short while ago: until every kept entry that says otherwise is too old to be used. */
function createRecentSet(milliseconds: number): { add(id: string): void; has(id: string): boolean } {
  const since = new Map<string, number>();
  return {
    add(id) {
      const now = performance.now();
      for (const [old, at] of since) {
        if (at > now - milliseconds) break;
        since.delete(old);
      }
      since.set(id, now);
    },
    has: (id) => since.has(id),
  };
}

function typeOf(claims: Claims): unknown {
  return claims.typ ?? 'session';
}

function stillCounts(
  claims: Claims,
  auth: NonNullable<Account['auth']>,
  secondFactorNeeded: SecondFactorRule,
): boolean {
  if ((claims.session_stamp ?? null) !== auth.stamp) return false;
  const type = typeOf(claims);
  if (type === 'automation' || type === 'subagent') return true;
  if (type !== 'session') return false;
  if (!secondFactorNeeded(claims.auth_method)) return true;
  return claims.mfa_verified === true && isEnrolled(auth.mfa);
}

async function isRevoked(deps: SessionDeps, claims: Claims): Promise<boolean> {
  if (typeof claims.jti === 'string' && (await isTokenRevoked(deps.database.db, claims.jti))) return true;
  if (!deps.redis) return false;
  try {
    const [byToken, byUser] = await deps.redis.mget(
      `${deps.redisKeyPrefix}:auth:token:${claims.jti ?? ''}:revoked`,
      `${deps.redisKeyPrefix}:auth:user:${claims.id}:revoked_at`,
    );
    if (typeof claims.jti === 'string' && byToken !== null && byToken !== undefined) return true;
    const at = byUser && /^\d+$/.test(byUser) ? Number(byUser) : null;
    return at !== null && (claims.iat === undefined || claims.iat <= at);
  } catch (error) {
    // An unreachable Redis must not lock everybody out; our own table has been asked.
    deps.onRedisError(error);
    return false;
  }
}

async function tellRedis(deps: SessionDeps, redis: RedisCommands, jti: string, expiresAt: number): Promise<void> {
  const seconds = expiresAt - nowSeconds();
  if (seconds <= 0) return;
  try {
    await redis.set(`${deps.redisKeyPrefix}:auth:token:${jti}:revoked`, '1', 'EX', seconds);
  } catch (error) {
    deps.onRedisError(error);
  }
}
