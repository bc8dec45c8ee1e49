import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely';
import { createMutex, type Mutex } from './mutex.ts';
import { threadDialect } from './sqlite-background.ts';
import { dialectWith } from './sqlite-dialect.ts';
import { BEGIN, type SqliteOptions, SqliteSession } from './sqlite-session.ts';

export interface SqliteDialect extends Dialect {
  /** See `Database.commitMark`. */
  commitMark(): number | null;
  /** The same file for what takes long, in a thread of its own; null for a database in memory, which has one connection. */
  background(): Dialect | null;
}

/** Kysely dialect: one writer connection used by one transaction at a time, and one reader that never waits for it. */
export function sqliteDialect(options: SqliteOptions): SqliteDialect {
  let driver: SqliteDriver | undefined;
  const writing = createMutex();
  return {
    background: () => (options.path === ':memory:' ? null : threadDialect(options, writing)),
    commitMark: () => driver?.commitMark() ?? null,
    ...dialectWith(() => {
      driver = new SqliteDriver(options, writing);
      return driver;
    }),
  };
}

class SqliteDriver implements Driver {
  readonly #options: SqliteOptions;
  readonly #writing: Mutex;
  readonly #breath = new Breath();
  #writer: SqliteSession | undefined;
  #reader: SqliteSession | undefined;

  constructor(options: SqliteOptions, writing: Mutex) {
    this.#options = options;
    this.#writing = writing;
  }

  async init(): Promise<void> {
    if (this.#options.path !== ':memory:') mkdirSync(dirname(this.#options.path), { recursive: true });
    this.#writer = new SqliteSession(this.#options);
    this.#reader = this.#options.path === ':memory:' ? this.#writer : new SqliteSession(this.#options);
  }

  /** The reader sees the commits of every other connection, but would not see its own. */
  commitMark(): number | null {
    return this.#reader && this.#reader !== this.#writer ? this.#reader.dataVersion() : null;
  }

  async acquireConnection(): Promise<SqliteConnection> {
    if (!this.#writer || !this.#reader) throw new Error('The database is closed.');
    return new SqliteConnection(this.#reader, this.#writer, this.#writing, this.#breath);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as SqliteConnection).begin();
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    (connection as SqliteConnection).end('COMMIT');
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    (connection as SqliteConnection).end('ROLLBACK');
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    (connection as SqliteConnection).release();
  }

  async destroy(): Promise<void> {
    const release = await this.#writing.lock();
    if (this.#reader !== this.#writer) this.#reader?.close();
    this.#writer?.close();
    this.#reader = undefined;
    this.#writer = undefined;
    release();
  }
}

/** Milliseconds of transactions in a row after which everything else has its turn. */
const ROW_MS = 8;

/** Queries here never wait for anything, so a row of transactions would keep the event loop from turning until its end. */
class Breath {
  #since: number | null = null;

  take(): Promise<void> | undefined {
    const now = performance.now();
    if (this.#since === null) {
      this.#since = now;
      setImmediate(() => {
        this.#since = null;
      });
      return undefined;
    }
    if (now - this.#since < ROW_MS) return undefined;
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** What Kysely holds while it runs a query or a transaction. Outside a transaction reads and writes go to their own session. */
class SqliteConnection implements DatabaseConnection {
  readonly #reader: SqliteSession;
  readonly #writer: SqliteSession;
  readonly #writing: Mutex;
  readonly #breath: Breath;
  #unlock: (() => void) | undefined;
  #over = false;

  constructor(reader: SqliteSession, writer: SqliteSession, writing: Mutex, breath: Breath) {
    this.#reader = reader;
    this.#writer = writer;
    this.#writing = writing;
    this.#breath = breath;
  }

  async begin(): Promise<void> {
    this.#unlock = await this.#writing.lock();
    try {
      await this.#breath.take();
      this.#writer.exec(BEGIN);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  end(command: 'COMMIT' | 'ROLLBACK'): void {
    if (!this.#unlock) return;
    // A full disk or an I/O error has rolled back already.
    if (command === 'COMMIT' || this.#writer.inTransaction) this.#writer.exec(command);
    this.release();
  }

  release(): void {
    if (!this.#unlock) return;
    if (this.#writer.inTransaction) this.#writer.exec('ROLLBACK');
    this.#over = true;
    const unlock = this.#unlock;
    this.#unlock = undefined;
    unlock();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#over) throw new Error('A query was sent after its transaction had ended.');
    if (this.#unlock) return this.#writer.run<R>(query);
    const reading = this.#reader.prepare(query.sql);
    if (reading.statement.readonly) return this.#reader.run<R>(query, reading);
    const unlock = await this.#writing.lock();
    try {
      return this.#writer.run<R>(query);
    } finally {
      unlock();
    }
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const session = this.#unlock ? this.#writer : new SqliteSession(this.#reader.options);
    try {
      for (const row of session.iterate<R>(query)) yield { rows: [row] };
    } finally {
      if (!this.#unlock) session.close();
    }
  }
}
