import { type Dialect, type Driver, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';

/** Kysely's dialect for SQLite with a driver of our own, which sees itself to what may run at the same time. */
export function dialectWith(createDriver: () => Driver): Dialect {
  return {
    createAdapter: () => new SharedSqliteAdapter(),
    createDriver,
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** Kysely runs one query at a time on SQLite unless told that the driver sees to it: here a transaction must not stop readers. */
class SharedSqliteAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}
