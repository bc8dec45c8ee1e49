import { sql } from 'kysely';
import { type Db, dialectOfDb } from '../../../kernel/database/index.ts';

/** Messages of one write from which the whole chat is looked through again. */
const MANY = 20;

/** Entry of the list of texts that are not in the index yet: all of a chat. The id of a chat alone is its title. */
export function wholeMark(chatId: string): string {
  return `*${chatId}`;
}

/**
 * Notes that texts have changed, in the transaction that changes them; the index follows, and until then searches look at these chats
 * themselves. `rowIds`: ids of `chat_message` rows, or the chat's own for its title.
 */
export async function markTexts(db: Db, chatId: string, rowIds: readonly string[]): Promise<void> {
  if (rowIds.length === 0 || dialectOfDb(db) !== 'sqlite') return;
  const ids = rowIds.length > MANY ? [wholeMark(chatId)] : rowIds;
  const values = sql.join(ids.map((id) => sql`(${id}, ${chatId}, 0)`));
  await sql`INSERT INTO loggia_search_waiting (id, chat_id, mark) VALUES ${values}
    ON CONFLICT (id) DO UPDATE SET mark = mark + 1`.execute(db);
}

/** Forgets chats that are deleted. */
export async function dropFromIndex(db: Db, chatIds: readonly string[]): Promise<void> {
  if (chatIds.length === 0 || dialectOfDb(db) !== 'sqlite') return;
  await dropParts(db, chatIds);
  const ids = sql.join([...chatIds]);
  await sql`DELETE FROM loggia_search_chat WHERE chat_id IN (${ids})`.execute(db);
  await sql`DELETE FROM loggia_search_waiting WHERE chat_id IN (${ids})`.execute(db);
}

/** Removes what the index holds of chats. */
export async function dropParts(db: Db, chatIds: readonly string[]): Promise<void> {
  const ids = sql.join([...chatIds]);
  await sql`DELETE FROM loggia_search_text
    WHERE rowid IN (SELECT id FROM loggia_search_part WHERE chat_id IN (${ids}))`.execute(db);
  await sql`DELETE FROM loggia_search_part WHERE chat_id IN (${ids})`.execute(db);
}
