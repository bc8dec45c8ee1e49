import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as store from '../../src/features/analytics/store.ts';
import { type Db, json } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const everything: store.Scope = { start: null, end: null, groupIds: null };

async function answer(db: Db, id: string, at: number, model: string | null, userId: string | null, usage: unknown) {
  await db
    .insertInto('chat_message')
    .values({
      id,
      chat_id: 'c',
      user_id: userId,
      role: 'assistant',
      model_id: model,
      usage: json(usage),
      created_at: at,
    })
    .execute();
}

onEachDialect('analytics', (dialect) => {
  test('count answers and tokens, whatever old releases wrote', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      const times = { created_at: 1, updated_at: 5 };
      await db.insertInto('user').values({ id: 'u', email: 'u@x.y', name: 'U' }).execute();
      const chat = { user_id: 'u', title: 't', chat: json({}), ...times };
      await db
        .insertInto('chat')
        .values({ ...chat, id: 'c', meta: json({ tags: ['a'] }) })
        .execute();
      await db
        .insertInto('chat')
        .values({ ...chat, id: 'i', meta: json({ internal: true }) })
        .execute();
      await answer(db, '1', 1_700_000_000, 'alpha', 'u', { prompt_tokens: 3, output_tokens: 4.7 });
      await answer(db, '2', 1_700_000_299_000, 'alpha', 'u', null);
      await answer(db, '3', 1_700_000_400, null, null, { input_tokens: 'many' });
      await answer(db, '4', 1_700_000_500, 'org/beta', 'u', { input_tokens: 'many', output_tokens: '2' });
      assert.deepEqual(await store.summary(db, everything), {
        total_messages: 3,
        total_chats: 1,
        total_models: 2,
        total_users: 2,
      });
      assert.deepEqual(await store.byModel(db, { ...everything, end: 1_700_000_300 }), [
        { model_id: 'alpha', count: 2, unique_users: 1, unique_chats: 1 },
      ]);
      assert.deepEqual(await store.byUser(db, everything, 'tokens', 5), [
        { user_id: 'u', name: 'U', email: 'u@x.y', count: 3, input_tokens: 3, output_tokens: 6, total_tokens: 9 },
      ]);
      const [first] = await store.tokensByModel(db, everything);
      assert.deepEqual([first?.model_id, first?.total_tokens, first?.message_count], ['alpha', 7, 2]);
      const slots = await store.slots(db, everything, 'messages');
      assert.deepEqual(
        slots.sort((a, b) => a.at - b.at || a.value - b.value).map((slot) => [slot.at, slot.model, slot.value]),
        [
          [1_699_999_800, 'alpha', 1],
          [1_700_000_100, 'alpha', 1],
          [1_700_000_400, 'org/beta', 1],
        ],
      );
      assert.deepEqual((await store.summary(db, { ...everything, groupIds: [] })).total_messages, 0);
      const chats = { modelId: 'alpha', start: null, end: null, order: 'user_name', ascending: true } as const;
      const found = await store.chatsOfModel(db, { ...chats, offset: 0, limit: 9 });
      assert.deepEqual(
        found.chats.map((one) => [one.chat_id, one.user_name]),
        [['c', 'U']],
      );
      assert.deepEqual(await store.chatMetas(db, 'org/beta'), [{ tags: ['a'] }]);
    } finally {
      await database.drop();
    }
  });
});
