/**
 * The chat document (`chat.chat`): a tree of messages plus what the client keeps beside it. Pure functions; documents of earlier
 * releases may hold anything, so everything is read loosely here and nowhere else.
 */

import { cleanJson, cleanText, mayNeedCleaning } from '../../kernel/database/index.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';

export { cleanJson as clean, cleanText, isObject, type JsonObject };

/** One message of the tree. Keys that are not named here are kept as they are. */
export interface Message {
  id: string;
  /** null at a root */
  parentId?: string | null;
  childrenIds?: string[];
  role: string;
  /** A text or a list of blocks. */
  content?: unknown;
  /** Seconds. */
  timestamp?: number;
  /** Author; absent means the owner of the chat. */
  user_id?: string;
  user?: { id: string; name: string };
  models?: string[];
  model?: string;
  modelIdx?: number | null;
  /** false while a reply is being written */
  done?: boolean;
  output?: unknown[];
  files?: unknown[];
  sources?: unknown[];
  embeds?: unknown[];
  statusHistory?: unknown[];
  error?: unknown;
  usage?: Record<string, unknown>;
  meta?: Record<string, unknown>;
  contextSummary?: string;
  [key: string]: unknown;
}

export type Messages = Record<string, Message>;

export interface History {
  messages: Messages;
  currentId: string | null;
  [key: string]: unknown;
}

/** The document as stored: `history` may be missing or broken, see `historyOf`. */
export interface ChatDocument {
  title?: unknown;
  models?: unknown;
  params?: unknown;
  history?: unknown;
  messages?: unknown;
  files?: unknown;
  [key: string]: unknown;
}

/** What is stored in `chat.chat` as a document. Texts that are no JSON object, also after a double encoding, are empty. */
export function parseDocument(stored: string | Buffer | null | undefined): ChatDocument {
  const text = Buffer.isBuffer(stored) ? stored.toString() : stored;
  if (!text) return {};
  let value: unknown = text;
  for (let depth = 0; depth < 2 && typeof value === 'string'; depth += 1) {
    try {
      value = JSON.parse(value);
    } catch {
      return {};
    }
  }
  if (!isObject(value)) return {};
  return mayNeedCleaning(text) ? (cleanJson(value) as ChatDocument) : value;
}

/** Whether a reply is still being written, as its message tells. */
export function isUnfinished(message: JsonObject): boolean {
  return message.role === 'assistant' && message.done === false;
}

/** The document as stored text: compact, without NUL and lone surrogates. */
export function encodeDocument(document: ChatDocument): string {
  const text = JSON.stringify(document);
  return mayNeedCleaning(text) ? JSON.stringify(cleanJson(document)) : text;
}

/** An empty tree that may have members of any name. */
function noMessages(): Messages {
  return Object.create(null) as Messages;
}

/** The messages of a document's tree; entries that are no objects are left out. */
export function messagesOf(document: ChatDocument): Messages {
  const history = isObject(document.history) ? document.history : {};
  const stored = isObject(history.messages) ? history.messages : {};
  const messages = noMessages();
  for (const [id, message] of Object.entries(stored)) if (isObject(message)) messages[id] = message as Message;
  return messages;
}

/** The messages of the tree, or of the linear list of old documents when the tree is empty. */
export function allMessagesOf(document: ChatDocument): Messages {
  const messages = messagesOf(document);
  if (Object.keys(messages).length > 0 || !Array.isArray(document.messages)) return messages;
  for (const message of document.messages) {
    if (isObject(message) && typeof message.id === 'string' && message.id) messages[message.id] = message as Message;
  }
  return messages;
}

/** The tree of a document, ready to be changed: puts a well-formed `history` into the document. */
export function historyOf(document: ChatDocument): History {
  const stored = isObject(document.history) ? document.history : {};
  const history: History = {
    ...stored,
    messages: messagesOf(document),
    currentId: typeof stored.currentId === 'string' ? stored.currentId : null,
  };
  document.history = history;
  return history;
}

/** What column `current_message_id` holds for a document. */
export function currentMessageId(document: ChatDocument): string | null {
  const history = isObject(document.history) ? document.history : {};
  for (const id of [history.currentId, document.currentId, document.branchPointMessageId]) {
    if (typeof id === 'string' && id) return id;
  }
  if (!Array.isArray(document.messages)) return null;
  const last = document.messages.findLast(
    (message) => isObject(message) && typeof message.id === 'string' && message.id,
  );
  return last ? (last as Message).id : null;
}

/** What column `title` holds for a document. */
export function titleOf(document: ChatDocument): string {
  return typeof document.title === 'string' ? cleanText(document.title) : 'New Chat';
}

/** Lays one tree over another: nothing is ever removed, links to children are derived anew from the parents. */
export function mergeHistory(existing: unknown, incoming: unknown): History {
  const before = isObject(existing) ? existing : {};
  const after = isObject(incoming) ? incoming : {};
  const messages = noMessages();
  for (const source of [before.messages, after.messages]) {
    if (!isObject(source)) continue;
    for (const [id, message] of Object.entries(source)) if (isObject(message)) messages[id] = { ...message } as Message;
  }
  linkChildren(messages);
  const named = [after.currentId, before.currentId].find((id) => typeof id === 'string' && id in messages);
  return { ...before, ...after, messages, currentId: (named as string | undefined) ?? null };
}

/** Derives every `childrenIds` from the parents, in the order of the messages. */
export function linkChildren(messages: Messages): void {
  for (const message of Object.values(messages)) message.childrenIds = [];
  for (const [id, message] of Object.entries(messages)) {
    const parent = parentOf(messages, message);
    parent?.childrenIds?.push(id);
  }
}

function parentOf(messages: Messages, message: Message): Message | undefined {
  return typeof message.parentId === 'string' ? messages[message.parentId] : undefined;
}

