import { randomUUID } from 'node:crypto';
import { type Db, escapeLike, jsonFromText, jsonText, likeFold } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type ChatDocument, encodeDocument, parseDocument } from './document.ts';
import { PAGE, readOrder } from './lists.ts';
import type { OrderedQuery } from './shapes.ts';

export type ShareMode = 'continue' | null;

/** A snapshot of a chat under a link. */
export interface Share {
  /** The token of the link. */
  id: string;
  chat_id: string;
  user_id: string;
  title: string;
  document: ChatDocument;
  /** Whether those who may read it reply in the chat itself. */
  mode: ShareMode;
  created_at: number;
  updated_at: number;
}

export async function findShare(db: Db, id: string): Promise<Share | null> {
  const row = await db
    .selectFrom('shared_chat')
    .select(['id', 'chat_id', 'user_id', 'title', 'created_at', 'updated_at', jsonText(db, 'chat').as('text')])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!row) return null;
  const { text, ...share } = row;
  const document = parseDocument(text);
  return {
    ...share,
    title: share.title ?? '',
    created_at: share.created_at ?? 0,
    updated_at: share.updated_at ?? 0,
    document,
    mode: document.share_mode === 'continue' ? 'continue' : null,
  };
}

interface Snapshot {
  title: string;
  document: ChatDocument;
  mode: ShareMode;
}

function columnsOf({ title, document, mode }: Snapshot) {
  return { title, chat: jsonFromText(encodeDocument({ ...document, share_mode: mode })), updated_at: nowSeconds() };
}

/** Makes a link; gives its token. */
export async function insertShare(db: Db, chat: { id: string; user_id: string }, snapshot: Snapshot): Promise<string> {
  const columns = columnsOf(snapshot);
  const id = randomUUID();
  await db
    .insertInto('shared_chat')
    .values({ id, chat_id: chat.id, user_id: chat.user_id, created_at: columns.updated_at, ...columns })
    .execute();
  return id;
}

/** Renews what a link shows. */
export async function updateShare(db: Db, id: string, snapshot: Snapshot): Promise<void> {
  await db.updateTable('shared_chat').set(columnsOf(snapshot)).where('id', '=', id).execute();
}

/** Removes the links of chats; the grants are for the caller. */
export async function deleteShares(db: Db, chatIds: readonly string[]): Promise<void> {
  await db
    .deleteFrom('shared_chat')
    .where('chat_id', 'in', [...chatIds])
    .execute();
  await db
    .updateTable('chat')
    .set({ share_id: null })
    .where('id', 'in', [...chatIds])
    .execute();
}

/** The user's own links, a page, as SharedChatResponse. */
export async function listShares(db: Db, userId: string, options: OrderedQuery) {
  const { column, ascending } = readOrder(options);
  let query = db
    .selectFrom('shared_chat')
    .innerJoin('chat', 'chat.share_id', 'shared_chat.id')
    .select([
      'shared_chat.chat_id as id',
      'shared_chat.chat_id',
      'shared_chat.title',
      'shared_chat.id as share_id',
      'shared_chat.updated_at',
      'shared_chat.created_at',
    ])
    .where('shared_chat.user_id', '=', userId);
  if (options.query) query = query.where(likeFold(db, 'shared_chat.title', `%${escapeLike(options.query)}%`));
  const order = column === 'title' || column === 'created_at' || column === 'updated_at' ? column : 'id';
  const rows = await query
    .orderBy(`shared_chat.${order}`, ascending ? 'asc' : 'desc')
    .orderBy('shared_chat.id')
    .limit(PAGE)
    .offset((Math.max(1, options.page ?? 1) - 1) * PAGE)
    .execute();
  return rows.map((row) => ({ ...row, title: row.title ?? '' }));
}
