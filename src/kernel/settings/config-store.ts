import { type Db, dialectOfDb, insertOrIgnore, json, type Transaction, upsert } from '../database/index.ts';

export interface ConfigRow {
  key: string;
  value: unknown;
  /** Seconds. */
  updated_at: number | null;
}

export function readRows(db: Db): Promise<ConfigRow[]> {
  return db.selectFrom('config').select(['key', 'value', 'updated_at']).orderBy('key').execute();
}

export function readKeys(db: Db, keys: readonly string[]): Promise<ConfigRow[]> {
  return db.selectFrom('config').select(['key', 'value', 'updated_at']).where('key', 'in', keys).execute();
}

/** Number of rows and newest change, by which another process' writes are noticed. */
export async function readMark(db: Db): Promise<{ count: number; newest: number }> {
  const row = await db
    .selectFrom('config')
    .select((eb) => [eb.fn.countAll().as('count'), eb.fn.max('updated_at').as('newest')])
    .executeTakeFirstOrThrow();
  return { count: Number(row.count), newest: Number(row.newest ?? 0) };
}

export function readSince(db: Db, seconds: number): Promise<ConfigRow[]> {
  return db
    .selectFrom('config')
    .select(['key', 'value', 'updated_at'])
    .where((eb) => eb.or([eb('updated_at', '>=', seconds), eb('updated_at', 'is', null)]))
    .execute();
}

const now = () => Math.floor(Date.now() / 1000);

/** Inserts or overwrites. */
export async function writeRows(db: Db, values: ReadonlyMap<string, unknown>): Promise<void> {
  if (values.size === 0) return;
  const rows = [...values].map(([key, value]) => ({ key, value: json(value), updated_at: now() }));
  await upsert(db, 'config', rows, { key: ['key'], update: ['value', 'updated_at'] });
}

/** Inserts what has no row yet. */
export async function seedRows(db: Db, values: ReadonlyMap<string, unknown>): Promise<void> {
  const rows = [...values].map(([key, value]) => ({ key, value: json(value), updated_at: now() }));
  await insertOrIgnore(db, 'config', rows);
}

export async function deleteRows(db: Db, keys: readonly string[]): Promise<void> {
  if (keys.length > 0) await db.deleteFrom('config').where('key', 'in', keys).execute();
}

export async function clearRows(db: Db): Promise<void> {
  await db.deleteFrom('config').execute();
}

/** The row, held until the transaction ends, so that nobody changes it in between; made with `first` where it is missing. */
export async function lockRow(tx: Transaction, key: string, first: unknown): Promise<ConfigRow> {
  await seedRows(tx, new Map([[key, first]]));
  const query = tx.selectFrom('config').select(['key', 'value', 'updated_at']).where('key', '=', key);
  // SQLite has one writer at a time and no word for it.
  return (dialectOfDb(tx) === 'sqlite' ? query : query.forUpdate()).executeTakeFirstOrThrow();
}
