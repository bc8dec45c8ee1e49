import type { EventSink } from '../configuration/index.ts';

/** Events after which somebody may no longer, or may now, read chats: any of them, or the one they name (chats note, 3.10). */
const ANY_CHAT = new Set([
  'folder.access_updated',
  'folder.updated',
  'folder.parent_updated',
  'folder.deleted',
  'chat.deleted_all',
]);
const ONE_CHAT = new Set(['chat.shared', 'chat.unshared', 'chat.folder_updated', 'chat.deleted', 'chat.archived']);

/** Passes events on, and before asks again who may read the chats they are about. `refresh`: null is any chat. */
export function recheckOnEvents(next: EventSink, refresh: (chatId: string | null) => void): EventSink {
  return {
    publish(event, details) {
      const { subject } = details;
      if (ANY_CHAT.has(event)) refresh(null);
      else if (ONE_CHAT.has(event)) refresh(subject?.type === 'user' ? null : (subject?.id ?? null));
      next.publish(event, details);
    },
  };
}
