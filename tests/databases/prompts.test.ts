import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  activeTags,
  insertPrompt,
  listActive,
  type PromptSearch,
  searchPrompts,
} from '../../src/features/prompts/store.ts';
import { deleteVersion, findVersion, insertVersion, listVersions } from '../../src/features/versions/index.ts';
import { type Db, json } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh } from './dialects.ts';

async function prompt(db: Db, id: string, userId: string, tags: unknown, active = true): Promise<void> {
  await insertPrompt(db, {
    id,
    command: id,
    user_id: userId,
    name: `Name ${id}`,
    content: '100%',
    data: json({}),
    meta: json({}),
    tags: json(tags),
    is_active: active,
    version_id: null,
    created_at: 1,
    updated_at: 1,
  });
}

const everything: PromptSearch = {
  query: null,
  ofOwner: [],
  view: null,
  tag: null,
  order: 'name',
  ascending: true,
  page: 1,
};

onEachDialect('prompts', (dialect) => {
  test('are found by what they hold, by tag, and by who may see them', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      await prompt(db, 'a', 'me', ['Gr\u00fc\u00dfe', 'x_y']);
      await prompt(db, 'b', 'you', ['other']);
      await prompt(db, 'c', 'you', null);
      await prompt(db, 'd', 'me', ['x'], false);
      const grant = { resource_type: 'prompt', principal_type: 'group', principal_id: 'g', created_at: 1 };
      await db
        .insertInto('access_grant')
        .values({ id: '1', resource_id: 'b', permission: 'read', ...grant })
        .execute();
      await db
        .insertInto('access_grant')
        .values({ id: '2', resource_id: 'b', permission: 'write', ...grant })
        .execute();
      const me = { id: 'me', groupIds: new Set(['g']), all: false };
      const search = async (change: Partial<PromptSearch>, viewer = me) => {
        const { items, total } = await searchPrompts(db, viewer, { ...everything, ...change });
        assert.equal(items.length, total);
        return items.map((item) => item.id);
      };
      assert.deepEqual(await search({}), ['a', 'b', 'd']);
      assert.deepEqual(await search({}, { ...me, all: true }), ['a', 'b', 'c', 'd']);
      assert.deepEqual(await search({ tag: 'gr\u00fc\u00dfe' }), ['a']);
      assert.deepEqual(await search({ tag: 'x_y' }), ['a']);
      assert.deepEqual(await search({ tag: 'x_' }), []);
      assert.deepEqual(await search({ query: '0%' }), ['a', 'b', 'd']);
      assert.deepEqual(await search({ query: '%0' }), []);
      assert.deepEqual(await search({ view: 'shared', ascending: false }), ['b']);
      const { items } = await searchPrompts(db, me, everything);
      assert.deepEqual(
        items.map((item) => Number(item.writable)),
        [0, 1, 0],
      );
      assert.deepEqual(
        (await listActive(db, me)).map((row) => row.id),
        ['a', 'b'],
      );
      assert.deepEqual(await activeTags(db, me), [['Gr\u00fc\u00dfe', 'x_y'], ['other']]);
    } finally {
      await database.drop();
    }
  });

  test('keep their versions in order, and a parent for each', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      const add = (kind: 'prompt' | 'tool' | 'function' | 'skill', parentId: string | null, n: number) =>
        insertVersion(db, kind, { objectId: 'o', parentId, snapshot: { n }, userId: 'u', message: null });
      for (const kind of ['prompt', 'tool', 'function', 'skill'] as const) {
        const first = await add(kind, null, 1);
        const second = await add(kind, first, 2);
        const third = await add(kind, second, 3);
        const list = await listVersions(db, kind, 'o', { offset: 0, limit: 9, snapshots: true });
        assert.deepEqual(
          list.map((row) => [row.id, row.snapshot, row.object_id]),
          [
            [third, { n: 3 }, 'o'],
            [second, { n: 2 }, 'o'],
            [first, { n: 1 }, 'o'],
          ],
        );
        const middle = await findVersion(db, kind, 'o', second);
        assert.ok(middle);
        await deleteVersion(db, kind, middle);
        assert.equal((await findVersion(db, kind, 'o', third))?.parent_id, first);
        assert.equal(await findVersion(db, kind, 'other', third), undefined);
      }
    } finally {
      await database.drop();
    }
  });
});
