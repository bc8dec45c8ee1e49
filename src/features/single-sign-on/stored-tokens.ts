import { decodeJwt } from 'jose';
import type { Database, Db } from '../../kernel/database/index.ts';
import { createFernet, fernetKeyOf } from '../../kernel/fernet.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { describeProblem } from './problems.ts';
import {
  claimRenewal,
  deleteOAuthSessionRows,
  findOAuthSession,
  insertOAuthSession,
  newestOAuthSession,
  newestOAuthSessionWith,
  type OAuthSessionRow,
  releaseRenewal,
  updateOAuthToken,
} from './store.ts';

/** What a provider gave at sign-in, as plugins and connections see it. */
export interface OAuthToken extends JsonObject {
  access_token: string;
  id_token?: string;
  refresh_token?: string;
  /** Seconds since 1970. */
  expires_at: number;
}

export interface StoredTokens {
  /** Keeps the tokens of a sign-in; gives the id of the session. `most` of the user's sessions there stay (default: the site's). */
  keep(userId: string, provider: string, tokens: JsonObject, most?: number): Promise<string>;
  /** The id token of a session, whoever's it is; null: there is none. */
  idToken(sessionId: string): Promise<{ provider: string; idToken: string | null } | null>;
  /** Tokens that are good now: of this session if it is the user's, else of the one used last. Renewed where they end soon. */
  current(userId: string, sessionId: string | null): Promise<OAuthToken | null>;
  /** The same, of the last session with this provider. */
  of(userId: string, provider: string): Promise<OAuthToken | null>;
}

/** What renews tokens. What it throws, `describeProblem` can tell. */
export interface TokenRenewer {
  provider: { scope: string };
  refresh(refreshToken: string, scope: string | null): Promise<{ tokens: JsonObject & { access_token: string } }>;
}

export interface StoredTokensDeps {
  database: Database;
  settings: Settings;
  config: Pick<Config, 'get'>;
  log: Log;
  client(provider: string): Promise<TokenRenewer | null>;
}

/** Seconds before their end at which tokens are renewed. */
const RENEW_BEFORE = 300;
/** Seconds for which tokens are not renewed again. */
const RENEW_PAUSE = 60;
/** A renewal takes no longer: two requests to a slow provider. */
const RENEWAL_SECONDS = 60;
const POLL_MS = 250;
const NEVER = 253_402_300_799;

export function createStoredTokens(deps: StoredTokensDeps): StoredTokens {
  const { database, settings } = deps;
  const box = createBox(settings);
  const renewing = new Map<string, Promise<OAuthToken | null>>();

  /** One renewal per session at a time; whoever asks meanwhile waits for it. */
  function renewOnce(row: OAuthSessionRow, token: OAuthToken): Promise<OAuthToken | null> {
    const known = renewing.get(row.id);
    if (known) return known;
    const started = renewAcross(deps, box, row, token).finally(() => renewing.delete(row.id));
    renewing.set(row.id, started);
    return started;
  }

  async function goodToken(row: OAuthSessionRow | null): Promise<OAuthToken | null> {
    const token = row && box.open(row.token);
    if (!row || !token) return null;
    const now = nowSeconds();
    // Where even new tokens end soon, each use would be a renewal.
    const isNew = now - Number(token.issued_at) < RENEW_PAUSE && row.expires_at > now;
    return isNew || endOf(row, token) - now > RENEW_BEFORE ? token : renewOnce(row, token);
  }

  return {
    keep(userId, provider, tokens, most = settings.get('OAUTH_MAX_SESSIONS_PER_USER')) {
      const now = Date.now() / 1_000;
      const expiresAt = expiryOf(tokens, now);
      const token = box.seal({ ...tokens, expires_at: expiresAt, issued_at: now });
      const sid = sidOf(tokens);
      return database.transaction((tx) => insertOAuthSession(tx, { userId, provider, token, expiresAt, sid }, most));
    },
    async idToken(sessionId) {
      const row = await findOAuthSession(database.db, sessionId);
      return row && { provider: row.provider, idToken: box.open(row.token)?.id_token ?? null };
    },
    current: async (userId, sessionId) => goodToken(await sessionOf(database.db, userId, sessionId)),
    of: async (userId, provider) => goodToken(await newestOAuthSessionWith(database.db, userId, provider)),
  };
}

async function sessionOf(db: Db, userId: string, sessionId: string | null): Promise<OAuthSessionRow | null> {
  const own = sessionId === null ? null : await findOAuthSession(db, sessionId);
  return own?.user_id === userId ? own : newestOAuthSession(db, userId);
}

interface Box {
  seal(token: JsonObject): string;
  /** Null for what no key of ours opens, or what holds no access token. */
  open(sealed: string): OAuthToken | null;
}

