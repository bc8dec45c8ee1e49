import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import {
  type Db,
  dialectOfDb,
  insertOrIgnore,
  json,
  jsonBytes,
  jsonFromBytes,
  jsonFromText,
  jsonText,
  type StoredJson,
  storedBytes,
  storedSize,
  type Tables,
  type Transaction,
} from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import {
  type ChatDocument,
  cleanText,
  currentMessageId,
  encodeDocument,
  isObject,
  type JsonObject,
  parseDocument,
  titleOf,
} from './document.ts';
import { encodeBytes, readDocument, roomFor } from './document-text.ts';
import { markTexts } from './text-index/marks.ts';
import type { NewChat } from './writes.ts';

/** A chat without its document. */
export interface ChatHead {
  id: string;
  /** The owner. */
  user_id: string;
  title: string;
  /** Seconds. */
  created_at: number;
  updated_at: number;
  last_read_at: number | null;
  share_id: string | null;
  archived: boolean;
  pinned: boolean | null;
  meta: JsonObject;
  variables: JsonObject;
  folder_id: string | null;
  tasks: unknown[] | null;
  summary: string | null;
  current_message_id: string | null;
  /** Nanoseconds; set while a timer chat waits. */
  timer_at: bigint | null;
}

export interface Chat extends ChatHead {
  document: ChatDocument;
}

const HEAD = [
  'id',
  'user_id',
  'title',
  'created_at',
  'updated_at',
  'last_read_at',
  'share_id',
  'archived',
  'pinned',
  'meta',
  'variables',
  'folder_id',
  'tasks',
  'summary',
  'current_message_id',
  'timer_at',
] as const;

/** Ids with these prefixes name chats that are never stored. */
const UNSAVED = ['temporary:', 'local:', 'channel:'];

/** Whether an id can be that of a stored chat. */
export function isSavedChatId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && !UNSAVED.some((prefix) => id.startsWith(prefix));
}

type HeadRow = Pick<Selectable<Tables['chat']>, (typeof HEAD)[number]>;

/** A row as the rest of the feature sees it, whatever earlier releases left in its columns. */
export function headOf(row: HeadRow): ChatHead {
  return {
    ...row,
    user_id: row.user_id ?? '',
    title: cleanText(row.title ?? ''),
    created_at: row.created_at ?? 0,
    updated_at: row.updated_at ?? 0,
    archived: row.archived ?? false,
    meta: isObject(row.meta) ? row.meta : {},
    variables: isObject(row.variables) ? row.variables : {},
    tasks: Array.isArray(row.tasks) ? row.tasks : null,
  };
}

/** Chats without their documents. */
export function selectHeads(db: Db) {
  return db.selectFrom('chat').select(HEAD);
}

/** Chats with their stored documents as `stored`; see `wholeOf`. */
export function selectWhole(db: Db) {
  return selectHeads(db).select(jsonBytes(db, 'chat.chat').as('stored'));
}

/** A chat with the stored bytes of its document, unread. */
export interface WholeChat {
  head: ChatHead;
  bytes: Buffer;
}

export function wholeOf({ stored, ...row }: HeadRow & { stored: StoredJson | null }): WholeChat {
  return { head: headOf(row), bytes: storedBytes(stored) };
}

/** A chat without its document. */
export async function findChat(db: Db, id: string): Promise<ChatHead | null> {
  if (!isSavedChatId(id)) return null;
  const row = await selectHeads(db).where('id', '=', id).executeTakeFirst();
  return row ? headOf(row) : null;
}

/** A chat with its document, unread. */
export async function findWhole(db: Db, id: string): Promise<WholeChat | null> {
  if (!isSavedChatId(id)) return null;
  const row = await selectWhole(db).where('id', '=', id).executeTakeFirst();
  return row ? wholeOf(row) : null;
}

/** The document of a chat as stored, and whose it is. */
export async function loadDocument(
  db: Db,
  chatId: string,
): Promise<{ user_id: string; document: ChatDocument } | null> {
  const row = await db
    .selectFrom('chat')
    .select(['user_id', jsonText(db, 'chat.chat').as('text')])
    .where('id', '=', chatId)
    .executeTakeFirst();
  return row ? { user_id: row.user_id ?? '', document: parseDocument(row.text) } : null;
}

/** A chat with its document for a change; nobody else writes it until the transaction ends. Null: no such chat. */
export async function lockChat(
  tx: Transaction,
  id: string,
): Promise<{ head: ChatHead; document: ChatDocument } | null> {
  const query = selectWhole(tx).where('id', '=', id);
  const row = await (locksRows(tx) ? query.forUpdate() : query).executeTakeFirst();
  if (!row) return null;
  const { head, bytes } = wholeOf(row);
  return { head, document: await readDocument(bytes) };
}

/** Like `lockChat`, for changes of columns only. */
export async function lockHead(tx: Transaction, id: string): Promise<ChatHead | null> {
  const query = selectHeads(tx).where('id', '=', id);
  const row = await (locksRows(tx) ? query.forUpdate() : query).executeTakeFirst();
  return row ? headOf(row) : null;
}

/** On SQLite the transaction itself is the lock: it begins with `BEGIN IMMEDIATE`. */
function locksRows(tx: Transaction): boolean {
  return dialectOfDb(tx) !== 'sqlite';
}

