import { createBreath } from '../../kernel/breath.ts';
import { type Db, insertOrIgnore, json, type Transaction, upsert } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import {
  allMessagesOf,
  branchTo,
  isObject,
  type JsonObject,
  linkChildren,
  type Message,
  type Messages,
} from './document.ts';
import { loadDocument } from './store.ts';
import { markTexts } from './text-index/marks.ts';
import { normaliseUsage } from './usage.ts';

/** Some keys of a message; only keys that are present are written. */
export type MessageFields = Partial<Message>;

/** What may be written on the row of a reply alone; the document gets it with the next write of that message. */
export type RowFields = Pick<
  MessageFields,
  'content' | 'output' | 'statusHistory' | 'sources' | 'embeds' | 'files' | 'meta' | 'error'
>;

/** A `chat_message` row as this module selects it. */
interface MessageRow {
  id: string;
  chat_id: string;
  user_id: string | null;
  role: string;
  parent_id: string | null;
  content: unknown;
  output: unknown;
  model_id: string | null;
  files: unknown;
  sources: unknown;
  embeds: unknown;
  done: boolean | null;
  status_history: unknown;
  error: unknown;
  usage: unknown;
  created_at: number | null;
  context_summary: string | null;
  meta: unknown;
}

const COLUMNS = [
  'id',
  'chat_id',
  'user_id',
  'role',
  'parent_id',
  'content',
  'output',
  'model_id',
  'files',
  'sources',
  'embeds',
  'done',
  'status_history',
  'error',
  'usage',
  'created_at',
  'context_summary',
  'meta',
] as const;

/** Keys of a message that have a JSON column of their own. */
const JSON_COLUMNS = [
  ['content', 'content'],
  ['output', 'output'],
  ['files', 'files'],
  ['sources', 'sources'],
  ['embeds', 'embeds'],
  ['statusHistory', 'status_history'],
  ['error', 'error'],
  ['meta', 'meta'],
] as const;

/** Ids one statement may carry, so that every database's limit of parameters holds. */
const IDS_PER_STATEMENT = 200;

export function rowId(chatId: string, messageId: string): string {
  return `${chatId}-${messageId}`;
}

function messageIdOf(row: Pick<MessageRow, 'id' | 'chat_id'>): string {
  const prefix = `${row.chat_id}-`;
  return row.id.startsWith(prefix) ? row.id.slice(prefix.length) : row.id;
}

/** A message as its row tells it; what only the document keeps is not there. */
function messageOf(row: MessageRow): Message {
  const message: Message = { id: messageIdOf(row), role: row.role, parentId: row.parent_id, childrenIds: [] };
  if (row.user_id !== null) message.user_id = row.user_id;
  message.content = row.content ?? '';
  for (const [key, column] of JSON_COLUMNS) {
    const value = row[column];
    if (key !== 'content' && value !== null && value !== undefined) (message as JsonObject)[key] = value;
  }
  if (row.model_id !== null) message.model = row.model_id;
  if (row.done !== null) message.done = row.done;
  if (isObject(row.usage)) {
    message.usage = row.usage;
    message.info = { usage: row.usage };
  }
  if (row.context_summary !== null) message.contextSummary = row.context_summary;
  if (row.created_at !== null) message.timestamp = row.created_at;
  return message;
}

function selectRows(db: Db) {
  return db.selectFrom('chat_message').select(COLUMNS);
}

/** One message by its key. */
export async function loadMessage(db: Db, chatId: string, messageId: string): Promise<Message | null> {
  const row = await selectRows(db).where('id', '=', rowId(chatId, messageId)).executeTakeFirst();
  return row && row.chat_id === chatId ? messageOf(row) : null;
}

/** Several messages by key. */
export async function loadRows(db: Db, chatId: string, messageIds: readonly string[]): Promise<Messages> {
  const messages: Messages = {};
  for (let start = 0; start < messageIds.length; start += IDS_PER_STATEMENT) {
    const ids = messageIds.slice(start, start + IDS_PER_STATEMENT).map((id) => rowId(chatId, id));
    const rows = await selectRows(db).where('id', 'in', ids).where('chat_id', '=', chatId).execute();
    for (const row of rows) messages[messageIdOf(row)] = messageOf(row);
  }
  return messages;
}

/** Replies of a chat that are still being written, or were when the server went away. */
export async function loadUnfinished(db: Db, chatId: string): Promise<Message[]> {
  const rows = await selectRows(db)
    .where('chat_id', '=', chatId)
    .where('role', '=', 'assistant')
    .where('done', '=', false)
    .execute();
  return rows.map(messageOf);
}

