import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';

/** Somebody else works on the same SQLite database. */
export class DatabaseInUse extends Error {
  override readonly name = 'DatabaseInUse';
}

/**
 * Keeps other servers off an SQLite database until the result is called, or the process ends in whatever way: the lock is one of
 * the operating system's on `<file>.lock`. Waits up to `patienceMs` for another server that is about to end.
 */
export async function lockDatabaseFile(file: string, patienceMs: number, waiting: () => void): Promise<() => void> {
  mkdirSync(dirname(file), { recursive: true });
  const lock = new BetterSqlite(`${file}.lock`, { timeout: 0 });
  const end = performance.now() + patienceMs;
  let told = false;
  for (;;) {
    try {
      lock.exec('BEGIN EXCLUSIVE');
      return () => lock.close();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY'))) {
        lock.close();
        throw error;
      }
      if (performance.now() > end) {
        lock.close();
        throw new DatabaseInUse(
          `Another server uses ${file}. Stop it first; for several servers at a time set DATABASE_URL to a PostgreSQL database, or REDIS_URL.`,
        );
      }
      if (!told) waiting();
      told = true;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
