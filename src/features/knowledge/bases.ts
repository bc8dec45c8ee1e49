import { randomUUID } from 'node:crypto';
import type { User } from '../../kernel/http/principal.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { allowedGrants, listWireGrants, permittedGrants } from '../access/index.ts';
import { type KnowledgeContext, type Row, viewOf } from './context.ts';
import { presentFound, presentKnowledge } from './present.ts';
import type * as shapes from './shapes.ts';
import * as store from './store.ts';

/** Knowledge bases themselves: lists, making, changing, sharing, removing (retrieval note, 3.3 and 3.6). */
export function createBases(context: KnowledgeContext) {
  const { database, access, settings, viewerOf, seesAll, grantsOf, publish, withFiles, discard } = context;
  const { db } = database;

  async function search(user: User, wanted: Omit<store.Search, 'ofOwner'>) {
    const viewer = await viewerOf(user);
    const all = seesAll(user);
    const { items, total } = await store.searchKnowledge(db, viewer, all, {
      ...wanted,
      ofOwner: access.people.searched(user),
    });
    const grants = await listWireGrants(
      db,
      'knowledge',
      items.map((row) => row.id),
    );
    return {
      items: items.map((row) => {
        const write = all || row.user_id === user.id || Number(row.writable) === 1;
        return presentFound(row, grants.get(row.id) ?? [], write, access.people, user);
      }),
      total,
    };
  }

  return {
    search: (user: User, query: shapes.SearchQuery) => search(user, searchOf(query)),
    list: (user: User, page: number) => search(user, { ...EVERYTHING, page }),

    async create(user: User, form: shapes.KnowledgeForm) {
      const grants = await permittedGrants(access.permissions, user, 'knowledge', form.access_grants);
      const now = nowSeconds();
      const row = { id: randomUUID(), user_id: user.id, name: form.name, description: form.description };
      const times = { created_at: now, updated_at: now };
      await database.transaction(async (tx) => {
        await store.insertKnowledge(tx, { ...row, ...times, meta: null });
        await access.grants.set(tx, 'knowledge', row.id, grants);
      });
      publish('knowledge.created', user, row, { name: row.name });
      const whole = presentKnowledge({ ...row, ...times, meta: null, data: null }, await grantsOf(row.id));
      return { ...whole, files: null };
    },

    async one(user: User, row: Row) {
      const write =
        row.user_id === user.id || seesAll(user) || (await access.grants.allows(user, 'knowledge', row.id, 'write'));
      return { ...presentKnowledge(row, await grantsOf(row.id)), files: null, write_access: write };
    },

    async update(user: User, row: Row, { name, description }: shapes.KnowledgeForm) {
      await store.updateKnowledge(db, row.id, { name, description });
      publish('knowledge.updated', user, row, { name });
      return withFiles(row.id);
    },

    async share(user: User, row: Row, list: unknown) {
      const grants = await allowedGrants(access.permissions, user, 'knowledge', list);
      await database.transaction(async (tx) => {
        await access.grants.set(tx, 'knowledge', row.id, grants);
        await store.updateKnowledge(tx, row.id);
      });
      publish('knowledge.access_updated', user, row, { name: row.name });
      return withFiles(row.id);
    },

    async remove(user: User, row: Row): Promise<void> {
      await database.transaction(async (tx) => {
        await store.forgetInModels(tx, row.id);
        await access.grants.remove(tx, 'knowledge', [row.id]);
        await store.deleteKnowledge(tx, row.id);
      });
      publish('knowledge.deleted', user, row, { name: row.name });
    },

    async reset(user: User, row: Row, directories: boolean) {
      const linked = await store.linkedFiles(db, row.id);
      await database.transaction(async (tx) => {
        await store.clearKnowledge(tx, row.id, directories);
        await store.updateKnowledge(tx, row.id);
      });
      if (!settings.get('ENABLE_KNOWLEDGE_FILE_RETENTION')) await discard(user, linked);
      publish('knowledge.reset', user, row);
      const { write_access: _access, ...whole } = await withFiles(row.id);
      return whole;
    },
  };
}

const EVERYTHING: Omit<store.Search, 'page' | 'ofOwner'> = {
  query: null,
  view: null,
  source: null,
  order: 'updated_at',
  ascending: false,
};

function searchOf({
  query,
  view_option,
  source,
  page,
  order_by,
  direction,
}: shapes.SearchQuery): Omit<store.Search, 'ofOwner'> {
  return {
    query,
    view: viewOf(view_option),
    source,
    order: order_by === 'name' || order_by === 'created_at' ? order_by : 'updated_at',
    ascending: direction === 'asc',
    page: page ?? 1,
  };
}
