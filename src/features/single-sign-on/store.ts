import { randomUUID } from 'node:crypto';
import { expressionBuilder } from 'kysely';
import { type Db, insertOrIgnore, type Tables, uniqueViolation } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';

/** A row of `oauth_session`; `token` is encrypted. */
export interface OAuthSessionRow {
  id: string;
  user_id: string;
  provider: string;
  token: string;
  expires_at: number;
  created_at: number;
  updated_at: number;
}

export interface NewOAuthSession {
  userId: string;
  provider: string;
  token: string;
  expiresAt: number;
  /** The provider's own name of the session. */
  sid: string | null;
}

/** Inserts a session and removes the user's oldest with the provider, so that `most` stay; gives its id. Run it in a transaction. */
export async function insertOAuthSession(
  db: Db,
  { userId, provider, token, expiresAt, sid }: NewOAuthSession,
  most: number,
): Promise<string> {
  const rows = await db
    .selectFrom('oauth_session')
    .select('id')
    .where('user_id', '=', userId)
    .where('provider', '=', provider)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .execute();
  await deleteOAuthSessionRows(
    db,
    rows.slice(Math.max(0, most - 1)).map(({ id }) => id),
  );
  const now = nowSeconds();
  const id = randomUUID();
  await db
    .insertInto('oauth_session')
    .values({ id, user_id: userId, provider, token, expires_at: expiresAt, created_at: now, updated_at: now })
    .execute();
  await db.insertInto('loggia_oauth_session').values({ id, provider, sid, renewing_until: null }).execute();
  return id;
}

export async function findOAuthSession(db: Db, id: string): Promise<OAuthSessionRow | null> {
  return (await db.selectFrom('oauth_session').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;
}

/** The user's last changed session with a login provider (those of tool servers are named `mcp:…`). */
export async function newestOAuthSession(db: Db, userId: string): Promise<OAuthSessionRow | null> {
  const row = await db
    .selectFrom('oauth_session')
    .selectAll()
    .where('user_id', '=', userId)
    .where('provider', 'not like', 'mcp:%')
    .orderBy('updated_at', 'desc')
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** The user's last session with this provider. */
export async function newestOAuthSessionWith(
  db: Db,
  userId: string,
  provider: string,
): Promise<OAuthSessionRow | null> {
  const row = await db
    .selectFrom('oauth_session')
    .selectAll()
    .where('user_id', '=', userId)
    .where('provider', '=', provider)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** Providers of this kind (the beginning of their names) with which the user has a session. */
export async function providersOf(db: Db, userId: string, prefix: string): Promise<string[]> {
  const rows = await db
    .selectFrom('oauth_session')
    .select('provider')
    .distinct()
    .where('user_id', '=', userId)
    .where('provider', 'like', `${prefix}%`)
    .execute();
  return rows.map(({ provider }) => provider);
}

export async function updateOAuthToken(db: Db, id: string, token: string, expiresAt: number): Promise<void> {
  await db
    .updateTable('oauth_session')
    .set({ token, expires_at: expiresAt, updated_at: nowSeconds() })
    .where('id', '=', id)
    .execute();
}

/** Removes sessions with what is kept beside them. */
export async function deleteOAuthSessionRows(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db.deleteFrom('oauth_session').where('id', 'in', ids).execute();
  await db.deleteFrom('loggia_oauth_session').where('id', 'in', ids).execute();
}

/** Removes the user's sessions with a provider. */
export async function deleteOAuthSessionsOf(db: Db, userId: string, provider: string): Promise<void> {
  const rows = await db
    .selectFrom('oauth_session')
    .select('id')
    .where('user_id', '=', userId)
    .where('provider', '=', provider)
    .execute();
  for (const { id } of rows) await deleteOAuthSessionRows(db, [id]);
}

/** Users whose sessions the provider knows by this name. */
export async function usersBySid(db: Db, provider: string, sid: string): Promise<string[]> {
  const rows = await db
    .selectFrom('oauth_session')
    .innerJoin('loggia_oauth_session', 'loggia_oauth_session.id', 'oauth_session.id')
    .select('oauth_session.user_id')
    .where('loggia_oauth_session.sid', '=', sid)
    .where('loggia_oauth_session.provider', '=', provider)
    .execute();
  return [...new Set(rows.map(({ user_id: id }) => id))];
}

/** Takes the right to renew a session for some seconds; false while another process has it. */
export async function claimRenewal(db: Db, { id, provider }: OAuthSessionRow, seconds: number): Promise<boolean> {
  const now = nowSeconds();
  // Sessions that the reference made have no row here yet.
  await insertOrIgnore(db, 'loggia_oauth_session', [{ id, provider, sid: null, renewing_until: null }]);
  const { numUpdatedRows } = await db
    .updateTable('loggia_oauth_session')
    .set({ renewing_until: now + seconds })
    .where('id', '=', id)
    .where((where) => where.or([where('renewing_until', 'is', null), where('renewing_until', '<=', now)]))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function releaseRenewal(db: Db, id: string): Promise<void> {
  await db.updateTable('loggia_oauth_session').set({ renewing_until: null }).where('id', '=', id).execute();
}

/** Notes that a sign-in has come back; false when it had before. */
export async function spendSignIn(db: Db, id: string, expiresAt: number): Promise<boolean> {
  try {
    await db.insertInto('loggia_spent_sign_in').values({ id, expires_at: expiresAt }).execute();
    return true;
  } catch (error) {
    if (uniqueViolation(error) !== null) return false;
    throw error;
  }
}

/** Removes what nothing refers to any more. */
export async function cleanUp(db: Db): Promise<void> {
  await db.deleteFrom('loggia_spent_sign_in').where('expires_at', '<', nowSeconds()).execute();
  const { eb, exists, selectFrom, not } = expressionBuilder<Tables, 'loggia_oauth_session'>();
  const held = selectFrom('oauth_session')
    .select('id')
    .where('oauth_session.id', '=', eb.ref('loggia_oauth_session.id'));
  await db
    .deleteFrom('loggia_oauth_session')
    .where(not(exists(held)))
    .execute();
}

/** The oldest administrator; null when there is none. */
export async function oldestAdmin(db: Db): Promise<string | null> {
  const row = await db
    .selectFrom('user')
    .select('id')
    .where('role', '=', 'admin')
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return row?.id ?? null;
}
