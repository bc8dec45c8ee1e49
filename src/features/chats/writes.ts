import type { Transaction } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { nowSeconds } from '../../kernel/time.ts';
import {
  addChild,
  allMessagesOf,
  type ChatDocument,
  clean,
  firstRole,
  type History,
  historyOf,
  isObject,
  type JsonObject,
  type Message,
  type Messages,
  outputText,
  repairHistory,
} from './document.ts';
import { loadRows, type MessageFields, writeRows } from './message-rows.ts';
import { type Chat, type ChatHead, insertChatRow, lockChat, saveDocument } from './store.ts';

export interface NewChat {
  /** Default: a new UUID. */
  id?: string;
  userId: string;
  document: ChatDocument;
  variables?: JsonObject | null;
  folderId?: string | null;
  meta?: JsonObject;
  pinned?: boolean;
  archived?: boolean;
  /** Default: what the document says. */
  currentMessageId?: string | null;
  /** Seconds; default now. */
  createdAt?: number | null;
  updatedAt?: number | null;
}

/** Stores a new chat with the rows of all its messages. */
export async function insertChat(tx: Transaction, chat: NewChat): Promise<Chat> {
  const stored = await insertChatRow(tx, chat);
  await writeRows(tx, stored, allMessagesOf(stored.document));
  return stored;
}

/** One reply to be written: a column of a side-by-side chat has its own. */
export interface Reply {
  id: string;
  model: string;
  modelIdx?: number | null;
  /** Task that writes it. */
  taskId?: string;
}

/** A question with the replies it waits for. */
export interface Turn {
  author: { id: string; name: string };
  /** The question as the client sent it; null when only replies are placed. */
  userMessage: (MessageFields & { id: string }) | null;
  replies: readonly Reply[];
}

/** The document of a chat that begins with a turn. `id` is the chat's. */
export function firstTurnDocument(
  id: string,
  turn: Turn,
  models: readonly string[],
  files: unknown[] = [],
): ChatDocument {
  const messages: Messages = {};
  const replyIds = turn.replies.map((reply) => reply.id);
  const question = turn.userMessage;
  if (question) {
    messages[question.id] = { ...stampQuestion(question, turn.author, null), childrenIds: replyIds };
  }
  for (const reply of turn.replies) messages[reply.id] = placeholder(reply, question?.id ?? null);
  return {
    id,
    title: 'New Chat',
    models: [...models],
    history: { currentId: replyIds[0] ?? question?.id ?? null, messages },
    messages: question ? [{ role: 'user', content: question.content ?? '' }] : [],
    files,
    tags: [],
    timestamp: Date.now(),
  };
}

function stampQuestion(
  question: MessageFields & { id: string },
  author: Turn['author'],
  parentId: string | null,
): Message {
  return {
    timestamp: nowSeconds(),
    content: '',
    ...question,
    id: question.id,
    parentId,
    childrenIds: [],
    role: 'user',
    user_id: author.id,
    user: { id: author.id, name: author.name },
  };
}

function placeholder(reply: Reply, parentId: string | null): Message {
  const message: Message = {
    id: reply.id,
    parentId,
    childrenIds: [],
    role: 'assistant',
    content: '',
    done: false,
    model: reply.model,
    timestamp: nowSeconds(),
  };
  if (reply.modelIdx !== undefined && reply.modelIdx !== null) message.modelIdx = reply.modelIdx;
  if (reply.taskId !== undefined) message.meta = { task_id: reply.taskId };
  return message;
}

/** What the owner of a chat changes along with a turn. */
export interface TurnSettings {
  models?: string[];
  files?: unknown[];
  variables?: JsonObject;
}

export interface PlacedTurn {
  chat: ChatHead;
  /** The question and the replies as stored now, by id. */
  messages: Messages;
  /** Those of them that are new. */
  inserted: string[];
  currentId: string | null;
}

const TAKEN = 'Message already exists or has an invalid ID.';

/**
 * Puts a turn into a stored chat under its lock. Whether the author may continue the chat is for the caller to check. 404 when the chat
 * is gone, 403 and 409 when the ids do not fit the tree.
 */
