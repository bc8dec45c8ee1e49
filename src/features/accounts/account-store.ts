import { type Selectable, sql } from 'kysely';
import { type Db, insertOrIgnore, json, type Tables } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';

/** A user with what decides whether its sessions count. */
export interface Account {
  user: User;
  /** Null: no credential row, or an inactive one. */
  auth: { stamp: string | null; password: string; mfa: unknown } | null;
}

/** A user row as the rest of the program sees it; earlier releases left null where a value is expected. */
export function userOf(row: Selectable<Tables['user']>): User {
  return {
    ...row,
    email: row.email ?? '',
    name: row.name ?? '',
    role: row.role ?? 'pending',
    last_active_at: row.last_active_at ?? 0,
    updated_at: row.updated_at ?? 0,
    created_at: row.created_at ?? 0,
  };
}

/** Both rows of each of these users; users that do not exist are left out. */
export async function loadAccounts(db: Db, userIds: readonly string[]): Promise<Map<string, Account>> {
  const found = new Map<string, Account>();
  for (const some of slices(userIds)) {
    const rows = await accountQuery(db).where('user.id', 'in', some).execute();
    for (const row of rows) found.set(row.id, accountOf(row));
  }
  return found;
}

/** The account with this address, in any case; null when there is none. */
export async function accountByEmail(db: Db, email: string): Promise<Account | null> {
  const row = await accountQuery(db)
    .where(sql`lower(${sql.ref('user.email')})`, '=', email.toLowerCase())
    .executeTakeFirst();
  return row ? accountOf(row) : null;
}

function accountQuery(db: Db) {
  return db
    .selectFrom('user')
    .leftJoin('auth', 'auth.id', 'user.id')
    .selectAll('user')
    .select(['auth.id as auth_id', 'auth.active', 'auth.password', 'auth.session_stamp', 'auth.mfa']);
}

type AccountRow = Awaited<ReturnType<ReturnType<typeof accountQuery>['executeTakeFirstOrThrow']>>;

function accountOf(row: AccountRow): Account {
  const { auth_id: authId, active, password, session_stamp: stamp, mfa, ...user } = row;
  return {
    user: userOf(user),
    auth: authId === null || !active ? null : { stamp, password: password ?? '', mfa },
  };
}

export async function userByEmail(db: Db, email: string): Promise<User | null> {
  return (await accountByEmail(db, email))?.user ?? null;
}

export async function userById(db: Db, id: string): Promise<User | null> {
  const row = await db.selectFrom('user').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? userOf(row) : null;
}

export async function anyUser(db: Db): Promise<boolean> {
  return (await db.selectFrom('user').select('id').limit(1).executeTakeFirst()) !== undefined;
}

/** The first account: oldest, administrators first among equals. It is protected from other administrators. */
export async function primaryUser(db: Db): Promise<User | null> {
  const row = await db
    .selectFrom('user')
    .selectAll()
    .orderBy('created_at')
    .orderBy(sql`CASE WHEN role = 'admin' THEN 0 ELSE 1 END`)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return row ? userOf(row) : null;
}

export interface NewAccount {
  id: string;
  name: string;
  /** Lower case. */
  email: string;
  role: string;
  password: string;
  profile_image_url: string;
  session_stamp: string;
  oauth?: unknown;
  scim?: unknown;
  /** Seconds. */
  now: number;
}

/** Inserts both rows of an account. Run it in a transaction. */
export async function insertAccount(db: Db, account: NewAccount): Promise<void> {
  const { id, email, now } = account;
  await db
    .insertInto('auth')
    .values({ id, email, password: account.password, active: true, session_stamp: account.session_stamp })
    .execute();
  await db
    .insertInto('user')
    .values({
      id,
      email,
      name: account.name,
      role: account.role,
      profile_image_url: account.profile_image_url,
      ...(account.oauth === undefined ? {} : { oauth: json(account.oauth) }),
      ...(account.scim === undefined ? {} : { scim: json(account.scim) }),
      last_active_at: now,
      updated_at: now,
      created_at: now,
    })
    .execute();
}

/** Notes that these users were active. */
export async function writeActivity(db: Db, userIds: readonly string[], now: number): Promise<void> {
  for (const some of slices(userIds)) {
    await db.updateTable('user').set({ last_active_at: now }).where('id', 'in', some).execute();
  }
}

/** Signed-out tokens: kept until they would have expired anyway. */
export async function insertRevokedToken(db: Db, jti: string, userId: string, expiresAt: number | null): Promise<void> {
  await insertOrIgnore(db, 'loggia_revoked_token', [{ jti, user_id: userId, expires_at: expiresAt }]);
}

export async function isTokenRevoked(db: Db, jti: string): Promise<boolean> {
  const row = await db.selectFrom('loggia_revoked_token').select('jti').where('jti', '=', jti).executeTakeFirst();
  return row !== undefined;
}

export async function deleteExpiredRevocations(db: Db, now: number): Promise<void> {
  await db.deleteFrom('loggia_revoked_token').where('expires_at', '<', now).execute();
}

const IN_LIST = 500;

export function slices(ids: readonly string[]): string[][] {
  const result: string[][] = [];
  for (let at = 0; at < ids.length; at += IN_LIST) result.push(ids.slice(at, at + IN_LIST));
  return result;
}

export async function setRole(db: Db, userId: string, role: string): Promise<void> {
  await db.updateTable('user').set({ role }).where('id', '=', userId).execute();
}

export type UserChanges = Partial<
  Pick<
    User,
    | 'name'
    | 'email'
    | 'role'
    | 'profile_image_url'
    | 'bio'
    | 'gender'
    | 'date_of_birth'
    | 'timezone'
    | 'status_emoji'
    | 'status_message'
    | 'status_expires_at'
  >
>;

/** Writes columns of a user; false when there is none. */
export async function updateUser(db: Db, id: string, changes: UserChanges): Promise<boolean> {
  if (Object.keys(changes).length === 0) return (await userById(db, id)) !== null;
  const { numUpdatedRows } = await db.updateTable('user').set(changes).where('id', '=', id).executeTakeFirst();
  // MySQL counts rows that changed; the same values again are no missing user.
  return numUpdatedRows > 0n || (await userById(db, id)) !== null;
}

export async function deleteOAuthSession(db: Db, sessionId: string): Promise<void> {
  await db.deleteFrom('oauth_session').where('id', '=', sessionId).execute();
}

/** The provider of a session, where it is this user's. */
export async function oauthProviderOf(db: Db, userId: string, sessionId: string): Promise<string | null> {
  const row = await db
    .selectFrom('oauth_session')
    .select('provider')
    .where('id', '=', sessionId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row?.provider ?? null;
}

/** Removes the user's sessions with a provider; false when there were none. */
export async function deleteOAuthSessions(db: Db, userId: string, provider: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('oauth_session')
    .where('user_id', '=', userId)
    .where('provider', '=', provider)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function listOAuthSessions(db: Db, userId: string) {
  return db
    .selectFrom('oauth_session')
    .select(['id', 'user_id', 'provider', 'expires_at', 'created_at', 'updated_at'])
    .where('user_id', '=', userId)
    .orderBy('updated_at', 'desc')
    .execute();
}

export async function usersByIds(db: Db, ids: readonly string[]): Promise<User[]> {
  const found: User[] = [];
  for (const some of slices(ids)) {
    found.push(...(await db.selectFrom('user').selectAll().where('id', 'in', some).execute()).map(userOf));
  }
  return found;
}
