import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reachable } from '../../src/features/files/reach.ts';
import { changeFile, findFile, listFiles, unfinishedSince } from '../../src/features/files/store.ts';
import { type Db, type Dialect, json } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const viewer = { id: 'v', groupIds: new Set(['g']) };

async function file(db: Db, id: string, userId = 'o', data: unknown = {}): Promise<void> {
  const times = { created_at: 1, updated_at: 1 };
  await db
    .insertInto('file')
    .values({ id, user_id: userId, filename: `${id}.txt`, data: json(data), meta: json({}), ...times })
    .execute();
}

let grants = 0;
async function grant(db: Db, type: string, id: string, who: [string, string], permission = 'read'): Promise<void> {
  grants += 1;
  const [principal_type, principal_id] = who;
  const row = { resource_type: type, resource_id: id, principal_type, principal_id, permission, created_at: 1 };
  await db
    .insertInto('access_grant')
    .values({ id: `grant-${grants}`, ...row })
    .execute();
}

async function world(db: Db): Promise<void> {
  const times = { created_at: 1, updated_at: 1 };
  const long = { created_at: 1n, updated_at: 1n };
  for (const id of ['knows', 'guest', 'talk', 'dm', 'left', 'chat', 'folded', 'noted', 'model', 'wall', 'alone']) {
    await file(db, id, id === 'guest' ? 'other' : 'o');
  }
  await db
    .insertInto('knowledge')
    .values({ id: 'k', user_id: 'o', name: 'k', ...times })
    .execute();
  for (const id of ['knows', 'guest']) {
    await db
      .insertInto('knowledge_file')
      .values({ id: `k-${id}`, user_id: 'o', knowledge_id: 'k', file_id: id, ...times })
      .execute();
  }
  await grant(db, 'knowledge', 'k', ['group', 'g']);
  await grant(db, 'knowledge', 'k', ['user', 'v'], 'write');
  for (const [id, type] of [
    ['c', null],
    ['d', 'dm'],
    ['e', 'group'],
  ] as const) {
    await db
      .insertInto('channel')
      .values({ id, user_id: 'o', type, name: id, ...long })
      .execute();
  }
  await grant(db, 'channel', 'c', ['user', '*']);
  for (const [channel, active] of [
    ['d', true],
    ['e', false],
  ] as const) {
    await db
      .insertInto('channel_member')
      .values({ id: `m-${channel}`, channel_id: channel, user_id: 'v', is_active: active, joined_at: 1n })
      .execute();
  }
  for (const [channel, id] of [
    ['c', 'talk'],
    ['d', 'dm'],
    ['e', 'left'],
  ] as const) {
    await db
      .insertInto('channel_file')
      .values({ id: `cf-${id}`, user_id: 'o', channel_id: channel, file_id: id, ...times })
      .execute();
  }
  const folder = { user_id: 'o', is_expanded: false, ...times };
  await db
    .insertInto('folder')
    .values({ id: 'top', name: 'top', ...folder })
    .execute();
  await db
    .insertInto('folder')
    .values({ id: 'sub', name: 'sub', parent_id: 'top', ...folder })
    .execute();
  await grant(db, 'folder', 'top', ['user', 'v']);
  await db
    .insertInto('chat')
    .values({ id: 'shared', user_id: 'o', chat: json({}) })
    .execute();
  await db
    .insertInto('chat')
    .values({ id: 'inner', user_id: 'o', folder_id: 'sub', chat: json({}) })
    .execute();
  await db.insertInto('shared_chat').values({ id: 's', chat_id: 'shared', user_id: 'o' }).execute();
  await grant(db, 'shared_chat', 'shared', ['user', 'v']);
  for (const [chat, id] of [
    ['shared', 'chat'],
    ['inner', 'folded'],
  ] as const) {
    await db
      .insertInto('chat_file')
      .values({ id: `hf-${id}`, user_id: 'o', chat_id: chat, file_id: id, ...times })
      .execute();
  }
  const data = json({ files: [{ id: 'noted' }], content: { md: 'see alone' } });
  await db
    .insertInto('note')
    .values({ id: 'n', user_id: 'o', title: 'n', data, ...long })
    .execute();
  await grant(db, 'note', 'n', ['user', 'v']);
  const meta = json({ knowledge: [{ id: 'model' }], background_image_url: '/api/v1/files/wall/content' });
  await db
    .insertInto('model')
    .values({ id: 'm', user_id: 'o', name: 'm', meta, params: json({}), ...times })
    .execute();
  await grant(db, 'model', 'm', ['user', 'v']);
}

onEachDialect('files', (dialect: Dialect) => {
  test('are opened by what they are attached to', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      await world(db);
      const all = await db.selectFrom('file').select('id').execute();
      const ids = all.map((row) => row.id);
      const readable = await reachable(db, viewer, ids, 'read');
      assert.deepEqual(
        [...readable].sort(),
        ['knows', 'guest', 'talk', 'dm', 'chat', 'folded', 'noted', 'model', 'wall'].sort(),
      );
      assert.deepEqual([...(await reachable(db, viewer, ids, 'write'))], ['knows']);
      assert.deepEqual([...(await reachable(db, { id: 'x', groupIds: new Set() }, ids, 'read'))], ['talk']);
    } finally {
      await database.drop();
    }
  });

  test('are listed without their texts and changed one after another', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      await file(db, 'a', 'o', { status: 'pending', content: 'long' });
      const [row] = await listFiles(db, {}, { order: 'updated_at', offset: 0, limit: 5, content: false });
      assert.deepEqual(row?.data, { status: 'pending' });
      assert.deepEqual(await unfinishedSince(db, 0), ['a']);
      assert.deepEqual(await unfinishedSince(db, 2), []);
      await Promise.all(
        Array.from({ length: 8 }, (_, at) =>
          database.transaction((tx) => changeFile(tx, 'a', { data: { [`k${at}`]: at } })),
        ),
      );
      const { data } = (await findFile(db, 'a')) ?? {};
      assert.equal(Object.keys(data as object).length, 10);
      assert.equal(await database.transaction((tx) => changeFile(tx, 'gone', { hash: null })), false);
    } finally {
      await database.drop();
    }
  });
});