/** Mends links and the current message of a tree in place, as every read and every message write does. */
export function repairHistory(history: History): void {
  const { messages } = history;
  const named = new Map<Message, Set<string>>();
  for (const [id, message] of Object.entries(messages)) {
    const parent = parentOf(messages, message);
    if (!parent) continue;
    if (!Array.isArray(parent.childrenIds)) parent.childrenIds = [];
    let children = named.get(parent);
    if (!children) {
      children = new Set(parent.childrenIds);
      named.set(parent, children);
    }
    if (children.has(id)) continue;
    children.add(id);
    parent.childrenIds.push(id);
  }
  const current = history.currentId === null ? undefined : messages[history.currentId];
  if (
    current &&
    history.currentId !== null &&
    wellFormed(current, history.currentId) &&
    !isStrayLeaf(current, messages)
  ) {
    history.currentId = lastDescendant(messages, history.currentId);
    return;
  }
  history.currentId = newestLeaf(messages) ?? history.currentId;
}

/** Names `id` among the children of `parent`, once. */
export function addChild(parent: Message, id: string): void {
  if (!Array.isArray(parent.childrenIds)) parent.childrenIds = [id];
  else if (!parent.childrenIds.includes(id)) parent.childrenIds.push(id);
}

function wellFormed(message: unknown, id: string): message is Message {
  return isObject(message) && message.id === id && typeof message.role === 'string' && message.role !== '';
}

/** A reply that an interrupted write left outside the tree: no parent, no time, though the chat has other messages. */
function isStrayLeaf(message: Message, messages: Messages): boolean {
  return (
    firstRole(message.output) === 'assistant' &&
    !message.parentId &&
    !message.timestamp &&
    Object.keys(messages).length > 1
  );
}

/** The role of the first output item that has one. */
export function firstRole(output: unknown): string | undefined {
  if (!Array.isArray(output)) return undefined;
  for (const item of output) if (isObject(item) && typeof item.role === 'string' && item.role) return item.role;
  return undefined;
}

/** Follows the last well-formed child as far as it goes. */
function lastDescendant(messages: Messages, from: string): string {
  const seen = new Set([from]);
  let id = from;
  for (;;) {
    const children = messages[id]?.childrenIds;
    const next = Array.isArray(children)
      ? children.findLast((child) => {
          const message = messages[child];
          return wellFormed(message, child) && message.parentId === id;
        })
      : undefined;
    if (next === undefined || seen.has(next)) return id;
    seen.add(next);
    id = next;
  }
}

function newestLeaf(messages: Messages): string | null {
  let newest: string | null = null;
  let time = Number.NEGATIVE_INFINITY;
  for (const [id, message] of Object.entries(messages)) {
    if (!message.role || (Array.isArray(message.childrenIds) && message.childrenIds.length > 0)) continue;
    const at = typeof message.timestamp === 'number' ? message.timestamp : 0;
    if (at > time) {
      newest = id;
      time = at;
    }
  }
  return newest;
}

/** The branch from the root to `id`, oldest first. Ends at a missing parent or where a cycle closes. */
export function branchTo(messages: Messages, id: string | null | undefined): Message[] {
  const branch: Message[] = [];
  const seen = new Set<string>();
  let next = id;
  while (typeof next === 'string' && !seen.has(next)) {
    const message: Message | undefined = messages[next];
    if (!message) break;
    seen.add(next);
    branch.push(message);
    next = message.parentId;
  }
  return branch.reverse();
}

export interface MessageRemoval {
  /** The message and its children. */
  removed: string[];
  /** Grandchildren that moved up. */
  moved: string[];
}

/** Removes a message with its children; grandchildren move up to its parent. Null when the tree has no such message. */
export function removeMessage(history: History, id: string): MessageRemoval | null {
  const { messages } = history;
  const message = messages[id];
  if (!message) return null;
  const parentId = typeof message.parentId === 'string' ? message.parentId : null;
  const byParent = Map.groupBy(Object.keys(messages), (child) => messages[child]?.parentId);
  const children = byParent.get(id) ?? [];
  const moved = children.flatMap((child) => byParent.get(child) ?? []).filter((child) => child !== id);
  const removed = new Set([id, ...children]);
  for (const gone of removed) delete messages[gone];
  const parent = parentId === null ? undefined : messages[parentId];
  if (parent) parent.childrenIds = (parent.childrenIds ?? []).filter((child) => !removed.has(child));
  const kept = moved.filter((child) => messages[child]);
  for (const child of kept) {
    const orphan = messages[child];
    if (orphan) orphan.parentId = parentId;
    if (parent) addChild(parent, child);
  }
  history.currentId = currentAfterRemoval(messages, parent ? parentId : null);
  return { removed: [...removed], moved: kept };
}

function currentAfterRemoval(messages: Messages, parentId: string | null): string | null {
  const start = parentId ?? Object.keys(messages).findLast((id) => !messages[id]?.parentId);
  if (start === undefined) return null;
  const seen = new Set([start]);
  let id = start;
  for (;;) {
    const next = messages[id]?.childrenIds?.findLast((child) => child in messages);
    if (next === undefined || seen.has(next)) return id;
    seen.add(next);
    id = next;
  }
}

/** The text of an item list: the parts of each message item joined with nothing, blank items dropped, the rest by line. */
export function outputText(output: unknown): string {
  if (!Array.isArray(output)) return '';
  const texts: string[] = [];
  for (const item of output) {
    if (!isObject(item) || item.type !== 'message') continue;
    const text = partsText(item.content);
    if (text.trim()) texts.push(text);
  }
  return texts.join('\n');
}

function partsText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

/** Deep equality of JSON values; the order of members does not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}
