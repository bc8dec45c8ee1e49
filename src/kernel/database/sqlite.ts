import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite, { type Database as SqliteFile, type Statement } from 'better-sqlite3';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { type Decode, decoderOf, encodeParameter, kindOf } from './codecs.ts';
import { createMutex, type Mutex } from './mutex.ts';

export interface SqliteOptions {
  /** Absolute path, or `:memory:`. */
  path: string;
  /** Statements run on each new connection, e.g. `PRAGMA journal_mode = WAL`. */
  pragmas: readonly string[];
}

const STATEMENTS_KEPT = 500;
/** A waiting lock holds the event loop, so the file is asked again from outside (see `transaction`) instead of waiting long. */
const LOCK_WAIT_MS = 20;

export interface SqliteDialect extends Dialect {
  /** See `Database.commitMark`. */
  commitMark(): number | null;
}

/** Kysely dialect: one writer connection used by one transaction at a time, and one reader that never waits for it. */
export function sqliteDialect(options: SqliteOptions): SqliteDialect {
  let driver: SqliteDriver | undefined;
  return {
    commitMark: () => driver?.commitMark() ?? null,
    createAdapter: () => new SharedSqliteAdapter(),
    createDriver: () => {
      driver = new SqliteDriver(options);
      return driver;
    },
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

class SqliteDriver implements Driver {
  readonly #options: SqliteOptions;
  readonly #writing = createMutex();
  readonly #breath = new Breath();
  #writer: SqliteSession | undefined;
  #reader: SqliteSession | undefined;

  constructor(options: SqliteOptions) {
    this.#options = options;
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
      this.#writer.exec('BEGIN IMMEDIATE');
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

interface Prepared {
  statement: Statement<unknown[], Record<string, unknown>>;
  decode: [column: string, decode: Decode][];
}

/** One open file handle with its prepared statements. */
class SqliteSession {
  readonly options: SqliteOptions;
  readonly #file: SqliteFile;
  readonly #prepared = new Map<string, Prepared>();
  readonly #dataVersion: Statement<[], number>;

  constructor(options: SqliteOptions) {
    this.options = options;
    this.#file = new BetterSqlite(options.path, { timeout: LOCK_WAIT_MS });
    for (const pragma of options.pragmas) this.#file.exec(pragma);
    defineLike(this.#file);
    this.#dataVersion = this.#file.prepare<[], number>('PRAGMA data_version').pluck();
  }

  dataVersion(): number | null {
    return this.#dataVersion.get() ?? null;
  }

  get inTransaction(): boolean {
    return this.#file.inTransaction;
  }

  exec(sql: string): void {
    this.#file.exec(sql);
  }

  close(): void {
    this.#prepared.clear();
    this.#file.close();
  }

  prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const prepared = prepare(this.#file, sql);
    if (this.#prepared.size >= STATEMENTS_KEPT) {
      const oldest = this.#prepared.keys().next().value;
      if (oldest !== undefined) this.#prepared.delete(oldest);
    }
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  run<R>(query: CompiledQuery, prepared = this.prepare(query.sql)): QueryResult<R> {
    const { statement, decode } = prepared;
    const parameters = query.parameters.map(bindable);
    if (!statement.reader) {
      const { changes, lastInsertRowid } = statement.run(...parameters);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    }
    const rows = statement.all(...parameters);
    for (const row of rows) decodeRow(row, decode);
    return { rows: rows as R[] };
  }

  *iterate<R>(query: CompiledQuery): Generator<R> {
    const { statement, decode } = prepare(this.#file, query.sql);
    for (const row of statement.iterate(...query.parameters.map(bindable))) {
      decodeRow(row, decode);
      yield row as R;
    }
  }
}

function prepare(file: SqliteFile, sql: string): Prepared {
  const statement = file.prepare<unknown[], Record<string, unknown>>(sql);
  if (!statement.reader) return { statement, decode: [] };
  let exact = false;
  const decode: [string, Decode][] = [];
  for (const { name, table, column } of statement.columns()) {
    const kind = kindOf(table, column);
    const decoder = decoderOf(kind);
    if (decoder) decode.push([name, decoder]);
    // Nanoseconds do not fit a double; expressions may be built on them.
    if (kind === 'nanoseconds' || kind === undefined) exact = true;
  }
  statement.safeIntegers(exact);
  return { statement, decode };
}

function decodeRow(row: Record<string, unknown>, decode: Prepared['decode']): void {
  for (const [name, decoder] of decode) {
    const value = row[name];
    if (value !== null) row[name] = decoder(value);
  }
}

function bindable(value: unknown): unknown {
  const encoded = encodeParameter(value);
  return typeof encoded === 'boolean' ? Number(encoded) : encoded;
}

const PATTERNS_KEPT = 200;

/** Replaces SQLite's LIKE, which folds ASCII only, by one that folds every script (configuration note, 10.3). */
function defineLike(file: SqliteFile): void {
  const patterns = new Map<string, RegExp | null>();
  const like = (pattern: unknown, value: unknown, escaping?: unknown): number | null => {
    if (pattern === null || value === null || escaping === null) return null;
    const key = `${escaping ?? ''}\0${pattern}`;
    let compiled = patterns.get(key);
    if (compiled === undefined) {
      compiled = likePattern(String(pattern), typeof escaping === 'string' ? escaping : '');
      if (patterns.size >= PATTERNS_KEPT) patterns.clear();
      patterns.set(key, compiled);
    }
    return compiled?.test(String(value).toLowerCase()) ? 1 : 0;
  };
  file.function('like', { deterministic: true }, (pattern, value) => like(pattern, value));
  file.function('like', { deterministic: true }, (pattern, value, escaping) => like(pattern, value, escaping));
}

/** The expression for a LIKE pattern; null when it ends in a lone escape and so matches nothing. */
function likePattern(pattern: string, escaping: string): RegExp | null {
  let source = '';
  const characters = [...pattern.toLowerCase()];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (escaping !== '' && character === escaping.toLowerCase()) {
      at += 1;
      const literal = characters[at];
      if (literal === undefined) return null;
      source += RegExp.escape(literal);
    } else if (character === '%') source += '.*';
    else if (character === '_') source += '.';
    else source += RegExp.escape(character);
  }
  return new RegExp(`^${source}$`, 'su');
}
