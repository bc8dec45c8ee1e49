import { sql } from 'kysely';
import { type Db, json, jsonAt, type Transaction } from '../../../kernel/database/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { nowSeconds } from '../../../kernel/time.ts';

/** Work that was given to a sub-agent and is not over. */
export interface Delegation {
  /** The hidden chat. */
  chat_id: string;
  message_id: string;
  user_id: string;
  parent_chat_id: string;
  mode: 'foreground' | 'background';
  data: JsonObject;
  /** Seconds. */
  started_at: number;
}

export async function insertDelegation(tx: Db, delegation: Omit<Delegation, 'started_at'>): Promise<void> {
  const row = { ...delegation, data: json(delegation.data), started_at: nowSeconds() };
  await tx.insertInto('loggia_delegation').values(row).execute();
}

/** False: it was over already, somebody else has seen to it. */
export async function deleteDelegation(tx: Db, chatId: string): Promise<boolean> {
  const result = await tx.deleteFrom('loggia_delegation').where('chat_id', '=', chatId).executeTakeFirst();
  return Number(result.numDeletedRows) > 0;
}

export async function countDelegations(db: Db, mode: Delegation['mode']): Promise<number> {
  const row = await db
    .selectFrom('loggia_delegation')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('mode', '=', mode)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Delegations whose run is over: their process has not seen to them, or is gone. */
export async function endedDelegations(db: Db): Promise<Delegation[]> {
  const rows = await db
    .selectFrom('loggia_delegation as work')
    .selectAll('work')
    .where((eb) =>
      eb.not(
        eb.exists(eb.selectFrom('loggia_run as run').select('run.id').whereRef('run.chat_id', '=', 'work.chat_id')),
      ),
    )
    .execute();
  return rows.map((row) => ({
    ...row,
    mode: row.mode === 'background' ? 'background' : 'foreground',
    data: isObject(row.data) ? row.data : {},
  }));
}

/** A message of the server's own that waits until its chat is idle. */
export interface InternalMessage {
  id: string;
  chat_id: string;
  user_id: string;
  kind: 'subagent' | 'timer';
  model: string;
  content: string;
  meta: JsonObject;
  run: JsonObject;
}

export async function insertInternal(tx: Db, message: InternalMessage): Promise<void> {
  const row = { ...message, meta: json(message.meta), run: json(message.run), created_at: nowSeconds() };
  await tx.insertInto('loggia_internal_message').values(row).execute();
}

/** What waits for a chat, oldest first. */
export async function waitingFor(db: Db, chatId: string): Promise<InternalMessage[]> {
  const rows = await db
    .selectFrom('loggia_internal_message')
    .selectAll()
    .where('chat_id', '=', chatId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(({ created_at: _, ...row }) => ({
    ...row,
    kind: row.kind === 'timer' ? 'timer' : 'subagent',
    meta: isObject(row.meta) ? row.meta : {},
    run: isObject(row.run) ? row.run : {},
  }));
}

export async function deleteInternal(tx: Db, ids: readonly string[]): Promise<void> {
  await tx
    .deleteFrom('loggia_internal_message')
    .where('id', 'in', [...ids])
    .execute();
}

/** Chats for which something waits. */
export async function chatsWaitedFor(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('loggia_internal_message').select('chat_id').distinct().limit(CHATS).execute();
  return rows.map((row) => row.chat_id);
}

const CHATS = 50;

/** Whether a reply of the chat is being written, or waits for the user. */
export async function hasOpenReply(db: Db, chatId: string): Promise<boolean> {
  const row = await db
    .selectFrom('chat_message')
    .select('id')
    .where('chat_id', '=', chatId)
    .where('role', '=', 'assistant')
    .where('done', '=', false)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The newest finished reply of a chat; null: there is none. */
export async function newestReply(db: Db, chatId: string): Promise<string | null> {
  const row = await db
    .selectFrom('chat_message')
    .select('id')
    .where('chat_id', '=', chatId)
    .where('role', '=', 'assistant')
    .where('done', '=', true)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.id.startsWith(`${chatId}-`) ? row.id.slice(chatId.length + 1) : null;
}

/** Timers whose time has come, the most overdue first. */
export async function dueTimers(db: Db, now: bigint, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('chat')
    .select('id')
    .where('timer_at', 'is not', null)
    .where('timer_at', '<=', now)
    .orderBy('timer_at')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Takes the time off a timer, with what is said about it from now on. False: it was taken before. */
export async function takeTimer(tx: Transaction, chatId: string, meta: JsonObject): Promise<boolean> {
  const result = await tx
    .updateTable('chat')
    .set({ timer_at: null, meta: json(meta) })
    .where('id', '=', chatId)
    .where('timer_at', 'is not', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

export async function setTimer(tx: Transaction, chatId: string, at: bigint): Promise<void> {
  await tx.updateTable('chat').set({ timer_at: at }).where('id', '=', chatId).execute();
}

/** The user's timers that wait for a chat. */
export async function timersOf(
  db: Db,
  userId: string,
  parentChatId: string,
): Promise<{ id: string; meta: JsonObject }[]> {
  const rows = await db
    .selectFrom('chat')
    .select(['id', 'meta'])
    .where('user_id', '=', userId)
    .where('timer_at', 'is not', null)
    .where(sql<boolean>`${jsonAt(db, 'chat.meta', 'parent_chat_id')} = ${parentChatId}`)
    .execute();
  return rows.map(({ id, meta }) => ({ id, meta: isObject(meta) ? meta : {} }));
}
