import { Kysely, type Dialect as KyselyDialect, sql } from 'kysely';
import type { Dialect } from './ddl.ts';
import { isConflict } from './errors.ts';
import { mysqlDialect } from './mysql.ts';
import { type DatabaseOptions, targetOf } from './options.ts';
import { postgresDialect } from './postgresql.ts';
import type { Tables } from './schema/index.ts';
import { type SqliteDialect, sqliteDialect } from './sqlite.ts';

/** A connected database, or a transaction on it: what stores take first. */
export type Db = Kysely<Tables>;

/** A running transaction. Passes wherever `Db` is asked for. */
export interface Transaction extends Kysely<Tables> {
  /** Runs after the commit, in the order given; not at all after a rollback. A failure is reported, the commit stands. */
  onCommit(after: () => void | Promise<void>): void;
}

export interface Database {
  db: Db;
  dialect: Dialect;
  /** What may be shown: the URL without its password. */
  description: string;
  /** Runs `work` in one transaction; tries again when another one was in the way. `work` may therefore run several times. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** The same database for what takes long; on SQLite in a thread of its own, where it holds up nobody. */
  background: Background;
  /** A number that is another one after any commit by anybody; null where the database does not tell it for nothing. */
  commitMark(): number | null;
  /** Throws while the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type Background = Pick<Database, 'db' | 'transaction'>;

export interface OpenOptions extends DatabaseOptions {
  /** Told of failures in `onCommit`. */
  onError?: (error: unknown) => void;
}

/** Milliseconds a transaction is tried for when others are in its way. */
const PATIENCE_MS = 10_000;

/** Opens a database; it connects on the first query. */
export function openDatabase(options: OpenOptions): Database {
  const target = targetOf(options);
  const dialect = dialectFor(target);
  const db = new Kysely<Tables>({ dialect });
  const onError = options.onError ?? (() => {});
  const transactionOn =
    (on: Db): Database['transaction'] =>
    (work) =>
      retried(() => attempt(on, work, onError));
  const thread = dialect.background?.() ?? null;
  const behind = thread ? new Kysely<Tables>({ dialect: thread }) : db;
  return {
    db,
    dialect: target.dialect,
    description: options.url.replace(/(:\/\/[^:@/]*):[^@]*@/, '$1:***@'),
    transaction: transactionOn(db),
    background: { db: behind, transaction: transactionOn(behind) },
    commitMark: () => dialect.commitMark?.() ?? null,
    ping: async () => {
      await sql`SELECT 1`.execute(db);
    },
    async close() {
      if (behind !== db) await behind.destroy();
      await db.destroy();
    },
  };
}

function dialectFor(
  target: ReturnType<typeof targetOf>,
): KyselyDialect & Partial<Pick<SqliteDialect, 'commitMark' | 'background'>> {
  switch (target.dialect) {
    case 'sqlite':
      return sqliteDialect(target.options);
    case 'postgresql':
      return postgresDialect(target.options);
    case 'mysql':
      return mysqlDialect(target.options);
  }
}

async function attempt<T>(
  db: Db,
  work: (tx: Transaction) => Promise<T>,
  onError: (error: unknown) => void,
): Promise<T> {
  const after: (() => void | Promise<void>)[] = [];
  const result = await db.transaction().execute((plain) => {
    const tx = Object.assign(plain, {
      onCommit: (one: () => void | Promise<void>): void => {
        after.push(one);
      },
    });
    return work(tx);
  });
  for (const one of after) {
    try {
      await one();
    } catch (error) {
      onError(error);
    }
  }
  return result;
}

async function retried<T>(attemptOnce: () => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (let round = 0; ; round += 1) {
    try {
      return await attemptOnce();
    } catch (error) {
      if (!isConflict(error) || performance.now() > end) throw error;
      await pause(Math.min(250, 2 ** round) * (0.5 + Math.random()));
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
