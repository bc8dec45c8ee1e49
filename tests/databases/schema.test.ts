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
import { type ContractTable, comparable, postgresSchema, sqliteSchema } from './contract.ts';
import { freshDatabase, onEachDialect, openFresh, skipReason, testOptions } from './dialects.ts';

const SHARED = new URL('../../../shared/', import.meta.url);
const contract = JSON.parse(readFileSync(new URL('contract/schema.json', SHARED), 'utf8'));

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
