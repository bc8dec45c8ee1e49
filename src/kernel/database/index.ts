export type { Json } from './columns.ts';
export { type Background, type Database, type Db, openDatabase, type Transaction } from './database.ts';
export type { Dialect } from './ddl.ts';
export { isTooLong, isUnavailable, uniqueViolation } from './errors.ts';
export {
  dialectOfDb,
  escapeLike,
  insertOrIgnore,
  jsonAt,
  jsonBytes,
  jsonFromBytes,
  jsonText,
  likeFold,
  type StoredJson,
  storedBytes,
  storedSize,
  upsert,
} from './expressions.ts';
export { lockDatabaseFile } from './folder-lock.ts';
export { cleanJson, cleanText, json, jsonFromText, mayNeedCleaning } from './json.ts';
export { inspectSchema, migrate, SchemaError } from './migrate.ts';
export { type DatabaseOptions, sqliteFile } from './options.ts';
export type { Tables } from './schema/index.ts';