/** Every unfinished reply of every chat; what a start finds of runs that were interrupted. */
export async function unfinishedReplies(db: Db): Promise<{ chatId: string; messageId: string }[]> {
  const rows = await db
    .selectFrom('chat_message')
    .select(['id', 'chat_id'])
    .where('role', '=', 'assistant')
    .where('done', '=', false)
    .execute();
  return rows.map((row) => ({ chatId: row.chat_id, messageId: messageIdOf(row) }));
}

/**
 * Every message of a chat by id. Rows whose parents have no row get them from the document, a chat without rows is read from its
 * document; what was missing is written back as rows.
 */
export async function loadMessages(db: Db, chatId: string): Promise<Messages> {
  const rows = await selectRows(db).where('chat_id', '=', chatId).orderBy('created_at').orderBy('id').execute();
  const messages: Messages = {};
  for (const row of rows) messages[messageIdOf(row)] = messageOf(row);
  const lost = missingParents(messages);
  if (rows.length > 0 && lost.length === 0) {
    linkChildren(messages);
    return messages;
  }
  const stored = await loadDocument(db, chatId);
  if (!stored) return messages;
  const told = allMessagesOf(stored.document);
  const fill = rows.length === 0 ? Object.keys(told) : lost.filter((id) => told[id]);
  for (const id of fill) {
    const message = told[id];
    if (message) messages[id] = { ...message };
  }
  await insertMissingRows(db, { id: chatId, user_id: stored.user_id }, pick(told, fill));
  if (rows.length > 0) linkChildren(messages);
  return messages;
}

function missingParents(messages: Messages): string[] {
  const missing = new Set<string>();
  for (const message of Object.values(messages)) {
    if (typeof message.parentId === 'string' && !messages[message.parentId]) missing.add(message.parentId);
  }
  return [...missing];
}

function pick(messages: Messages, ids: readonly string[]): Messages {
  const picked: Messages = {};
  for (const id of ids) if (messages[id]) picked[id] = messages[id];
  return picked;
}

/** The branch from the root to a message, oldest first. Reads only the rows of that branch. */
export async function loadBranch(db: Db, chatId: string, messageId: string): Promise<Message[]> {
  const ids = await branchIds(db, chatId, messageId);
  if (ids === null) return branchTo(await loadMessages(db, chatId), messageId);
  return branchTo(await loadRows(db, chatId, ids), messageId);
}

/** Ids from a message up to its root; null when a row on the way is missing. */
async function branchIds(db: Db, chatId: string, messageId: string): Promise<string[] | null> {
  const links = await db
    .selectFrom('chat_message')
    .select(['id', 'chat_id', 'parent_id'])
    .where('chat_id', '=', chatId)
    .execute();
  const parents = new Map(links.map((link) => [messageIdOf(link), link.parent_id]));
  const ids = new Set<string>();
  let next: string | null | undefined = messageId;
  while (typeof next === 'string' && next !== '' && !ids.has(next)) {
    if (!parents.has(next)) return null;
    ids.add(next);
    next = parents.get(next);
  }
  return [...ids];
}

interface Owner {
  id: string;
  user_id: string;
}

function newRow(chat: Owner, messageId: string, message: Message, now: number) {
  return {
    id: rowId(chat.id, messageId),
    chat_id: chat.id,
    user_id: text(message.user_id) ?? chat.user_id,
    role: text(message.role) ?? 'user',
    parent_id: text(message.parentId ?? message.parent_id),
    model_id: text(message.model ?? message.model_id),
    content: json(message.content ?? null),
    output: json(message.output ?? null),
    files: json(message.files ?? null),
    sources: json(message.sources ?? null),
    embeds: json(message.embeds ?? null),
    status_history: json(message.statusHistory ?? message.status_history ?? null),
    error: json(message.error ?? null),
    meta: json(message.meta ?? null),
    usage: json(usageOf(message)),
    done: doneOf(message.done),
    context_summary: text(message.contextSummary ?? message.context_summary),
    created_at: wholeNumber(message.timestamp) ?? now,
    updated_at: now,
  };
}

