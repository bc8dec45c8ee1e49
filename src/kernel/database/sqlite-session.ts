import BetterSqlite, { type Database as SqliteFile, type Statement } from 'better-sqlite3';
import type { CompiledQuery, QueryResult } from 'kysely';
import { type Decode, decoderOf, encodeParameter, kindOf } from './codecs.ts';

export interface SqliteOptions {
  /** Absolute path, or `:memory:`. */
  path: string;
  /** Statements run on each new connection, e.g. `PRAGMA journal_mode = WAL`. */
  pragmas: readonly string[];
}

/** What begins a transaction. */
export const BEGIN = 'BEGIN IMMEDIATE';

const STATEMENTS_KEPT = 500;
/** A waiting lock holds the event loop, so the file is asked again from outside (see `transaction`) instead of waiting long. */
const LOCK_WAIT_MS = 20;

/** What is run: SQL with its parameters. */
export type Query = Pick<CompiledQuery, 'sql' | 'parameters'>;

export interface Prepared {
  statement: Statement<unknown[], Record<string, unknown>>;
  decode: [column: string, decode: Decode][];
}

/** One open file handle with its prepared statements. */
export class SqliteSession {
  readonly options: SqliteOptions;
  readonly #file: SqliteFile;
  readonly #prepared = new Map<string, Prepared>();
  readonly #dataVersion: Statement<[], number>;

  constructor(options: SqliteOptions) {
    this.options = options;
    this.#file = new BetterSqlite(options.path, { timeout: LOCK_WAIT_MS });
    for (const pragma of options.pragmas) this.#file.exec(pragma);
    defineLike(this.#file);
    // SQLite's own knows ASCII only.
    this.#file.function('loggia_lower', { deterministic: true }, (text) =>
      typeof text === 'string' ? text.toLowerCase() : text,
    );
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

  run<R>(query: Query, prepared = this.prepare(query.sql)): QueryResult<R> {
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

  *iterate<R>(query: Query): Generator<R> {
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
