import { type InsertObject, PostgresAdapter, type RawBuilder, SqliteAdapter, sql } from 'kysely';
import { createBreath } from '../breath.ts';
import type { Json } from './columns.ts';
import type { Db } from './database.ts';
import type { Dialect } from './ddl.ts';
import type { TableName, Tables } from './schema/index.ts';

/** The dialect a connection or transaction speaks. */
export function dialectOfDb(db: Db): Dialect {
  const { adapter } = db.getExecutor();
  if (adapter instanceof SqliteAdapter) return 'sqlite';
  return adapter instanceof PostgresAdapter ? 'postgresql' : 'mysql';
}

type Row<T extends TableName> = InsertObject<Tables, T>;
type ColumnName<T extends TableName> = keyof Tables[T] & string;

/** Rows one statement may carry so that every database's limit of parameters holds. */
const ROWS_PER_STATEMENT = 200;

/** Inserts rows; those whose key or unique values exist already are left as they are. */
export async function insertOrIgnore<T extends TableName>(db: Db, table: T, rows: readonly Row<T>[]): Promise<void> {
  const breathe = createBreath();
  for (const some of slices(rows)) {
    await breathe();
    if (dialectOfDb(db) === 'mysql') {
      await db.insertInto(table).ignore().values(some).execute();
    } else {
      await db
        .insertInto(table)
        .values(some)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  }
}

/** Inserts rows; of those whose `key` exists already, the `update` columns are overwritten. */
export async function upsert<T extends TableName>(
  db: Db,
  table: T,
  rows: readonly Row<T>[],
  how: { key: readonly ColumnName<T>[]; update: readonly ColumnName<T>[] },
): Promise<void> {
  const breathe = createBreath();
  for (const some of slices(rows)) {
    await breathe();
    const query = db.insertInto(table).values(some);
    if (dialectOfDb(db) === 'mysql') {
      const set = Object.fromEntries(how.update.map((column) => [column, sql`VALUES(${sql.ref(column)})`]));
      await query.onDuplicateKeyUpdate(set as never).execute();
    } else {
      const set = Object.fromEntries(how.update.map((column) => [column, sql.ref(`excluded.${column}`)]));
      await query.onConflict((conflict) => conflict.columns([...how.key] as never).doUpdateSet(set as never)).execute();
    }
  }
}

function slices<T>(rows: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) result.push(rows.slice(at, at + ROWS_PER_STATEMENT));
  return result;
}

/** `column LIKE pattern`, blind to case (a column's name or an expression); in the pattern `%` and `_` are wildcards and `\` escapes. */
export function likeFold(db: Db, column: string | RawBuilder<unknown>, pattern: string): RawBuilder<boolean> {
  const ref = typeof column === 'string' ? sql.ref(column) : column;
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql<boolean>`${ref} LIKE ${pattern} ESCAPE '\\'`;
    case 'postgresql':
      return sql<boolean>`CAST(${ref} AS text) ILIKE ${pattern} ESCAPE '\\'`;
    case 'mysql':
      return sql<boolean>`LOWER(${ref}) LIKE LOWER(${pattern})`;
  }
}

/** A text for use within a LIKE pattern, its wildcards taken literally. */
export function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** The stored text of a JSON column, unread. */
export function jsonText(db: Db, column: string): RawBuilder<string | null> {
  const ref = sql.ref(column);
  if (dialectOfDb(db) === 'mysql') return sql<string | null>`CONCAT(${ref}, '')`;
  return dialectOfDb(db) === 'sqlite'
    ? sql<string | null>`CAST(${ref} AS TEXT)`
    : sql<string | null>`CAST(${ref} AS text)`;
}

/** The stored text of a JSON column as bytes where that is cheaper: SQLite hands bytes over without decoding them. See `storedBytes`. */
export function jsonBytes(db: Db, column: string): RawBuilder<StoredJson | null> {
  if (dialectOfDb(db) !== 'sqlite') return jsonText(db, column);
  return sql<Buffer | null>`CAST(${sql.ref(column)} AS BLOB)`;
}

/** How many bytes a stored JSON column has, without reading it where that is possible; compressed ones on PostgreSQL. */
export function storedSize(db: Db, column: string): RawBuilder<number> {
  const ref = sql.ref(column);
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql<number>`octet_length(${ref})`;
    case 'postgresql':
      return sql<number>`pg_column_size(${ref})`;
    case 'mysql':
      return sql<number>`LENGTH(${ref})`;
  }
}

/** UTF-8 bytes that are clean JSON, for a JSON column: SQLite takes them as they are, four times faster than a text. */
export function jsonFromBytes(db: Db, bytes: Buffer): RawBuilder<Json> {
  return dialectOfDb(db) === 'sqlite' ? sql<Json>`CAST(${bytes} AS TEXT)` : sql<Json>`${bytes.toString()}`;
}

/** What `jsonBytes` selects. */
export type StoredJson = string | Buffer;

/** The UTF-8 bytes of what `jsonBytes` has selected; none for null. */
export function storedBytes(stored: StoredJson | null): Buffer {
  return typeof stored === 'string' ? Buffer.from(stored) : (stored ?? NOTHING);
}

const NOTHING = Buffer.alloc(0);

/** The text of a member of a JSON column by path; null where it is absent or the column holds no JSON object. */
export function jsonAt(db: Db, column: string, ...path: string[]): RawBuilder<string | null> {
  const ref = sql.ref(column);
  const dialect = dialectOfDb(db);
  if (dialect === 'postgresql') {
    return sql<string | null>`CAST(${ref} AS json) #>> ${sql`ARRAY[${sql.join(path)}]::text[]`}`;
  }
  const jsonPath = `$${path.map((key) => `."${key}"`).join('')}`;
  if (dialect === 'sqlite') {
    return sql<string | null>`CASE WHEN json_valid(${ref}) THEN CAST(json_extract(${ref}, ${jsonPath}) AS TEXT) END`;
  }
  return sql<string | null>`JSON_UNQUOTE(JSON_EXTRACT(${ref}, ${jsonPath}))`;
}
