import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';

/** What sockets need of chats; features/chats gives it. */
export interface LiveChats {
  /** Whether the user may read or write in a stored chat now. False where there is no such chat. */
  access(user: User, chatId: string, right: 'read' | 'write'): Promise<boolean>;
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
}
