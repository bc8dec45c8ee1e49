import { type Db, json } from '../../../kernel/database/index.ts';

/** A row of `loggia_api_key`; the key itself is not in it. */
export interface KeyRow {
  id: string;
  user_id: string;
  name: string;
  hint: string;
  /** Null: all that the account may do. */
  scopes: string[] | null;
  expires_at: number | null;
  last_used_at: number | null;
  created_at: number;
  updated_at: number;
}

const COLUMNS = [
  'id',
  'user_id',
  'name',
  'hint',
  'scopes',
  'expires_at',
  'last_used_at',
  'created_at',
  'updated_at',
] as const;

type StoredRow = Omit<KeyRow, 'scopes'> & { scopes: unknown };

function rowOf({ scopes, ...row }: StoredRow): KeyRow {
  // What cannot be read gives no right.
  const list = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
  return { ...row, scopes: scopes === null || scopes === undefined ? null : list };
}

/** An account's keys, the newest first. */
export async function keysOf(db: Db, userId: string): Promise<KeyRow[]> {
  const rows = await db
    .selectFrom('loggia_api_key')
    .select(COLUMNS)
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .execute();
  return rows.map(rowOf);
}

export async function keyByHash(db: Db, hash: string): Promise<KeyRow | null> {
  const row = await db.selectFrom('loggia_api_key').select(COLUMNS).where('hash', '=', hash).executeTakeFirst();
  return row ? rowOf(row) : null;
}

export async function keyOf(db: Db, userId: string, id: string): Promise<KeyRow | null> {
  const row = await db
    .selectFrom('loggia_api_key')
    .select(COLUMNS)
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row ? rowOf(row) : null;
}

export async function countKeys(db: Db, userId: string): Promise<number> {
  const row = await db
    .selectFrom('loggia_api_key')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

export async function insertKey(db: Db, { scopes, ...row }: KeyRow & { hash: string }): Promise<void> {
  await db
    .insertInto('loggia_api_key')
    .values({ ...row, scopes: scopes && json(scopes) })
    .execute();
}

export async function updateKey(
  db: Db,
  id: string,
  { name, scopes, expires_at, updated_at }: Pick<KeyRow, 'name' | 'scopes' | 'expires_at' | 'updated_at'>,
): Promise<void> {
  await db
    .updateTable('loggia_api_key')
    .set({ name, scopes: scopes && json(scopes), expires_at, updated_at })
    .where('id', '=', id)
    .execute();
}

/** False when the account has no such key. */
export async function deleteKey(db: Db, userId: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('loggia_api_key')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function deleteKeysOf(db: Db, userId: string): Promise<void> {
  await db.deleteFrom('loggia_api_key').where('user_id', '=', userId).execute();
}

export async function writeUse(db: Db, ids: readonly string[], now: number): Promise<void> {
  await db.updateTable('loggia_api_key').set({ last_used_at: now }).where('id', 'in', ids).execute();
}