export async function placeTurn(
  tx: Transaction,
  chatId: string,
  turn: Turn,
  settings: TurnSettings = {},
): Promise<PlacedTurn> {
  const locked = await lockChat(tx, chatId);
  if (!locked) throw new HttpError(404, 'Chat not found.', { code: 'chat.gone' });
  const { head, document } = locked;
  const history = historyOf(document);
  repairHistory(history);
  checkIds(turn);
  const placed: Messages = {};
  const inserted: string[] = [];
  const owned = turn.author.id === head.user_id;
  const question = turn.userMessage ? placeQuestion(history, turn, head, inserted) : null;
  if (question) placed[question.id] = question;
  for (const reply of turn.replies) placed[reply.id] = placeReply(history, reply, turn, head, question, inserted);
  const last = inserted.at(-1);
  if (last !== undefined) history.currentId = last;
  if (owned && settings.models) document.models = settings.models;
  if (owned && settings.files) document.files = settings.files;
  const saved = await saveDocument(tx, head, document, {
    touch: true,
    ...(owned && settings.variables ? { variables: settings.variables } : {}),
  });
  await writeRows(tx, head, placed);
  return { chat: saved, messages: placed, inserted, currentId: history.currentId };
}

function checkIds(turn: Turn): void {
  const ids = [turn.userMessage?.id, ...turn.replies.map((reply) => reply.id)].slice(turn.userMessage ? 0 : 1);
  const usable = ids.every((id) => typeof id === 'string' && id !== '' && id !== '__proto__');
  if (ids.length === 0 || !usable || new Set(ids).size !== ids.length)
    throw new HttpError(409, TAKEN, { code: 'message.id' });
}

function placeQuestion(history: History, turn: Turn, head: ChatHead, inserted: string[]): Message {
  const sent = turn.userMessage as MessageFields & { id: string };
  const known = history.messages[sent.id];
  if (known) {
    if (known.role !== 'user') {
      throw new HttpError(403, 'You can only regenerate replies to user messages.', { code: 'turn.parent' });
    }
    const own = (known.user_id ?? head.user_id) === turn.author.id;
    if (own && Array.isArray(sent.models)) known.models = sent.models;
    return known;
  }
  const parentId = typeof sent.parentId === 'string' && sent.parentId !== '' ? sent.parentId : null;
  const parent = parentId === null ? undefined : history.messages[parentId];
  if (parentId !== null && !parent)
    throw new HttpError(409, 'Parent message no longer exists.', { code: 'turn.parent' });
  const own = turn.author.id === head.user_id;
  const question = clean(stampQuestion(own ? sent : guestFields(sent), turn.author, parentId)) as Message;
  history.messages[question.id] = question;
  if (parent) addChild(parent, question.id);
  inserted.push(question.id);
  return question;
}

/** What a guest's question may carry. */
function guestFields(sent: MessageFields & { id: string }): MessageFields & { id: string } {
  const { id, content, files, models } = sent;
  return { id, content, ...(files ? { files } : {}), ...(models ? { models } : {}) };
}

function placeReply(
  history: History,
  reply: Reply,
  turn: Turn,
  head: ChatHead,
  question: Message | null,
  inserted: string[],
): Message {
  const known = history.messages[reply.id];
  if (known) {
    const author = known.user_id ?? head.user_id;
    const waiting =
      known.role === 'assistant' &&
      !known.done &&
      !known.content &&
      isEmptyList(known.output) &&
      author === turn.author.id;
    if (!waiting || (question && known.parentId !== question.id))
      throw new HttpError(409, TAKEN, { code: 'message.id' });
    known.model = reply.model;
    known.done = false;
    if (reply.taskId !== undefined) known.meta = mergeMeta(known.meta, { task_id: reply.taskId });
    return known;
  }
  const message = placeholder(reply, question?.id ?? null);
  message.user_id = turn.author.id;
  message.modelIdx = reply.modelIdx ?? null;
  history.messages[reply.id] = message;
  if (question) addChild(question, reply.id);
  inserted.push(reply.id);
  return message;
}

