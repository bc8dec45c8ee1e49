import {
  type ChatDocument,
  isObject,
  type JsonObject,
  linkChildren,
  type Messages,
  mergeHistory,
  messagesOf,
  sameJson,
} from './document.ts';

export interface DocumentUpdate {
  document: ChatDocument;
  /** Submitted messages that are not as they were, as they are now. */
  changed: Messages;
  /** Whether messages were submitted: then the chat moves up in the list. */
  touches: boolean;
}

/** Submitted keys that can change the current message. */
const CURRENT = ['history', 'messages', 'currentId', 'branchPointMessageId'];

/**
 * Lays what a client submits over a stored document (chats note, 3.6). Its tree is merged and never removes a message; messages of
 * others than the owner, and replies that are being written, stay as stored.
 */
export function updateDocument(stored: ChatDocument, submitted: JsonObject, ownerId: string): DocumentUpdate {
  const document: ChatDocument = { ...stored, ...submitted };
  const touches = 'history' in submitted || 'messages' in submitted;
  if (!('history' in submitted)) return { document, changed: {}, touches };
  const before = messagesOf(stored);
  const history = mergeHistory(stored.history, submitted.history);
  for (const [id, message] of Object.entries(before)) {
    const foreign = (message.user_id ?? ownerId) !== ownerId;
    const written = message.role === 'assistant' && (message.done === false || history.messages[id]?.done === false);
    if (foreign || written) history.messages[id] = { ...message };
  }
  linkChildren(history.messages);
  document.history = history;
  const sent = isObject(submitted.history) && isObject(submitted.history.messages) ? submitted.history.messages : {};
  const changed: Messages = {};
  for (const id of Object.keys(sent)) {
    const message = history.messages[id];
    if (message?.role && !sameJson(message, before[id])) changed[id] = message;
  }
  return { document, changed, touches };
}

/** Whether a submission can change which message is the current one. */
export function namesCurrent(submitted: JsonObject): boolean {
  return CURRENT.some((key) => key in submitted);
}
