import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type Db, json, type Transaction } from '../../kernel/database/index.ts';
import {
  type ChatDocument,
  cleanText,
  currentMessageId,
  encodeDocument,
  historyOf,
  isObject,
  type JsonObject,
  parseDocument,
  repairHistory,
  titleOf,
} from './document.ts';
import type { NewChat } from './writes.ts';

/** A chat without its document. */
export interface ChatHead {
  id: string;
  /** The owner. */
  user_id: string;
  title: string;
  /** Seconds. */
  created_at: number;
  updated_at: number;
  last_read_at: number | null;
  share_id: string | null;
  archived: boolean;
  pinned: boolean | null;
  meta: JsonObject;
  variables: JsonObject;
  folder_id: string | null;
  tasks: unknown[] | null;
  summary: string | null;
  current_message_id: string | null;
  /** Nanoseconds; set while a timer chat waits. */
  timer_at: bigint | null;
}

export interface Chat extends ChatHead {
  document: ChatDocument;
}

const HEAD = [
  'id',
  'user_id',
  'title',
  'created_at',
  'updated_at',
  'last_read_at',
  'share_id',
  'archived',
  'pinned',
  'meta',
  'variables',
  'folder_id',
  'tasks',
  'summary',
  'current_message_id',
  'timer_at',
] as const;

/** Ids with these prefixes name chats that are never stored. */
const UNSAVED = ['temporary:', 'local:', 'channel:'];

/** Whether an id can be that of a stored chat. */
export function isSavedChatId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && !UNSAVED.some((prefix) => id.startsWith(prefix));
}
