import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import mysql from 'mysql2/promise';
import pg from 'pg';

export type DatabaseKind = 'sqlite' | 'postgresql' | 'mysql';

/** The servers tests use when they answer; their accounts may create and drop databases. */
const SERVERS = {
  postgresql: process.env.LOGGIA_TEST_POSTGRESQL_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres',
  mysql: process.env.LOGGIA_TEST_MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/mysql',
} as const;
const REDIS = process.env.LOGGIA_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379/0';

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: 1_000 });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
    socket.on('timeout', () => end(false));
  });
}

/** False, or why tests on this kind of database are skipped: for the `skip` option of a test. */
export async function missingDatabase(kind: DatabaseKind): Promise<false | string> {
  if (kind === 'sqlite' || (await answers(SERVERS[kind]))) return false;
  return `no ${kind} at ${SERVERS[kind]} (LOGGIA_TEST_${kind.toUpperCase()}_URL)`;
}

export async function missingRedis(): Promise<false | string> {
  return (await answers(REDIS)) ? false : `no Redis at ${REDIS} (LOGGIA_TEST_REDIS_URL)`;
}

export const redisUrl = REDIS;

export interface FreshDatabase {
  /** Value for DATABASE_URL. */
  url: string;
  drop(): Promise<void>;
}

/** An empty database of its own on the test server; for SQLite the data folder is the database, so there is none to make. */
export async function freshDatabase(kind: Exclude<DatabaseKind, 'sqlite'>): Promise<FreshDatabase> {
  const name = `loggia_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const url = new URL(SERVERS[kind]);
  url.pathname = `/${name}`;
  const run = kind === 'postgresql' ? onPostgres : onMysql;
  await run(kind === 'postgresql' ? `create database ${name}` : `create database ${name} character set utf8mb4`);
  const dropping =
    kind === 'postgresql' ? `drop database if exists ${name} with (force)` : `drop database if exists ${name}`;
  return { url: url.href, drop: () => run(dropping) };
}

async function onPostgres(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: SERVERS.postgresql });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function onMysql(statement: string): Promise<void> {
  const client = await mysql.createConnection(SERVERS.mysql);
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
