import { randomUUID } from 'node:crypto';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import {
  type Db,
  dialectOfDb,
  insertOrIgnore,
  type Json,
  json,
  jsonAt,
  likeFold,
  type Tables,
} from '../../kernel/database/index.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';

export type FileRow = Selectable<Tables['file']>;
/** A file without its text. */
export type FileHead = Omit<FileRow, 'data'>;

const HEAD = ['id', 'user_id', 'filename', 'meta', 'created_at', 'updated_at', 'hash', 'path'] as const;

export function findHead(db: Db, id: string): Promise<FileHead | undefined> {
  return db.selectFrom('file').select(HEAD).where('id', '=', id).executeTakeFirst();
}

export function findFile(db: Db, id: string): Promise<FileRow | undefined> {
  return db.selectFrom('file').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Owners by id, of the files that exist. */
export async function ownersOf(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('file').select(['id', 'user_id']).where('id', 'in', ids).execute();
  return new Map(rows.map((row) => [row.id, row.user_id ?? '']));
}

/** How far a file has been read; null for rows that say nothing, undefined when there is no such file. */
export async function statusOf(db: Db, id: string) {
  return db
    .selectFrom('file')
    .select([jsonAt(db, 'data', 'status').as('status'), jsonAt(db, 'data', 'error').as('error')])
    .where('id', '=', id)
    .executeTakeFirst();
}

/** The text that was read from a file; empty when there is none. */
export async function textOf(db: Db, id: string): Promise<string> {
  const row = await db
    .selectFrom('file')
    .select(jsonAt(db, 'data', 'content').as('content'))
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.content ?? '';
}

export async function insertFile(
  db: Db,
  row: Omit<FileRow, 'data' | 'meta'> & { data: Json; meta: Json },
): Promise<void> {
  await db.insertInto('file').values(row).execute();
}

export interface FileChanges {
  filename?: string;
  hash?: string | null;
  /** Members that are laid over the stored ones. */
  data?: JsonObject;
  meta?: JsonObject;
}

/** Applies changes to the stored row; false when it is gone. Run it in a transaction. */
export async function changeFile(tx: Db, id: string, { data, meta, ...columns }: FileChanges): Promise<boolean> {
  // The write first: it holds the row, so that two changes do not undo each other.
  const locked = await tx
    .updateTable('file')
    .set({ ...columns, updated_at: nowSeconds() })
    .where('id', '=', id)
    .executeTakeFirst();
  if (locked.numUpdatedRows === 0n && !(await findHead(tx, id))) return false;
  if (!data && !meta) return true;
  const row = await tx.selectFrom('file').select(['data', 'meta']).where('id', '=', id).executeTakeFirstOrThrow();
  await tx
    .updateTable('file')
    .set({
      ...(data && { data: json({ ...(isObject(row.data) ? row.data : {}), ...data }) }),
      ...(meta && { meta: json({ ...(isObject(row.meta) ? row.meta : {}), ...meta }) }),
    })
    .where('id', '=', id)
    .execute();
  return true;
}

/** Removes files with their places in knowledge bases, channels and chats. */
export async function deleteFiles(tx: Db, ids: readonly string[] | 'all'): Promise<void> {
  for (const table of ['knowledge_file', 'channel_file', 'chat_file'] as const) {
    const query = tx.deleteFrom(table);
    await (ids === 'all' ? query : query.where('file_id', 'in', ids)).execute();
  }
  const query = tx.deleteFrom('file');
  await (ids === 'all' ? query : query.where('id', 'in', ids)).execute();
}

export async function linkToChannel(db: Db, channelId: string, fileId: string, userId: string): Promise<void> {
  const now = nowSeconds();
  await insertOrIgnore(db, 'channel_file', [
    { id: randomUUID(), user_id: userId, channel_id: channelId, file_id: fileId, created_at: now, updated_at: now },
  ]);
}

/** Ties a file to a message of a chat. */
export async function linkToChat(
  db: Db,
  chat: { id: string; messageId: string | null },
  fileId: string,
  userId: string,
): Promise<void> {
  const now = nowSeconds();
  await insertOrIgnore(db, 'chat_file', [
    {
      id: randomUUID(),
      user_id: userId,
      chat_id: chat.id,
      file_id: fileId,
      message_id: chat.messageId,
      created_at: now,
      updated_at: now,
    },
  ]);
}

export interface Selection {
  /** Only this user's files. */
  userId?: string;
  /** LIKE pattern of the file name. */
  pattern?: string | null;
}

function selected(db: Db, { userId, pattern }: Selection) {
  let query = db.selectFrom('file');
  if (userId !== undefined) query = query.where('user_id', '=', userId);
  if (pattern) query = query.where(likeFold(db, 'filename', pattern));
  return query;
}

export async function countFiles(db: Db, selection: Selection): Promise<number> {
  const row = await selected(db, selection)
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return Number(row.total);
}

interface Page {
  order: 'created_at' | 'updated_at';
  offset: number;
  limit: number;
  /** With the texts that were read from them. */
  content: boolean;
}

/** Files, newest first. */
export async function listFiles(db: Db, selection: Selection, page: Page): Promise<FileRow[]> {
  const query = selected(db, selection)
    .orderBy(page.order, 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .offset(page.offset);
  if (page.content) return query.selectAll().execute();
  const rows = await query.select(HEAD).select(withoutContent(db).as('rest')).execute();
  return rows.map(({ rest, ...head }) => ({ ...head, data: rest === null ? null : JSON.parse(rest) }));
}

/** `data` without the text, as JSON text: lists do not load what they do not show. */
function withoutContent(db: Db): RawBuilder<string | null> {
  const data = sql.ref('data');
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql`CASE WHEN json_valid(${data}) THEN json_remove(${data}, '$.content') END`;
    case 'postgresql':
      return sql`CASE WHEN json_typeof(${data}) = 'object' THEN CAST(CAST(${data} AS jsonb) - 'content' AS text) END`;
    case 'mysql':
      return sql`CONCAT(JSON_REMOVE(${data}, '$.content'), '')`;
  }
}

/** Files that were to be read when a process ended, since a time (seconds). */
export async function unfinishedSince(db: Db, since: number): Promise<string[]> {
  const rows = await db
    .selectFrom('file')
    .select('id')
    .where('created_at', '>=', since)
    .where(jsonAt(db, 'data', 'status'), 'in', ['pending', 'processing'])
    .execute();
  return rows.map((row) => row.id);
}