function isEmptyList(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

export interface WriteOptions {
  /** Whether the chat moves up in the list (`updated_at`). Background figures do not touch it. Default true. */
  touch?: boolean;
}

/**
 * Lays fields over one message, or makes it: document and row in one transaction. What was written to the row alone is folded in.
 * Null when the chat is gone.
 */
export async function upsertMessage(
  tx: Transaction,
  chatId: string,
  messageId: string,
  fields: MessageFields,
  options: WriteOptions = {},
): Promise<Message | null> {
  const written = await upsertMessages(tx, chatId, { [messageId]: fields }, options);
  return written?.messages[messageId] ?? null;
}

export interface Written {
  chat: ChatHead;
  document: ChatDocument;
  /** The messages as stored now. */
  messages: Messages;
}

/** `upsertMessage` for several messages with one write of the document. */
export async function upsertMessages(
  tx: Transaction,
  chatId: string,
  fields: Readonly<Record<string, MessageFields>>,
  options: WriteOptions = {},
): Promise<Written | null> {
  const locked = await lockChat(tx, chatId);
  if (!locked) return null;
  const { head, document } = locked;
  const history = historyOf(document);
  repairHistory(history);
  const ids = Object.keys(fields);
  const rows = await loadRows(tx, chatId, ids);
  const messages: Messages = {};
  for (const id of ids) {
    const known = history.messages[id];
    const given = withContent(clean(fields[id] ?? {}) as MessageFields);
    messages[id] = known ? changeMessage(known, given, rows[id]) : addMessage(history, id, given);
    history.messages[id] = messages[id];
    const parentId = messages[id].parentId;
    const parent = typeof parentId === 'string' ? history.messages[parentId] : undefined;
    if (parent) addChild(parent, id);
  }
  const chat = await saveDocument(tx, head, document, { touch: options.touch ?? true });
  await writeRows(tx, head, messages);
  return { chat, document, messages };
}

/** A reply that gives only its items gets their text as content. */
function withContent(fields: MessageFields): MessageFields {
  if (fields.content || !fields.output) return fields;
  const content = outputText(fields.output);
  return content ? { ...fields, content } : fields;
}

/** Keys a run may write to the row of a reply before it writes the document. */
const ROW_FIRST = ['statusHistory', 'sources', 'embeds', 'files'] as const;
/** Those it also writes while the reply is unfinished. */
const ROW_FIRST_UNFINISHED = [...ROW_FIRST, 'content', 'output', 'error'] as const;

/** Parts of `meta` that survive a write of others. */
const META_KEPT = ['voice', 'task_id'] as const;

function changeMessage(known: Message, fields: MessageFields, row: Message | undefined): Message {
  const folded: JsonObject = {};
  for (const key of known.done === false ? ROW_FIRST_UNFINISHED : ROW_FIRST) {
    const written = row?.[key];
    if (written !== undefined && written !== '' && !(key in fields)) folded[key] = written;
  }
  const message: Message = { ...known, ...folded, ...fields, id: known.id ?? fields.id };
  if (isObject(fields.meta)) message.meta = mergeMeta(known.meta, fields.meta);
  return message;
}

function mergeMeta(stored: unknown, incoming: JsonObject): JsonObject {
  const before = isObject(stored) ? stored : {};
  const partial = Object.keys(incoming).every((key) => (META_KEPT as readonly string[]).includes(key));
  if (partial) return { ...before, ...incoming };
  const merged = { ...incoming };
  for (const key of META_KEPT) if (!(key in incoming) && key in before) merged[key] = before[key];
  return merged;
}

function addMessage(history: History, id: string, fields: MessageFields): Message {
  if (id === '__proto__') throw new HttpError(409, TAKEN, { code: 'message.id' });
  const parentId = fields.parentId ?? parentListing(history, id);
  const parentRole = parentId === null ? undefined : history.messages[parentId]?.role;
  const opposite = parentRole === 'user' ? 'assistant' : parentRole === 'assistant' ? 'user' : undefined;
  const role = fields.role || firstRole(fields.output) || opposite || 'assistant';
  history.currentId = id;
  return { childrenIds: [], timestamp: nowSeconds(), ...fields, id, parentId, role };
}

/** The message that names `id` among its children though no message of that id was there. */
function parentListing(history: History, id: string): string | null {
  for (const [parentId, message] of Object.entries(history.messages)) {
    if (Array.isArray(message.childrenIds) && message.childrenIds.includes(id)) return parentId;
  }
  return null;
}
