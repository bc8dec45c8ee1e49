import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sql } from 'kysely';
import {
  type Database,
  type Dialect,
  insertOrIgnore,
  inspectSchema,
  isUnavailable,
  json,
  jsonAt,
  jsonText,
  likeFold,
  migrate,
  openDatabase,
  SchemaError,
  uniqueViolation,
  upsert,
} from '../../src/kernel/database/index.ts';
import { freshDatabase, onEachDialect, openFresh, skipReason, testOptions } from './dialects.ts';

const SHARED = new URL('../../../shared/', import.meta.url);
const contract = JSON.parse(readFileSync(new URL('contract/schema.json', SHARED), 'utf8'));

interface ContractTable {
  columns: { name: string; type: string; nullable: boolean; default: string | null; pk?: number }[];
  indexes: {
    name: string;
    unique?: boolean;
    origin?: string;
    columns?: string[];
    sql?: string | null;
    definition?: string;
  }[];
  constraints?: { name: string; definition: string }[];
  foreign_keys?: { columns: string[]; references: string; on_delete: string }[];
}

const plain = (text: string): string =>
  text
    .replace(/["\s]+/g, ' ')
    .replace(/\(\s+/g, '(')
    .replace(/\s+([),])/g, '$1')
    .trim();

/** The schema of an SQLite file in the contract's terms, without what SQLite names itself. */
async function sqliteSchema(database: Database): Promise<Record<string, unknown>> {
  const { rows } = await sql<{ name: string }>`SELECT name FROM sqlite_master WHERE type = 'table'`.execute(
    database.db,
  );
  const result: Record<string, unknown> = {};
  for (const { name } of rows.filter((row) => !row.name.startsWith('loggia_') && !row.name.startsWith('sqlite_'))) {
    const columns = await sql<Record<string, unknown>>`SELECT * FROM pragma_table_info(${name})`.execute(database.db);
    const indexes = await sql<{
      name: string;
      unique: number;
      origin: string;
    }>`SELECT * FROM pragma_index_list(${name})`.execute(database.db);
    const foreign = await sql<Record<string, string>>`SELECT * FROM pragma_foreign_key_list(${name})`.execute(
      database.db,
    );
    const listed = [];
    for (const index of indexes.rows) {
      const on = await sql<{ name: string | null }>`SELECT name FROM pragma_index_info(${index.name})`.execute(
        database.db,
      );
      const text = await sql<{ sql: string | null }>`SELECT sql FROM sqlite_master WHERE name = ${index.name}`.execute(
        database.db,
      );
      listed.push({
        name: index.name,
        unique: index.unique === 1,
        origin: index.origin,
        columns: on.rows.map((row) => row.name),
        sql: text.rows[0]?.sql ?? null,
      });
    }
    result[name] = {
      columns: columns.rows.map((row) => ({
        name: row.name,
        type: row.type,
        nullable: row.notnull === 0,
        default: row.dflt_value,
        pk: row.pk,
      })),
      indexes: listed,
      foreign_keys: foreign.rows.map((row) => ({
        columns: [row.from],
        references: `${row.table}(${row.to})`,
        on_delete: row.on_delete,
      })),
    };
  }
  return result;
}

/** Contract tables in a form that two writings of the same schema share. */
function comparable(tables: Record<string, ContractTable>): unknown {
  const sorted = <T>(list: T[]): T[] => list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return Object.fromEntries(
    Object.entries(tables)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, table]) => [
        name,
        {
          columns: sorted(
            table.columns.map((column) => ({ ...column, default: column.default?.replaceAll("'", '') ?? null })),
          ),
          indexes: sorted(
            table.indexes.map((index) =>
              index.definition !== undefined
                ? { name: index.name, definition: index.definition }
                : {
                    name: index.origin === 'c' ? index.name : '',
                    unique: index.unique,
                    origin: index.origin,
                    columns: index.columns,
                    sql: index.sql ? plain(index.sql) : null,
                  },
            ),
          ),
          foreign_keys: sorted(table.foreign_keys ?? []),
          constraints: sorted(table.constraints ?? []),
        },
      ]),
  );
}

async function postgresSchema(database: Database): Promise<Record<string, ContractTable>> {
  const { db } = database;
  const columns = await sql<{ t: string; name: string; type: string; nullable: boolean; default: string | null }>`
    SELECT c.relname AS t, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
           pg_get_expr(d.adbin, d.adrelid) AS default
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0 AND NOT a.attisdropped`.execute(
    db,
  );
  const indexes = await sql<{ t: string; name: string; definition: string }>`
    SELECT tablename AS t, indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'`.execute(
    db,
  );
  const constraints = await sql<{ t: string; name: string; definition: string }>`
    SELECT c.relname AS t, k.conname AS name, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype <> 'n'`.execute(db);
  const result: Record<string, ContractTable> = {};
  for (const { t, ...column } of columns.rows) {
    if (t.startsWith('loggia_')) continue;
    result[t] ??= { columns: [], indexes: [], constraints: [] };
    result[t].columns.push(column);
  }
  for (const { t, ...index } of indexes.rows) result[t]?.indexes.push(index);
  for (const { t, ...constraint } of constraints.rows) result[t]?.constraints?.push(constraint);
  return result;
}