/** Stores a new chat without the rows of its messages. */
export async function insertChatRow(tx: Transaction, chat: NewChat): Promise<Chat> {
  const now = nowSeconds();
  const text = encodeDocument(chat.document);
  const document = parseDocument(text);
  const head: ChatHead = {
    id: chat.id ?? randomUUID(),
    user_id: chat.userId,
    title: titleOf(document),
    created_at: chat.createdAt || now,
    updated_at: chat.updatedAt || now,
    last_read_at: now,
    share_id: null,
    archived: chat.archived ?? false,
    pinned: chat.pinned ?? false,
    meta: chat.meta ?? {},
    variables: chat.variables ?? {},
    folder_id: chat.folderId ?? null,
    tasks: null,
    summary: null,
    current_message_id: chat.currentMessageId ?? currentMessageId(document),
    timer_at: null,
  };
  await tx
    .insertInto('chat')
    .values({ ...head, chat: jsonFromText(text), meta: json(head.meta), variables: json(head.variables), tasks: null })
    .execute();
  await markTexts(tx, head.id, [head.id]);
  return { ...head, document };
}

export interface SaveOptions {
  /** Whether the chat moves up in the list (`updated_at`). */
  touch: boolean;
  variables?: JsonObject;
  /** Value of `current_message_id`; default: what the document says. */
  currentId?: string | null;
}

/** Writes a changed document with the columns that repeat parts of it. The chat is locked. Gives the head as it is now. */
export async function saveDocument(
  tx: Transaction,
  head: ChatHead,
  document: ChatDocument,
  { touch, variables, currentId = currentMessageId(document) }: SaveOptions,
): Promise<ChatHead> {
  const saved: ChatHead = {
    ...head,
    title: typeof document.title === 'string' ? titleOf(document) : head.title,
    current_message_id: currentId,
    ...(touch && { updated_at: nowSeconds() }),
    ...(variables && { variables }),
  };
  await tx
    .updateTable('chat')
    .set({
      chat: await encoded(tx, head.id, document),
      title: saved.title,
      current_message_id: saved.current_message_id,
      ...(touch && { updated_at: saved.updated_at }),
      ...(variables && { variables: json(variables) }),
    })
    .where('id', '=', head.id)
    .execute();
  if (saved.title !== head.title) await markTexts(tx, head.id, [head.id]);
  return saved;
}

/** A document for the place of the stored one. */
async function encoded(tx: Transaction, chatId: string, document: ChatDocument) {
  if (dialectOfDb(tx) !== 'sqlite') return jsonFromBytes(tx, await encodeBytes(document, (length) => length));
  const row = await tx
    .selectFrom('chat')
    .select(storedSize(tx, 'chat.chat').as('size'))
    .where('id', '=', chatId)
    .executeTakeFirst();
  return jsonFromBytes(tx, await encodeBytes(document, (length) => roomFor(length, row?.size ?? 0)));
}

/** Renames a chat in column and document; its place in the list stays. False: no such chat. */
export async function setTitle(tx: Transaction, chatId: string, title: string): Promise<boolean> {
  const locked = await lockChat(tx, chatId);
  if (!locked) return false;
  const named = cleanText(title);
  await tx
    .updateTable('chat')
    .set({ title: named, chat: await encoded(tx, chatId, { ...locked.document, title: named }) })
    .where('id', '=', chatId)
    .execute();
  await markTexts(tx, chatId, [chatId]);
  return true;
}

/** Stores the list of the task tools. */
export async function setTasks(db: Db, chatId: string, tasks: readonly unknown[] | null): Promise<void> {
  await db
    .updateTable('chat')
    .set({ tasks: json(tasks) })
    .where('id', '=', chatId)
    .execute();
}

/** Stores the values of the chat's variables; its place in the list stays. */
export async function setVariables(db: Db, chatId: string, variables: JsonObject): Promise<void> {
  await db
    .updateTable('chat')
    .set({ variables: json(variables) })
    .where('id', '=', chatId)
    .execute();
}

/**
 * Ties files to a chat, which is how those who may read the chat may read them. Which of them the sender may use is for the caller to
 * check; files that do not exist and ties that do are left out.
 */
export async function linkFiles(
  db: Db,
  link: { chatId: string; userId: string; messageId: string | null; fileIds: readonly string[] },
): Promise<void> {
  const asked = [...new Set(link.fileIds)].slice(0, FILES_PER_LINK);
  if (asked.length === 0) return;
  const known = await db.selectFrom('file').select('id').where('id', 'in', asked).execute();
  const now = nowSeconds();
  const rows = known.map(({ id }) => ({
    id: randomUUID(),
    user_id: link.userId,
    chat_id: link.chatId,
    message_id: link.messageId,
    file_id: id,
    created_at: now,
    updated_at: now,
  }));
  await insertOrIgnore(db, 'chat_file', rows);
}

/** More files than one message can hold; keeps the statement within every database's limits. */
const FILES_PER_LINK = 500;

/** Names of accounts by id; those that are gone are missing. */
export async function userNames(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (let at = 0; at < ids.length; at += NAMES_PER_STATEMENT) {
    const rows = await db
      .selectFrom('user')
      .select(['id', 'name'])
      .where('id', 'in', ids.slice(at, at + NAMES_PER_STATEMENT))
      .execute();
    for (const row of rows) names.set(row.id, row.name ?? '');
  }
  return names;
}

const NAMES_PER_STATEMENT = 500;
