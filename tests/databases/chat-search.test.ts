import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import {
  createTextIndex,
  insertChat,
  parseSearch,
  searchChats,
  setTitle,
  upsertMessage,
} from '../../src/features/chats/index.ts';
import type { Database, Dialect } from '../../src/kernel/database/index.ts';
import { until } from '../support/wait.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const CHATS = 450;
const USER = 'ada';
/** The lock on PostgreSQL of whoever builds the index. */
const BUILDING = 7_318_204_612;
const log = { warn: (...told: unknown[]) => assert.fail(JSON.stringify(told)) };
const titles = (found: { title: string | null }[]) => found.map((chat) => chat.title);

/** Texts that few chats have, by the number of the chat. */
const RARE: Record<number, string> = {
  3: 'The quick brown fox\njumps "over" 100% of the lazy_dogs \\o/',
  7: 'Größe und STRASSE, naïve ΣΊΣΥΦΟΣ',
  11: '今天天气很好我们去公园',
  19: 'emoji 😀 here and \u2028 there',
  23: `${'long '.repeat(30_000)} needle in a haystack ${'long '.repeat(30_000)}`,
  29: 'brown dogs and quick cats',
  31: 'ALİ, İSTANBUL; ΟΔΟΣ; 5 µm; ᎠᎡᎢ',
};
const QUERIES = [
  'quick brown',
  'ick bro',
  'brown quick',
  '"over" 100%',
  'lazy_dogs',
  '\\o/',
  'größe',
  'strasse',
  'σίσυφ',
  '天气',
  '很好我们',
  '公园',
  'ALİ',
  'İstanbul',
  'οδος',
  'ος',
  'µm',
  'ᎠᎡᎢ',
  '😀 here',
  'needle in a haystack',
  'long  needle',
  'zebra',
  'common words',
  'chat 12',
  'of',
];

