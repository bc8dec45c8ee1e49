import {
  branchTo,
  type ChatDocument,
  isObject,
  type JsonObject,
  type Message,
  type Messages,
  messagesOf,
} from './document.ts';

/** Figures of one chat, as the statistics routes give them. */
export interface ChatFigures {
  models: Record<string, number>;
  message_count: number;
  history_models: Record<string, number>;
  history_message_count: number;
  history_user_message_count: number;
  history_assistant_message_count: number;
  average_response_time: number;
  average_user_message_content_length: number;
  average_assistant_message_content_length: number;
}

/** How the length of a content that is a list of blocks is measured. */
type BlockLength = 'blocks' | 'text';

/** Figures over the tree and the current branch of a document. */
export function chatFigures(document: ChatDocument, blockLength: BlockLength): ChatFigures {
  const messages = messagesOf(document);
  const all = Object.values(messages);
  const branch = branchTo(messages, currentIdOf(document));
  return {
    models: countModels(branch),
    message_count: branch.length,
    history_models: countModels(all),
    history_message_count: all.length,
    history_user_message_count: all.filter((message) => message.role === 'user').length,
    history_assistant_message_count: all.filter((message) => message.role === 'assistant').length,
    average_response_time: mean(responseTimes(messages)),
    average_user_message_content_length: mean(lengths(all, 'user', blockLength)),
    average_assistant_message_content_length: mean(lengths(all, 'assistant', blockLength)),
  };
}

function currentIdOf(document: ChatDocument): string | null {
  const history = isObject(document.history) ? document.history : {};
  return typeof history.currentId === 'string' ? history.currentId : null;
}

function countModels(messages: readonly Message[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { role, model } of messages) {
    if (role === 'assistant' && typeof model === 'string' && model) counts[model] = (counts[model] ?? 0) + 1;
  }
  return counts;
}

function responseTimes(messages: Messages): number[] {
  const times: number[] = [];
  for (const message of Object.values(messages)) {
    const parent = typeof message.parentId === 'string' ? messages[message.parentId] : undefined;
    if (message.role !== 'assistant' || !parent) continue;
    if (message.timestamp && parent.timestamp) times.push(message.timestamp - parent.timestamp);
  }
  return times;
}

function lengths(messages: readonly Message[], role: string, blockLength: BlockLength): number[] {
  return messages
    .filter((message) => message.role === role)
    .map((message) => contentLength(message.content, blockLength));
}

/** Code points of a text; of a list, its entries or the text in them. */
function contentLength(content: unknown, blockLength: BlockLength): number {
  if (typeof content === 'string') return codePoints(content);
  if (!Array.isArray(content)) return 0;
  if (blockLength === 'blocks') return content.length;
  let length = 0;
  for (const block of content) {
    if (isObject(block) && block.type === 'text' && typeof block.text === 'string') length += codePoints(block.text);
  }
  return length;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export interface ChatUsage extends ChatFigures {
  id: string;
  tags: unknown[];
  last_message_at: number | null;
  updated_at: number;
  created_at: number;
}

interface Dated {
  id: string;
  meta: JsonObject;
  created_at: number;
  updated_at: number;
}

/** A chat in the caller's usage list; null when it has no current branch. */
export function chatUsage(chat: Dated, document: ChatDocument): ChatUsage | null {
  const messages = messagesOf(document);
  const current = currentIdOf(document);
  if (current === null || Object.keys(messages).length === 0) return null;
  const last = branchTo(messages, current).at(-1);
  return {
    id: chat.id,
    ...chatFigures(document, 'blocks'),
    tags: tagsOf(chat.meta),
    last_message_at: last?.timestamp ?? null,
    updated_at: chat.updated_at,
    created_at: chat.created_at,
  };
}

/** The tag ids of a chat. */
export function tagsOf(meta: JsonObject): string[] {
  return Array.isArray(meta.tags) ? meta.tags.filter((tag) => typeof tag === 'string') : [];
}

/** A chat in the statistics export: figures and lengths, no texts. */
export function chatStats(chat: Dated & { user_id: string }, document: ChatDocument): JsonObject {
  const messages: JsonObject = {};
  for (const [id, message] of Object.entries(messagesOf(document))) {
    if (typeof message.id === 'string') messages[id] = messageStats(message);
  }
  return {
    id: chat.id,
    user_id: chat.user_id,
    created_at: chat.created_at,
    updated_at: chat.updated_at,
    tags: tagsOf(chat.meta),
    stats: chatFigures(document, 'text'),
    chat: { history: { messages, currentId: currentIdOf(document) } },
  };
}

function messageStats(message: Message): JsonObject {
  const annotation = isObject(message.annotation) ? message.annotation : {};
  return {
    id: message.id,
    role: message.role,
    model: message.model ?? null,
    content_length: contentLength(message.content, 'text'),
    token_count: null,
    timestamp: message.timestamp ?? null,
    rating: annotation.rating ?? null,
    tags: annotation.tags ?? null,
  };
}
