import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import mysql from 'mysql2/promise';
import pg from 'pg';
import {
  type Database,
  type DatabaseOptions,
  type Dialect,
  migrate,
  openDatabase,
} from '../../src/kernel/database/index.ts';

/** A database of its own that a test made, and how to remove it. */
export interface FreshDatabase {
  dialect: Dialect;
  url: string;
  drop(): Promise<void>;
}

const POSTGRES = process.env.TEST_POSTGRES_URL ?? 'postgresql://postgres@127.0.0.1:5432';
const MYSQL = process.env.TEST_MYSQL_URL ?? 'mysql://root@127.0.0.1:3306';

async function freshSqlite(): Promise<FreshDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'loggia-db-'));
  return {
    dialect: 'sqlite',
    url: `sqlite:///${join(folder, 'webui.db')}`,
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

function newName(): string {
  return `loggia_test_${randomBytes(6).toString('hex')}`;
}

async function freshPostgres(): Promise<FreshDatabase> {
  const name = newName();
  const run = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: `${POSTGRES}/postgres` });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await run(`CREATE DATABASE ${name}`);
  return { dialect: 'postgresql', url: `${POSTGRES}/${name}`, drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`) };
}

async function freshMysql(): Promise<FreshDatabase> {
  const name = newName();
  const run = async (statement: string): Promise<void> => {
    const client = await mysql.createConnection(MYSQL);
    await client.query(statement).finally(() => client.end());
  };
  await run(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  return { dialect: 'mysql', url: `${MYSQL}/${name}`, drop: () => run(`DROP DATABASE ${name}`) };
}

/** Makes an empty database of a kind. */
export const freshDatabase: Record<Dialect, () => Promise<FreshDatabase>> = {
  sqlite: freshSqlite,
  postgresql: freshPostgres,
  mysql: freshMysql,
};

/** Why a kind of database cannot be tested here; null where it can. In CI nothing may be skipped, so there it is always null. */
async function missing(dialect: Dialect): Promise<string | null> {
  if (dialect === 'sqlite' || process.env.CI) return null;
  try {
    await (await freshDatabase[dialect]()).drop();
    return null;
  } catch (error) {
    return `no ${dialect} server: ${error instanceof Error ? error.message || error.name : error}`;
  }
}

const DIALECTS: Dialect[] = ['sqlite', 'postgresql', 'mysql'];
const reasons = new Map(await Promise.all(DIALECTS.map(async (one) => [one, await missing(one)] as const)));

/** For the `skip` option of a test of one kind of database. */
export function skipReason(dialect: Dialect): string | false {
  return reasons.get(dialect) ?? false;
}

/** Declares the same tests for each kind of database; those whose server is not there are skipped with the reason. */
export function onEachDialect(title: string, declare: (dialect: Dialect) => void): void {
  for (const dialect of DIALECTS) {
    describe(`${title} (${dialect})`, { skip: skipReason(dialect) }, () => declare(dialect));
  }
}

export const testOptions: Omit<DatabaseOptions, 'url'> = {
  schema: null,
  poolSize: null,
  maxOverflow: 0,
  poolTimeout: 10,
  poolRecycle: 3_600,
  sqlite: {
    wal: true,
    synchronous: 'NORMAL',
    cacheSize: '-65536',
    tempStore: 'MEMORY',
    mmapSize: '268435456',
    journalSizeLimit: '67108864',
  },
};

/** An opened database with the whole schema; `drop` closes and removes it. */
export async function openFresh(dialect: Dialect): Promise<Database & { url: string; drop(): Promise<void> }> {
  const fresh = await freshDatabase[dialect]();
  const database = openDatabase({ ...testOptions, url: fresh.url });
  await migrate(database);
  return {
    ...database,
    url: fresh.url,
    drop: async () => {
      await database.close();
      await fresh.drop();
    },
  };
}
