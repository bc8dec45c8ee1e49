import {
  type Database,
  inspectSchema,
  isTooLong,
  isUnavailable,
  lockDatabaseFile,
  migrate,
  SchemaError,
  sqliteFile,
  uniqueViolation,
} from './kernel/database/index.ts';
import { HttpError } from './kernel/http/errors.ts';
import type { Settings } from './kernel/settings/index.ts';
import type { Log } from './kernel/telemetry/log.ts';

/** Milliseconds to wait for another server on the same SQLite file that is about to end. */
const LOCK_PATIENCE_MS = 6_000;

/**
 * Keeps a second server off an SQLite database unless both talk over Redis: they would not hear of each other's changes, and each
 * would take the other's running answers for broken ones. Call the result to let go.
 */
export async function holdDatabase(settings: Settings, log: Log): Promise<() => void> {
  const file = sqliteFile(settings.get('DATABASE_URL'));
  if (file === null || settings.get('REDIS_URL') !== '' || settings.get('REDIS_SENTINEL_HOSTS').length > 0) {
    return () => {};
  }
  return lockDatabaseFile(file, LOCK_PATIENCE_MS, () => log.warn(`another server uses ${file}: waiting for its end`));
}

/** Creates or adopts the tables; with ENABLE_DB_MIGRATIONS=false it only makes sure that they are there. Throws SchemaError. */
export async function prepareDatabase(database: Database, settings: Settings): Promise<void> {
  if (settings.get('ENABLE_DB_MIGRATIONS')) {
    await migrate(database);
    return;
  }
  const state = await inspectSchema(database);
  if (state.kind === 'refused') throw new SchemaError(state.reason);
  if (state.kind === 'empty' || state.pending.length > 0) {
    throw new SchemaError('ENABLE_DB_MIGRATIONS is false and the database is not ready: run `loggia migrate` once.');
  }
}

/** The answer for a database error that a route did not deal with; null for errors that are none. */
export function translateError(error: unknown): HttpError | null {
  if (isTooLong(error)) {
    return new HttpError(400, 'A name or id is too long for the database.', {
      code: 'database.too_long',
      cause: error,
    });
  }
  if (isUnavailable(error)) {
    return new HttpError(503, 'The database cannot be reached.', { code: 'database.unavailable', cause: error });
  }
  if (uniqueViolation(error) !== null) {
    const text = 'Another request has just stored the same. Please look at it and try again.';
    return new HttpError(409, text, { code: 'database.unique', cause: error });
  }
  return null;
}