onEachDialect('the index of chats', (dialect: Dialect) => {
  let database: Database & { drop(): Promise<void> };
  const index = () => createTextIndex({ database, log, pollMs: 500 });
  let kept: ReturnType<typeof index>;

  before(async () => {
    database = await openFresh(dialect);
    for (let from = 0; from < CHATS; from += 50) {
      await database.transaction(async (tx) => {
        for (let n = from; n < from + 50; n += 1) await insertChat(tx, chat(n));
      });
    }
    kept = index();
  });
  after(async () => {
    await kept.close();
    await database.drop();
  });

  const place = (find = kept.find) => ({ db: database.background.db, find, userId: USER, folderIds: null });
  const search = async (text: string) => titles(await searchChats(place(), parseSearch(text), 1));
  const scan = async (text: string) =>
    titles(
      await searchChats(
        place(async () => null),
        parseSearch(text),
        1,
      ),
    );
  const own = sql<boolean>`chat.user_id = ${USER}`;
  const ready = (one = kept) =>
    until(async () => (await one.find('zebra crossing', own)) !== null, { what: 'the index' });

  test('is not needed: searches are right before it is there', async () => {
    assert.deepEqual(await search('needle in a haystack'), ['Chat 23']);
  });

  test('finds what looking through everything finds', async () => {
    kept.start(0);
    if (dialect !== 'mysql') await ready();
    for (const text of QUERIES) assert.deepEqual(await search(text), await scan(text), text);
    assert.deepEqual(await search('天气'), ['Chat 11']);
    assert.deepEqual(await search('brown quick'), ['Chat 29', 'Chat 3']);
    if (dialect === 'sqlite') {
      for (const text of ['ALİ', 'İstanbul', 'µm', 'ᎠᎡᎢ']) assert.equal((await search(text))[0], 'Chat 31', text);
    }
    await followed();
    const narrowed = await kept.find('needle in a haystack', own);
    assert.equal(narrowed === null, dialect === 'mysql');
    if (!narrowed) return;
    const { rows } = await sql<{ id: string }>`SELECT id FROM chat WHERE ${narrowed}`.execute(database.background.db);
    assert.deepEqual(
      rows.map((row) => row.id),
      ['c23'],
    );
  });

  test('follows each change at once', async () => {
    await database.transaction((tx) =>
      upsertMessage(tx, 'c5', 'm2', { content: 'now with a platypus' }, { touch: false }),
    );
    assert.deepEqual(await search('with a platypus'), ['Chat 5']);
    await database.transaction((tx) => setTitle(tx, 'c6', 'Wombats'));
    assert.deepEqual(await search('wombats'), ['Wombats']);
    await database.transaction((tx) => insertChat(tx, { ...chat(CHATS), updatedAt: 1, document: named('Echidna') }));
    assert.deepEqual(await search('echidna'), ['Echidna']);
    await followed();
    assert.deepEqual(await search('with a platypus'), ['Chat 5']);
    assert.deepEqual(await search('wombats'), ['Wombats']);
    assert.deepEqual(await search('echidna'), ['Echidna']);
    assert.deepEqual(await search('chat 6'), await scan('chat 6'));
  });

  const followed = async () => {
    if (dialect !== 'sqlite') return;
    await until(async () => (await count('loggia_search_waiting')) === 0, { what: 'the index to follow' });
  };
  const count = async (table: string) => {
    const { rows } = await sql<{ n: number }>`SELECT count(*) AS n FROM ${sql.table(table)}`.execute(database.db);
    return Number(rows[0]?.n);
  };

  if (dialect === 'postgresql') {
    test('is used once it is there, whoever built it', async () => {
      await kept.close();
      await sql`DROP INDEX loggia_chat_message_search_idx`.execute(database.db);
      const met = Promise.withResolvers<void>();
      const db = database.db.withPlugin({
        transformQuery: ({ node }) => node,
        async transformResult({ result }) {
          if (result.rows.some((row) => row.locked === false)) met.resolve();
          return result;
        },
      });
      kept = createTextIndex({ database: { ...database, db }, log, pollMs: 50 });
      // As a process does that builds.
      await database.db.connection().execute(async (connection) => {
        await sql`SELECT pg_advisory_lock(${BUILDING})`.execute(connection);
        kept.start();
        await met.promise;
        assert.equal(await kept.find('zebra crossing', own), null);
        await sql`SELECT pg_advisory_unlock(${BUILDING})`.execute(connection);
      });
      await ready();
    });
  }
  if (dialect !== 'sqlite') return;

  test('is built on from where it was left, with what another program wrote', async () => {
    await kept.close();
    await sql`DELETE FROM loggia_search_chat WHERE chat_id > 'c3'`.execute(database.db);
    await sql`UPDATE chat_message SET content = '"a numbat"' WHERE id = 'c2-m2'`.execute(database.db);
    await sql`UPDATE chat SET updated_at = 4000000000 WHERE id = 'c2'`.execute(database.db);
    kept = index();
    assert.equal(await kept.find('zebra crossing', own), null);
    kept.start(0);
    await ready();
    assert.deepEqual(await search('a numbat'), ['Chat 2']);
    await followed();
    assert.equal(await count('loggia_search_chat'), CHATS + 1);
    for (const text of QUERIES) assert.deepEqual(await search(text), await scan(text), text);
  });
});

/** The lower the number, the older the chat. */
function chat(n: number) {
  const document = named(`Chat ${n}`);
  const messages: Record<string, unknown> = {
    m1: { id: 'm1', role: 'user', parentId: null, childrenIds: ['m2'], content: `Some common words of chat ${n}` },
    m2: { id: 'm2', role: 'assistant', parentId: 'm1', childrenIds: [], content: RARE[n] ?? 'nothing much' },
  };
  return {
    id: `c${n}`,
    userId: USER,
    updatedAt: 1_000_000 + n,
    document: { ...document, history: { currentId: 'm2', messages } },
  };
}

function named(title: string) {
  return { title, history: { currentId: null, messages: {} } };
}