/** The columns a message gives for its existing row: those whose key is present. */
function changedColumns(chat: Owner, message: MessageFields, now: number): JsonObject {
  const columns: JsonObject = { updated_at: now };
  if ('role' in message) columns.role = text(message.role) ?? 'user';
  if ('user_id' in message) columns.user_id = text(message.user_id) ?? chat.user_id;
  if ('parentId' in message) columns.parent_id = text(message.parentId);
  if ('model' in message) columns.model_id = text(message.model);
  if ('done' in message) columns.done = doneOf(message.done);
  if ('contextSummary' in message) columns.context_summary = text(message.contextSummary);
  for (const [key, column] of JSON_COLUMNS) if (key in message) columns[column] = json(message[key] ?? null);
  const usage = usageOf(message);
  if (usage) columns.usage = json(usage);
  return columns;
}

function usageOf(message: MessageFields): JsonObject | null {
  return normaliseUsage(message.usage) ?? (isObject(message.info) ? normaliseUsage(message.info.usage) : null);
}

function doneOf(value: unknown): boolean {
  return value !== false;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function wholeNumber(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  const whole = Math.trunc(value);
  return Number.isSafeInteger(whole) && whole > 0 ? whole : null;
}

/** Columns of a row that a later write replaces; its time of creation stays. */
const REWRITTEN = COLUMNS.filter((column) => column !== 'id' && column !== 'chat_id' && column !== 'created_at');

/** Writes the rows of messages: new ones whole, known ones with the keys they have. */
export async function writeRows(tx: Transaction, chat: Owner, messages: Messages): Promise<void> {
  const ids = Object.keys(messages).filter((id) => text(messages[id]?.role));
  if (ids.length === 0) return;
  const known = await knownRows(tx, chat.id, ids);
  const now = nowSeconds();
  const rows = ids.filter((id) => !known.has(id)).map((id) => newRow(chat, id, messages[id] as Message, now));
  // A reader may fill in missing rows at the same time (`loadMessages`); what is written here wins.
  await upsert(tx, 'chat_message', rows, { key: ['id'], update: REWRITTEN });
  const breathe = createBreath();
  for (const id of ids) {
    if (!known.has(id)) continue;
    await breathe();
    const columns = changedColumns(chat, messages[id] as Message, now);
    await tx.updateTable('chat_message').set(columns).where('id', '=', rowId(chat.id, id)).execute();
  }
  const told = ids.filter((id) => !known.has(id) || 'content' in (messages[id] as Message));
  await markTexts(
    tx,
    chat.id,
    told.map((id) => rowId(chat.id, id)),
  );
}

/** Writes rows for messages that have none; never changes one. */
export async function insertMissingRows(db: Db, chat: Owner, messages: Messages): Promise<void> {
  const ids = Object.keys(messages).filter((id) => text(messages[id]?.role));
  if (ids.length === 0) return;
  const now = nowSeconds();
  await insertOrIgnore(
    db,
    'chat_message',
    ids.map((id) => newRow(chat, id, messages[id] as Message, now)),
  );
  await markTexts(
    db,
    chat.id,
    ids.map((id) => rowId(chat.id, id)),
  );
}

async function knownRows(db: Db, chatId: string, ids: readonly string[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (let start = 0; start < ids.length; start += IDS_PER_STATEMENT) {
    const keys = ids.slice(start, start + IDS_PER_STATEMENT).map((id) => rowId(chatId, id));
    const rows = await db.selectFrom('chat_message').select(['id', 'chat_id']).where('id', 'in', keys).execute();
    for (const row of rows) known.add(messageIdOf(row));
  }
  return known;
}

/** Removes the rows of messages. */
export async function deleteRows(tx: Transaction, chatId: string, messageIds: readonly string[]): Promise<void> {
  for (let start = 0; start < messageIds.length; start += IDS_PER_STATEMENT) {
    const ids = messageIds.slice(start, start + IDS_PER_STATEMENT).map((id) => rowId(chatId, id));
    await tx.deleteFrom('chat_message').where('id', 'in', ids).execute();
  }
}

/**
 * Writes fields of a running reply to its row only, without touching the document: the cheap write for what arrives while a reply is
 * being written. Reading the chat shows it; the next `upsertMessage` of the reply folds it into the document. False: no such row.
 */
export async function writeReplyRow(db: Db, chatId: string, messageId: string, fields: RowFields): Promise<boolean> {
  const columns = changedColumns({ id: chatId, user_id: '' }, fields, nowSeconds());
  const result = await db
    .updateTable('chat_message')
    .set(columns)
    .where('id', '=', rowId(chatId, messageId))
    .executeTakeFirst();
  // The end of the reply, which is one transaction, notes it once more.
  if ('content' in fields) await markTexts(db, chatId, [rowId(chatId, messageId)]);
  return Number(result.numUpdatedRows) > 0;
}
