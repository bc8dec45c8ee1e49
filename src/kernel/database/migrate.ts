import { sql } from 'kysely';
import type { Database, Db } from './database.ts';
import { createStatements, quoter } from './ddl.ts';
import { migrations } from './migrations/index.ts';
import { HEAD, OLDER } from './revisions.ts';
import { schema } from './schema/index.ts';

/** What a database is, before anything is done to it. */
export type SchemaState =
  | { kind: 'empty' }
  | { kind: 'current'; pending: string[] }
  | { kind: 'refused'; reason: string };

/** The database cannot be used; the message says what was found and what to do. Nothing was changed. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** Looks at a database without changing it. */
export async function inspectSchema(database: Database): Promise<SchemaState> {
  const tables = await tableNames(database);
  if (!tables.has('alembic_version')) {
    const known = Object.keys(schema).filter((name) => tables.has(name));
    // MySQL commits each statement of a creation, and the version table is made last: this is one that was cut short.
    if (known.length === 0 || database.dialect === 'mysql') return { kind: 'empty' };
    return {
      kind: 'refused',
      reason: `The database has tables (${known.slice(0, 3).join(', ')} …) but no schema revision. It was written by a release before 0.12.4, or is not an Open WebUI database. ${UPGRADE}`,
    };
  }
  const rows = await database.db.selectFrom('alembic_version').select('version_num').execute();
  const revision = rows[0]?.version_num;
  if (revision === undefined) return { kind: 'empty' };
  if (rows.length > 1 || revision !== HEAD)
    return { kind: 'refused', reason: refusal(rows.map((row) => row.version_num)) };
  const missing = Object.keys(schema).filter((name) => !tables.has(name));
  if (missing.length > 0) {
    return {
      kind: 'refused',
      reason: `The database says revision ${HEAD}, but lacks the tables ${missing.join(', ')}.`,
    };
  }
  const applied = tables.has('loggia_migration') ? await appliedMigrations(database.db) : [];
  const unknown = applied.filter((id) => !migrations.some((migration) => migration.id === id));
  if (unknown.length > 0) {
    return {
      kind: 'refused',
      reason: `The database was used by a newer Loggia (${unknown.join(', ')}). Start that version, or restore a backup.`,
    };
  }
  return { kind: 'current', pending: migrations.map(({ id }) => id).filter((id) => !applied.includes(id)) };
}

const UPGRADE =
  'Start Open WebUI 0.12.4 on it once to bring it up to date, then start Loggia again. Nothing was changed.';

function refusal(found: string[]): string {
  const [revision = ''] = found;
  if (found.length > 1) return `The database has several schema revisions (${found.join(', ')}). ${UPGRADE}`;
  if (OLDER.has(revision)) {
    return `The database has schema revision ${revision}, which is older than ${HEAD} (release 0.12.4). ${UPGRADE}`;
  }
  return `The database has schema revision ${revision}, which is unknown: it was written by a release after 0.12.4 (${HEAD}). This version of Loggia cannot use it. Nothing was changed.`;
}

/** Creates an empty database or adopts an existing one, and applies Loggia's own migrations. Throws a SchemaError if it cannot. */
export async function migrate(database: Database): Promise<'created' | 'adopted'> {
  const before = await inspectSchema(database);
  if (before.kind === 'refused') throw new SchemaError(before.reason);
  if (before.kind === 'current' && before.pending.length === 0) return 'adopted';
  return exclusively(database, async (db) => {
    // Another process may have done it meanwhile.
    const state = await inspectSchema({ ...database, db });
    if (state.kind === 'refused') throw new SchemaError(state.reason);
    if (state.kind === 'empty') await createSchema(database, db);
    const applied = await ownMigrations(database, db);
    for (const migration of migrations) {
      if (applied.includes(migration.id)) continue;
      for (const [name, table] of Object.entries(migration.tables)) {
        await run(db, createStatements(database.dialect, name, table));
      }
      await run(db, migration.statements?.[database.dialect] ?? []);
      await sql`INSERT INTO loggia_migration (id, applied_at) VALUES (${migration.id}, ${Math.floor(Date.now() / 1_000)})`.execute(
        db,
      );
    }
    return state.kind === 'empty' ? 'created' : 'adopted';
  });
}

async function createSchema(database: Database, db: Db): Promise<void> {
  const names = Object.keys(schema).filter((name) => name !== 'alembic_version') as (keyof typeof schema)[];
  for (const name of [...inOrderOfReference(names), 'alembic_version' as const]) {
    await run(db, createStatements(database.dialect, name, schema[name]));
  }
  await db.insertInto('alembic_version').values({ version_num: HEAD }).execute();
}

/** PostgreSQL wants a referenced table to exist before the one that names it. */
function inOrderOfReference(names: (keyof typeof schema)[]): (keyof typeof schema)[] {
  const done = new Set<string>();
  const ordered: (keyof typeof schema)[] = [];
  const place = (name: keyof typeof schema): void => {
    if (done.has(name)) return;
    done.add(name);
    for (const foreign of schema[name].foreignKeys ?? []) place(foreign.references as keyof typeof schema);
    ordered.push(name);
  };
  for (const name of names) place(name);
  return ordered;
}

async function ownMigrations(database: Database, db: Db): Promise<string[]> {
  const quoted = quoter(database.dialect);
  const type = database.dialect === 'mysql' ? 'VARCHAR(255)' : 'TEXT';
  const name = quoted('loggia_migration');
  await run(db, [`CREATE TABLE IF NOT EXISTS ${name} (id ${type} NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)`]);
  return appliedMigrations(db);
}

async function appliedMigrations(db: Db): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`SELECT id FROM loggia_migration ORDER BY id`.execute(db);
  return rows.map((row) => row.id);
}

const INDEX_EXISTS = 'ER_DUP_KEYNAME';

async function run(db: Db, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    if (statement === '') continue;
    try {
      await sql.raw(statement).execute(db);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === INDEX_EXISTS)) throw error;
    }
  }
}

const LOCK = { number: 7_318_204_611, name: 'loggia_migration' };

/** One process at a time; in one transaction where the database can (MySQL commits each statement of a schema change). */
async function exclusively<T>(database: Database, work: (db: Db) => Promise<T>): Promise<T> {
  if (database.dialect === 'mysql') {
    return database.db.connection().execute(async (db) => {
      const { rows } = await sql<{ got: number | null }>`SELECT GET_LOCK(${LOCK.name}, 120) AS got`.execute(db);
      if (rows[0]?.got !== 1) throw new SchemaError('Another process has been changing the database for two minutes.');
      try {
        return await work(db);
      } finally {
        await sql`SELECT RELEASE_LOCK(${LOCK.name})`.execute(db);
      }
    });
  }
  return database.transaction(async (tx) => {
    if (database.dialect === 'postgresql') await sql`SELECT pg_advisory_xact_lock(${LOCK.number})`.execute(tx);
    return work(tx);
  });
}

async function tableNames(database: Database): Promise<Set<string>> {
  const query =
    database.dialect === 'sqlite'
      ? sql<{ name: string }>`SELECT name FROM sqlite_master WHERE type = 'table'`
      : database.dialect === 'postgresql'
        ? sql<{ name: string }>`SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`
        : sql<{
            name: string;
          }>`SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()`;
  const { rows } = await query.execute(database.db);
  return new Set(rows.map((row) => row.name));
}
