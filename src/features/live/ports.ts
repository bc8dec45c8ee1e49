import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';

/** By what somebody may see a chat: it is theirs, or they were given the right. */
export type ChatAccess = 'own' | 'granted';

/** What sockets need of chats; features/chats gives it. */
export interface LiveChats {
  /** Whether the user may read or write in a stored chat now; null when not, or where there is no such chat. */
  access(user: User, chatId: string, right: 'read' | 'write'): Promise<ChatAccess | null>;
  /**
   * Notes that the owner has read the chat. Gives what the owner's tabs are told (`last_read_at` in seconds, and
   * `folder_unread_counts` where they changed); null when the chat is not the user's.
   */
  markRead(user: User, chatId: string): Promise<JsonObject | null>;
}

/** What sockets need of channels; features/channels gives it. */
export interface LiveChannels {
  /** The channels whose messages the user gets. */
  channelIds(user: User): Promise<readonly string[]>;
  /** Notes that a member has read a channel now. */
  markRead(userId: string, channelId: string): Promise<void>;
}
