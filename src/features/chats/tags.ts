import { type RawBuilder, type Selectable, sql } from 'kysely';
import {
  type Db,
  dialectOfDb,
  insertOrIgnore,
  json,
  type Tables,
  type Transaction,
} from '../../kernel/database/index.ts';
import { cleanText, type JsonObject } from './document.ts';
import { tagsOf } from './figures.ts';
import { tagId } from './search-query.ts';
import { lockHead } from './store.ts';

export type TagRow = Selectable<Tables['tag']>;

/** Stands for "no tags" in searches, so no tag may be called so. */
export const NO_TAG = 'none';

/** SQL condition on `chat`: its tags contain the id. */
export function hasTag(db: Db, id: string): RawBuilder<boolean> {
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql<boolean>`EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(chat.meta) THEN chat.meta ELSE '{}' END, '$.tags') AS t WHERE t.value = ${id})`;
    case 'postgresql':
      return sql<boolean>`EXISTS (SELECT 1 FROM json_array_elements_text(CASE WHEN json_typeof(chat.meta -> 'tags') = 'array' THEN chat.meta -> 'tags' ELSE '[]'::json END) AS t(id) WHERE t.id = ${id})`;
    case 'mysql':
      return sql<boolean>`COALESCE(JSON_CONTAINS(chat.meta, JSON_QUOTE(${id}), '$.tags'), 0) = 1`;
  }
}

/** SQL condition on `chat`: it has no tags. */
export function hasNoTags(db: Db): RawBuilder<boolean> {
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql<boolean>`COALESCE(CASE WHEN json_valid(chat.meta) THEN json_array_length(chat.meta, '$.tags') END, 0) = 0`;
    case 'postgresql':
      return sql<boolean>`COALESCE(CASE WHEN json_typeof(chat.meta -> 'tags') = 'array' THEN json_array_length(chat.meta -> 'tags') END, 0) = 0`;
    case 'mysql':
      return sql<boolean>`COALESCE(JSON_LENGTH(chat.meta, '$.tags'), 0) = 0`;
  }
}

/** SQL condition on `chat`: it is not one the server keeps for itself (sub-agents, notes, timers). */
export function notInternal(db: Db): RawBuilder<boolean> {
  switch (dialectOfDb(db)) {
    case 'sqlite':
      // Reading JSON costs as much as the rest of a list; nearly no chat has the word.
      return sql<boolean>`CASE WHEN instr(chat.meta, '"internal"') > 0 AND json_valid(chat.meta) THEN json_extract(chat.meta, '$.internal') END IS NOT 1`;
    case 'postgresql':
      return sql<boolean>`COALESCE(chat.meta ->> 'internal', '') <> 'true'`;
    case 'mysql':
      return sql<boolean>`COALESCE(JSON_UNQUOTE(JSON_EXTRACT(chat.meta, '$.internal')), '') <> 'true'`;
  }
}

/** All tags of a user. */
export function listTags(db: Db, userId: string): Promise<TagRow[]> {
  return db.selectFrom('tag').selectAll().where('user_id', '=', userId).orderBy('id').execute();
}

/** The tags of a chat, in its order; ids without a row are left out. */
export async function tagRows(db: Db, userId: string, ids: readonly string[]): Promise<TagRow[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('tag')
    .selectAll()
    .where('user_id', '=', userId)
    .where('id', 'in', [...ids])
    .execute();
  return rows.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
}

/** Makes the tag rows that are missing. `tags`: names by id. */
export async function ensureTags(tx: Db, userId: string, tags: ReadonlyMap<string, string>): Promise<void> {
  const rows = [...tags].map(([id, name]) => ({ id, name, user_id: userId, meta: null }));
  await insertOrIgnore(tx, 'tag', rows);
}

/** Whether a chat of the user, archived ones too, has the tag. */
export async function isTagUsed(db: Db, userId: string, id: string): Promise<boolean> {
  const row = await db
    .selectFrom('chat')
    .select('chat.id')
    .where('user_id', '=', userId)
    .where(hasTag(db, id))
    .where(notInternal(db))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Deletes those of these tags that no chat of the user has. */
export async function dropUnusedTags(tx: Db, userId: string, ids: Iterable<string>): Promise<void> {
  for (const id of ids) {
    if (await isTagUsed(tx, userId, id)) continue;
    await tx.deleteFrom('tag').where('user_id', '=', userId).where('id', '=', id).execute();
  }
}

/**
 * Replaces the tags of a chat by generated ones: `none` is dropped, rows are made and dropped as needed. Gives the ids;
 * null when the chat is gone.
 */
export async function setTags(tx: Transaction, chatId: string, names: readonly string[]): Promise<string[] | null> {
  const chat = await lockHead(tx, chatId);
  if (!chat) return null;
  const tags = namedTags(names);
  const before = tagsOf(chat.meta);
  await ensureTags(tx, chat.user_id, tags);
  await writeTags(tx, chat, [...tags.keys()]);
  await dropUnusedTags(
    tx,
    chat.user_id,
    before.filter((id) => !tags.has(id)),
  );
  return [...tags.keys()];
}

/** Names by tag id, each id once. */
function namedTags(names: readonly string[]): Map<string, string> {
  const tags = new Map<string, string>();
  for (const given of names) {
    const name = cleanText(given);
    const id = tagId(name);
    if (id !== '' && id !== NO_TAG && !tags.has(id)) tags.set(id, name);
  }
  return tags;
}

/** Puts one tag on a chat; false when it has it already. Null: the chat is gone. */
export async function addTag(tx: Transaction, chatId: string, name: string): Promise<string[] | null> {
  const chat = await lockHead(tx, chatId);
  if (!chat) return null;
  const id = tagId(name);
  const tags = tagsOf(chat.meta);
  if (tags.includes(id)) return tags;
  await ensureTags(tx, chat.user_id, new Map([[id, name]]));
  await writeTags(tx, chat, [...tags, id]);
  return [...tags, id];
}

/** Takes one tag off a chat. Gives the tags it has now; null when the chat is gone. */
export async function removeTag(tx: Transaction, chatId: string, name: string): Promise<string[] | null> {
  const chat = await lockHead(tx, chatId);
  if (!chat) return null;
  const id = tagId(name);
  const tags = tagsOf(chat.meta).filter((tag) => tag !== id);
  await writeTags(tx, chat, tags);
  await dropUnusedTags(tx, chat.user_id, [id]);
  return tags;
}

async function writeTags(tx: Transaction, chat: { id: string; meta: JsonObject }, tags: string[]): Promise<void> {
  await tx
    .updateTable('chat')
    .set({ meta: json({ ...chat.meta, tags }) })
    .where('id', '=', chat.id)
    .execute();
}