describe('the schema', () => {
  test('of a new SQLite file equals the contract', async () => {
    const database = await openFresh('sqlite');
    try {
      const actual = (await sqliteSchema(database)) as Record<string, ContractTable>;
      for (const table of Object.values(contract.sqlite as Record<string, ContractTable>)) {
        // Rebuilt tables of old installations carry a second unique index on their key.
        table.indexes = table.indexes.filter((index) => !(index.origin === 'u' && index.columns?.join() === 'id'));
      }
      assert.deepEqual(comparable(actual), comparable(contract.sqlite));
    } finally {
      await database.drop();
    }
  });

  test('of a new PostgreSQL database equals the contract', { skip: skipReason('postgresql') }, async () => {
    const database = await openFresh('postgresql');
    try {
      assert.deepEqual(comparable(await postgresSchema(database)), comparable(contract.postgresql));
    } finally {
      await database.drop();
    }
  });

  test('of an adopted data folder of 0.12.4 stays as it is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'loggia-fixture-'));
    try {
      cpSync(new URL('fixtures/data-0.12.4/webui.db', SHARED), join(folder, 'webui.db'));
      const database = openDatabase({ ...testOptions, url: `sqlite:///${join(folder, 'webui.db')}` });
      const before = comparable((await sqliteSchema(database)) as Record<string, ContractTable>);
      assert.equal(await migrate(database), 'adopted');
      assert.equal(await migrate(database), 'adopted');
      const after = comparable((await sqliteSchema(database)) as Record<string, ContractTable>);
      assert.deepEqual(after, before);
      const chats = await database.db.selectFrom('chat').select(['id', 'chat', 'archived']).execute();
      assert.equal(chats.length, 5);
      assert.ok(chats.every((chat) => typeof chat.chat === 'object' && chat.archived === false));
      const note = await database.db.selectFrom('note as n').select('n.created_at').executeTakeFirstOrThrow();
      assert.equal(typeof note.created_at, 'bigint');
      await database.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

onEachDialect('a database', (dialect: Dialect) => {
  test('is created once, also by two processes at a time', async () => {
    const fresh = await freshDatabase[dialect]();
    const two = [
      openDatabase({ ...testOptions, url: fresh.url }),
      openDatabase({ ...testOptions, url: fresh.url }),
    ] as const;
    try {
      const outcomes = await Promise.all(two.map((one) => migrate(one)));
      assert.deepEqual(outcomes.toSorted(), ['adopted', 'created']);
      assert.deepEqual(await inspectSchema(two[0]), { kind: 'current', pending: [] });
    } finally {
      for (const one of two) await one.close();
      await fresh.drop();
    }
  });

  test('refuses older and newer revisions and changes nothing', async () => {
    const database = await openFresh(dialect);
    try {
      for (const [revision, text] of [
        ['c92da83b017f', /older than 0bd252b206fb/],
        ['ffffffffffff', /after 0\.12\.4/],
      ] as const) {
        await database.db.updateTable('alembic_version').set({ version_num: revision }).execute();
        await assert.rejects(
          migrate(database),
          (error: unknown) => error instanceof SchemaError && text.test(error.message),
        );
        const found = await database.db.selectFrom('alembic_version').select('version_num').execute();
        assert.deepEqual(found, [{ version_num: revision }]);
      }
    } finally {
      await database.drop();
    }
  });

  test('decodes columns by what they hold', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      const nanoseconds = 1_795_422_255_741_029_369n;
      await db
        .insertInto('chat')
        .values({
          id: 'c',
          user_id: 'u',
          title: 'Ünï',
          archived: true,
          chat: json({ a: 'x\0y\ud800', n: 1 }),
          meta: json({}),
          timer_at: nanoseconds,
          created_at: 5,
        })
        .execute();
      const chat = await db.selectFrom('chat').selectAll().executeTakeFirstOrThrow();
      assert.deepEqual(
        { ...chat },
        {
          ...chat,
          chat: { a: 'xy', n: 1 },
          meta: {},
          archived: true,
          pinned: null,
          timer_at: nanoseconds,
          created_at: 5,
        },
      );
      const { rows } = await sql<{ text: string; member: string; n: number; ns: bigint }>`
        SELECT ${jsonText(db, 'chat')} AS text, ${jsonAt(db, 'chat', 'a')} AS member, COUNT(*) OVER () AS n, MAX(timer_at) OVER () AS ns FROM chat`.execute(
        db,
      );
      assert.deepEqual({ ...rows[0] }, { text: '{"a":"xy","n":1}', member: 'xy', n: 1, ns: nanoseconds });
      const aliased = await db
        .selectFrom('chat as c')
        .select(['c.chat as document', 'c.archived'])
        .executeTakeFirstOrThrow();
      assert.deepEqual({ ...aliased }, { document: { a: 'xy', n: 1 }, archived: true });
      const found = await db
        .selectFrom('chat')
        .select('id')
        .where(likeFold(db, 'title', 'üNÏ%'))
        .execute();
      assert.deepEqual(
        found.map((row) => row.id),
        ['c'],
      );
    } finally {
      await database.drop();
    }
  });

  test('keeps text with quotes, backslashes and every plane as it is', async () => {
    const database = await openFresh(dialect);
    try {
      const content = 'a\'b"c\\d\n\u{1f600} %_ `x` \u0001';
      await database.db
        .insertInto('tag')
        .values({ id: 't', name: content, user_id: 'u', meta: json({ content }) })
        .execute();
      const tag = await database.db.selectFrom('tag').selectAll().executeTakeFirstOrThrow();
      assert.equal(tag.name, content);
      assert.deepEqual(tag.meta, { content });
    } finally {
      await database.drop();
    }
  });

  test('upserts, ignores duplicates, and names unique violations', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      const row = { key: 'ui.name', value: json('one'), updated_at: 1 };
      await upsert(db, 'config', [row], { key: ['key'], update: ['value', 'updated_at'] });
      await upsert(db, 'config', [{ ...row, value: json('two') }], { key: ['key'], update: ['value'] });
      await insertOrIgnore(db, 'config', [{ ...row, value: json('three') }]);
      const [stored] = await db.selectFrom('config').selectAll().execute();
      assert.deepEqual({ ...stored }, { key: 'ui.name', value: 'two', updated_at: 1 });
      await db.insertInto('user').values({ id: '1', email: 'A@b.c' }).execute();
      await assert.rejects(db.insertInto('user').values({ id: '2', email: 'a@B.c' }).execute(), (error) => {
        assert.match(uniqueViolation(error) ?? '', /uq_user_email_lower|email/);
        return true;
      });
    } finally {
      await database.drop();
    }
  });

  test('rolls a failed transaction back, runs onCommit after the commit only, and ends it for good', async () => {
    const database = await openFresh(dialect);
    try {
      const seen: string[] = [];
      await assert.rejects(
        database.transaction(async (tx) => {
          tx.onCommit(() => void seen.push('never'));
          await tx.insertInto('tag').values({ id: 'a', user_id: 'u' }).execute();
          throw new Error('no');
        }),
        /no/,
      );
      let kept: typeof database.db | undefined;
      await database.transaction(async (tx) => {
        kept = tx;
        tx.onCommit(async () => {
          const rows = await database.db.selectFrom('tag').select('id').execute();
          seen.push(rows.map((row) => row.id).join());
        });
        await tx.insertInto('tag').values({ id: 'b', user_id: 'u' }).execute();
        const outside = await database.db.selectFrom('tag').select('id').execute();
        seen.push(`outside: ${outside.length}`);
      });
      assert.deepEqual(seen, ['outside: 0', 'b']);
      await assert.rejects(async () => kept?.selectFrom('tag').selectAll().execute());
    } finally {
      await database.drop();
    }
  });

  test('lets many writers through without losing an update', async () => {
    const database = await openFresh(dialect);
    const other = openDatabase({ ...testOptions, url: database.url });
    try {
      await database.db
        .insertInto('config')
        .values({ key: 'n', value: json(0), updated_at: 0 })
        .execute();
      const increment = (one: Database) =>
        one.transaction(async (tx) => {
          await tx.updateTable('config').set({ updated_at: sql`updated_at + 1` }).where('key', '=', 'n').execute();
        });
      await Promise.all(Array.from({ length: 60 }, (_, at) => increment(at % 2 ? database : other)));
      const { updated_at } = await database.db.selectFrom('config').select('updated_at').executeTakeFirstOrThrow();
      assert.equal(updated_at, 60);
    } finally {
      await other.close();
      await database.drop();
    }
  });
});

test('a server that is not there is told from a mistake', async () => {
  for (const url of ['postgresql://nobody@127.0.0.1:1/x', 'mysql://nobody@127.0.0.1:1/x']) {
    const database = openDatabase({ ...testOptions, url });
    await assert.rejects(database.ping(), (error) => isUnavailable(error));
    await database.close();
  }
  const database = await openFresh('sqlite');
  await assert.rejects(sql`SELECT nothing`.execute(database.db), (error) => !isUnavailable(error));
  await database.drop();
});
