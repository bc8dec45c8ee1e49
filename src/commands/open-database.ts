import { mkdirSync } from 'node:fs';
import { type Database, type DatabaseOptions, openDatabase } from '../kernel/database/index.ts';
import type { Settings } from '../kernel/settings/index.ts';

/** Opens the main database as the settings say; the data folder is made when it is not there. */
export function openMainDatabase(settings: Settings, onError?: (error: unknown) => void): Database {
  mkdirSync(settings.dataDir, { recursive: true });
  return openDatabase({ ...databaseOptions(settings), ...(onError ? { onError } : {}) });
}

/** Where the main database is, and how to connect to it. */
export function databaseOptions(settings: Settings): DatabaseOptions {
  return {
    url: settings.get('DATABASE_URL'),
    schema: settings.get('DATABASE_SCHEMA'),
    poolSize: settings.get('DATABASE_POOL_SIZE'),
    maxOverflow: settings.get('DATABASE_POOL_MAX_OVERFLOW'),
    poolTimeout: settings.get('DATABASE_POOL_TIMEOUT'),
    poolRecycle: settings.get('DATABASE_POOL_RECYCLE'),
    sqlite: {
      wal: settings.get('DATABASE_ENABLE_SQLITE_WAL'),
      synchronous: settings.get('DATABASE_SQLITE_PRAGMA_SYNCHRONOUS'),
      cacheSize: settings.get('DATABASE_SQLITE_PRAGMA_CACHE_SIZE'),
      tempStore: settings.get('DATABASE_SQLITE_PRAGMA_TEMP_STORE'),
      mmapSize: settings.get('DATABASE_SQLITE_PRAGMA_MMAP_SIZE'),
      journalSizeLimit: settings.get('DATABASE_SQLITE_PRAGMA_JOURNAL_SIZE_LIMIT'),
    },
  };
}
