import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';

/** SQL condition on `chat`: changed since it was read, and no reply is being written (chats note, 3.9). */
export function isUnread(): RawBuilder<boolean> {
  return sql<boolean>`(chat.updated_at > COALESCE(chat.last_read_at, 0) AND NOT EXISTS (SELECT 1 FROM chat_message m
    WHERE m.chat_id = chat.id AND m.role = 'assistant' AND m.done = ${sql.lit(false)}))`;
}

/** How many chats of a user are unread, by the folder they lie in directly. */
export async function unreadByFolder(db: Db, userId: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('chat')
    .select(['folder_id', (eb) => eb.fn.countAll<number>().as('unread')])
    .where('user_id', '=', userId)
    .where('folder_id', 'is not', null)
    .where('archived', '=', false)
    .where(isUnread())
    .groupBy('folder_id')
    .execute();
  return new Map(rows.map((row) => [row.folder_id ?? '', Number(row.unread)]));
}

/** Marks chats of a user as read (all that are not archived, or those in folders); gives how many there are. */
export async function markChatsRead(db: Db, userId: string, folderIds: readonly string[] | null): Promise<number> {
  let query = db
    .updateTable('chat')
    .set({ last_read_at: sql<number>`updated_at` })
    .where('user_id', '=', userId)
    .where('archived', '=', false);
  if (folderIds) query = query.where('folder_id', 'in', [...folderIds]);
  const result = await query.executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Sets the time of the last read; gives whether the chat was unread until now. */
export async function setLastRead(db: Db, chatId: string, at: number): Promise<void> {
  await db.updateTable('chat').set({ last_read_at: at }).where('id', '=', chatId).execute();
}

/** Notes that the owner has read a chat now. Null: not the user's; else whether it was unread. */
export async function readChat(
  db: Db,
  userId: string,
  chatId: string,
): Promise<{ at: number; wasUnread: boolean } | null> {
  const row = await db
    .selectFrom('chat')
    .select(isUnread().as('unread'))
    .where('id', '=', chatId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  if (!row) return null;
  const at = nowSeconds();
  await setLastRead(db, chatId, at);
  return { at, wasUnread: Boolean(row.unread) };
}
