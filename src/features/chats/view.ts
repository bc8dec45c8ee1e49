import { type ChatDocument, isObject, type JsonObject, outputText } from './document.ts';
import type { LiveReply } from './runs.ts';

/** Who looks at a chat: null is somebody who is not signed in. */
export type ViewerId = string | null;

const OWNERS_OWN = ['params', 'tool_servers', 'tool_ids', 'filter_ids', 'variables'] as const;

/**
 * Shapes a document in place for a viewer: authors are named on user messages, server state (`meta`) stays with the author of a
 * message, and what configures the chat stays with its owner. Names the messages do not carry come from `names`; ids missing there are
 * returned, so that the caller can look them up and call again.
 */
export function shareView(
  document: ChatDocument,
  ownerId: string,
  viewer: ViewerId,
  names: ReadonlyMap<string, string> = new Map(),
): string[] {
  if (viewer !== ownerId) for (const key of OWNERS_OWN) delete document[key];
  const unknown = new Set<string>();
  for (const message of everyMessage(document)) {
    const author = authorOf(message);
    if (message.role === 'user') {
      const id = author ?? ownerId;
      const name = nameIn(message, id) ?? names.get(id);
      if (name === undefined) unknown.add(id);
      message.user_id = id;
      message.user = { id, name: name ?? '' };
    }
    hideMeta(message, ownerId, viewer);
  }
  return [...unknown];
}

/** Server state of a message is its author's alone. */
export function hideMeta(message: JsonObject, ownerId: string, viewer: ViewerId): void {
  if ('meta' in message && viewer !== (textOr(message.user_id) ?? ownerId)) delete message.meta;
}

/** Lays a reply that is being written over its message. */
export function overlayReply(message: JsonObject, { output }: LiveReply): void {
  Object.assign(message, { content: outputText(output), output, done: false } satisfies JsonObject);
}

/** The messages of the tree and of the linear list; entries that are no objects are skipped. */
export function* everyMessage(document: ChatDocument): Generator<JsonObject> {
  const tree = isObject(document.history) ? document.history.messages : undefined;
  for (const list of [tree, document.messages]) {
    if (typeof list !== 'object' || list === null) continue;
    for (const message of Object.values(list)) if (isObject(message)) yield message;
  }
}

/** The author a message names itself. */
export function authorOf(message: JsonObject): string | undefined {
  return textOr(message.user_id) ?? (isObject(message.user) ? textOr(message.user.id) : undefined);
}

function nameIn(message: JsonObject, id: string): string | undefined {
  const { user } = message;
  return isObject(user) && user.id === id && typeof user.name === 'string' && user.name !== '' ? user.name : undefined;
}

function textOr(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Stamps the caller as the author of every submitted message. */
export function attribute(document: ChatDocument, author: { id: string; name: string }): void {
  for (const message of everyMessage(document)) {
    message.user_id = author.id;
    if (message.role === 'user') message.user = { id: author.id, name: author.name };
  }
}