/** Encryption of rows as the reference does it (identity note, 8.8). */
function createBox(settings: Settings): Box {
  const own = settings.isSet('OAUTH_SESSION_TOKEN_ENCRYPTION_KEY');
  const keys = own ? [settings.get('OAUTH_SESSION_TOKEN_ENCRYPTION_KEY')] : settings.secretKeys;
  const fernets = keys.map((key) => createFernet(fernetKeyOf(key)));
  const [first] = fernets;
  if (!first) throw new Error('there is no key to encrypt with');
  return {
    seal: (token) => first.encrypt(JSON.stringify(token)),
    open(sealed) {
      for (const fernet of fernets) {
        const text = fernet.decrypt(sealed);
        if (text !== null) return readToken(text);
      }
      return null;
    },
  };
}

function readToken(text: string): OAuthToken | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || typeof value.access_token !== 'string') return null;
  const { access_token, id_token, refresh_token, expires_at, ...rest } = value;
  return {
    ...rest,
    access_token,
    ...(typeof id_token === 'string' && { id_token }),
    ...(typeof refresh_token === 'string' && { refresh_token }),
    expires_at: Number(expires_at) || NEVER,
  };
}

/** When tokens end: as the response says, else an hour where they can be renewed, else never. Seconds since 1970, whole. */
export function expiryOf(tokens: JsonObject, now: number): number {
  const at = Number(tokens.expires_at);
  if (at > 0) return Math.trunc(at);
  const seconds = Number(tokens.expires_in);
  if (seconds > 0) return Math.trunc(now + seconds);
  return tokens.refresh_token ? Math.trunc(now + 3_600) : NEVER;
}

/** The access token or the id token, whichever ends first. */
function endOf(row: OAuthSessionRow, token: OAuthToken): number {
  const exp = token.id_token === undefined ? undefined : claimsOf(token.id_token)?.exp;
  return Math.min(row.expires_at, typeof exp === 'number' ? exp : NEVER);
}

function sidOf(tokens: JsonObject): string | null {
  const sid = typeof tokens.id_token === 'string' ? claimsOf(tokens.id_token)?.sid : undefined;
  return typeof sid === 'string' ? sid : null;
}

/** Claims of a token that was verified before, or whose claims decide nothing; null where it is none. */
export function claimsOf(token: string): JsonObject | null {
  try {
    return { ...decodeJwt(token) };
  } catch {
    return null;
  }
}

/** Renews in this process, or waits until the one that does has stored the result. */
async function renewAcross(
  deps: StoredTokensDeps,
  box: Box,
  row: OAuthSessionRow,
  token: OAuthToken,
): Promise<OAuthToken | null> {
  const { db } = deps.database;
  const end = performance.now() + RENEWAL_SECONDS * 1_000;
  while (!(await claimRenewal(db, row, RENEWAL_SECONDS))) {
    if (performance.now() > end) return usable(row, token);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const stored = await findOAuthSession(db, row.id);
    if (!stored) return null;
    if (stored.token !== row.token) return box.open(stored.token);
  }
  try {
    // Another process may have been done just before.
    const stored = await findOAuthSession(db, row.id);
    if (!stored) return null;
    if (stored.token !== row.token) return box.open(stored.token);
    return await renew(deps, box, stored, token);
  } finally {
    await releaseRenewal(db, row.id);
  }
}

async function renew(
  { database, config, log, client }: StoredTokensDeps,
  box: Box,
  row: OAuthSessionRow,
  token: OAuthToken,
): Promise<OAuthToken | null> {
  if (token.refresh_token === undefined) return usable(row, token);
  try {
    const provider = await client(row.provider);
    if (!provider) return usable(row, token);
    const scope = config.get('oauth.refresh_token.include_scope') ? provider.provider.scope : null;
    const { tokens } = await provider.refresh(token.refresh_token, scope);
    const now = Date.now() / 1_000;
    // What the answer leaves out goes on to hold, but for the old end.
    const { expires_at: _ended, expires_in: _lasted, ...kept } = token;
    const expiresAt = expiryOf({ ...kept, ...tokens }, now);
    const renewed = { ...kept, ...tokens, expires_at: expiresAt, issued_at: now };
    await updateOAuthToken(database.db, row.id, box.seal(renewed), expiresAt);
    return renewed;
  } catch (error) {
    const { reason, fault } = describeProblem(error);
    if (fault) throw fault;
    log.warn({ provider: row.provider, user: row.user_id, reason }, 'tokens of an identity provider cannot be renewed');
    // The provider has refused for good; a network that fails is no refusal.
    if (isRefusal(error)) {
      await deleteOAuthSessionRows(database.db, [row.id]);
      return null;
    }
    return usable(row, token);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'error' in error && error.error === 'invalid_grant';
}

/** Tokens that cannot be renewed serve until they end. */
function usable(row: OAuthSessionRow, token: OAuthToken): OAuthToken | null {
  return row.expires_at > nowSeconds() ? token : null;
}
