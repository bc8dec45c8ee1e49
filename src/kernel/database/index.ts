export type { Json } from './columns.ts';
export { type Database, type Db, type OpenOptions, openDatabase, type Transaction } from './database.ts';
export type { Dialect } from './ddl.ts';
export { isConflict, isUnavailable, uniqueViolation } from './errors.ts';
export { dialectOfDb, escapeLike, insertOrIgnore, jsonAt, jsonText, likeFold, upsert } from './expressions.ts';
export { cleanJson, cleanText, json, jsonFromText, mayNeedCleaning } from './json.ts';
export { inspectSchema, migrate, SchemaError, type SchemaState } from './migrate.ts';
export { type DatabaseOptions, DatabaseUrlError, type SqlitePragmas } from './options.ts';
export type { TableName, Tables } from './schema/index.ts';
