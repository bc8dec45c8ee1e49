import { resolve } from 'node:path';
import type { PoolConfig } from 'pg';
import type { PostgresOptions } from './postgresql.ts';
import type { SqliteOptions } from './sqlite-session.ts';

/** What the operator may set (configuration note, 10). Sizes and times of null mean the default. */
export interface DatabaseOptions {
  /** `sqlite:///…`, `postgresql://…`, `mysql://…` and their spellings with a driver name. */
  url: string;
  schema: string | null;
  poolSize: number | null;
  maxOverflow: number;
  /** Seconds to wait for a free connection. */
  poolTimeout: number;
  /** Seconds after which a pooled connection is replaced. */
  poolRecycle: number;
  sqlite: SqlitePragmas;
}

/** Values of PRAGMAs; an empty one is not sent. */
export interface SqlitePragmas {
  wal: boolean;
  synchronous: string;
  cacheSize: string;
  tempStore: string;
  mmapSize: string;
  journalSizeLimit: string;
}

export type Target =
  | { dialect: 'sqlite'; options: SqliteOptions }
  | { dialect: 'postgresql'; options: PostgresOptions }
  | { dialect: 'mysql'; options: { uri: string; connectionLimit: number } };

/** Thrown for a database setting that cannot work; the message names it. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError';
}

const DEFAULT_CONNECTIONS = 15;

/** Reads a database URL. */
export function targetOf(options: DatabaseOptions): Target {
  const scheme = /^([a-z0-9+]+):/i.exec(options.url)?.[1]?.toLowerCase() ?? '';
  const [kind] = scheme.split('+');
  if (scheme === 'sqlite+sqlcipher') {
    throw new DatabaseUrlError('DATABASE_URL: encrypted SQLite (sqlite+sqlcipher) is not supported.');
  }
  if (kind === 'sqlite')
    return { dialect: 'sqlite', options: { path: sqlitePath(options.url), pragmas: pragmas(options.sqlite) } };
  const rest = options.url.slice(scheme.length);
  if (kind === 'postgres' || kind === 'postgresql')
    return { dialect: 'postgresql', options: postgres(`postgresql${rest}`, options) };
  if (kind === 'mysql' || kind === 'mariadb') {
    return { dialect: 'mysql', options: { uri: `mysql${rest}`, connectionLimit: connections(options) } };
  }
  throw new DatabaseUrlError(
    `DATABASE_URL: "${scheme || options.url}" is no known database; use sqlite:///path, postgresql://… or mysql://…`,
  );
}

/** The file of an SQLite database, null for databases in memory and of other kinds. */
export function sqliteFile(url: string): string | null {
  const path = /^sqlite/i.test(url) ? sqlitePath(url) : ':memory:';
  return path === ':memory:' ? null : path;
}

/** Three slashes: relative to the working folder; four: absolute. */
function sqlitePath(url: string): string {
  const path = /^sqlite(?:\+\w+)?:\/\/\/?([^?]*)/i.exec(url)?.[1] ?? '';
  return path === '' || path === ':memory:' ? ':memory:' : resolve(decodeURIComponent(path));
}

function pragmas(given: SqlitePragmas): string[] {
  const values: [string, string][] = [
    ['journal_mode', given.wal ? 'WAL' : 'DELETE'],
    ['synchronous', given.synchronous],
    ['cache_size', given.cacheSize],
    ['temp_store', given.tempStore],
    ['mmap_size', given.mmapSize],
    ['journal_size_limit', given.journalSizeLimit],
  ];
  const sent = values.filter(([, value]) => value !== '');
  for (const [name, value] of sent) {
    if (!/^-?\w+$/.test(value))
      throw new DatabaseUrlError(`DATABASE_SQLITE_PRAGMA_${name.toUpperCase()}: "${value}" is no value.`);
  }
  return sent.map(([name, value]) => `PRAGMA ${name} = ${value}`);
}

function connections(options: DatabaseOptions): number {
  const { poolSize } = options;
  return poolSize === null || poolSize <= 0 ? DEFAULT_CONNECTIONS : poolSize + Math.max(0, options.maxOverflow);
}

/** `ssl` is taken as `sslmode`; the modes mean what they mean to libpq, where `require` does not verify. */
function postgres(url: string, options: DatabaseOptions): PostgresOptions {
  const parsed = new URL(url);
  const ssl = parsed.searchParams.get('ssl');
  if (ssl !== null) {
    parsed.searchParams.delete('ssl');
    if (!parsed.searchParams.has('sslmode')) parsed.searchParams.set('sslmode', ssl === 'true' ? 'require' : ssl);
  }
  if (parsed.searchParams.has('sslmode')) parsed.searchParams.set('uselibpqcompat', 'true');
  const pool: PoolConfig = {
    connectionString: parsed.href,
    max: connections(options),
    connectionTimeoutMillis: options.poolTimeout * 1_000,
    maxLifetimeSeconds: Math.max(0, options.poolRecycle),
    idleTimeoutMillis: options.poolSize === 0 ? 1 : 30_000,
    keepAlive: true,
  };
  if (options.schema) {
    if (!/^[A-Za-z_][\w$]*$/.test(options.schema))
      throw new DatabaseUrlError(`DATABASE_SCHEMA: "${options.schema}" is no schema name.`);
    const before = parsed.searchParams.get('options');
    pool.options = `${before ? `${before} ` : ''}-c search_path=${options.schema}`;
  }
  return { pool, schema: options.schema };
}
