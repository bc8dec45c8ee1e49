import type { User } from '../../kernel/http/principal.ts';
import type { ChatHead } from './store.ts';

/** A reply that is being written now. */
export interface LiveReply {
  messageId: string;
  output: unknown[];
}

/** What the chat routes ask of running conversations; `features/conversation` gives it. */
export interface ChatRuns {
  /** The replies being written in a chat, for the overlay on a chat that is read meanwhile. */
  live(chatId: string): readonly LiveReply[] | Promise<readonly LiveReply[]>;
  /** Those of these chats that have a running task. */
  active(chatIds: readonly string[]): ReadonlySet<string> | Promise<ReadonlySet<string>>;
  /**
   * Hands an event to a reply that is being written, which tells it and stores it with the rest. False: nothing writes that
   * message here.
   */
  tell(chatId: string, messageId: string, event: { type: string; data: unknown }): boolean;
  /** The user has read a chat of theirs. */
  wasRead(userId: string, chatId: string): void;
  /** Stops the tasks of a chat and waits until what they had is stored. */
  stop(chatId: string): Promise<void>;
  /** POST /api/v1/chats/{id}/compact for a chat without running tasks; answers what the route answers. */
  compact(user: User, chat: ChatHead, model: string | null): Promise<Record<string, unknown>>;
}
