import { type Db, jsonAt } from '../../kernel/database/index.ts';

/** What is counted of one message. */
export interface CountedMessage {
  id: string;
  chat_id: string;
  role: string;
  model_id: string | null;
  /** Seconds; milliseconds in rows of early releases. */
  created_at: number | null;
  usage: unknown;
  output: unknown;
  meta: unknown;
}

const BATCH = 1_000;

/** All messages of a user, oldest first, a batch at a time. */
export async function* messagesOf(db: Db, userId: string): AsyncGenerator<CountedMessage[]> {
  let after: { at: number; id: string } | null = null;
  for (;;) {
    let query = db
      .selectFrom('chat_message')
      .select(['id', 'chat_id', 'role', 'model_id', 'created_at', 'usage', 'output', 'meta'])
      .where('user_id', '=', userId)
      .where('created_at', 'is not', null)
      .orderBy('created_at')
      .orderBy('id')
      .limit(BATCH);
    if (after) {
      const { at, id } = after;
      query = query.where((where) =>
        where.or([where('created_at', '>', at), where.and([where('created_at', '=', at), where('id', '>', id)])]),
      );
    }
    const rows: CountedMessage[] = await query.execute();
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (rows.length < BATCH || !last) return;
    after = { at: last.created_at ?? 0, id: last.id };
  }
}

/** Chats of a user, without those the program keeps for itself. */
export async function countChats(db: Db, userId: string): Promise<number> {
  const { chats } = await db
    .selectFrom('chat')
    .select((select) => select.fn.countAll<number | string>().as('chats'))
    .where('user_id', '=', userId)
    .where((where) =>
      where.or([
        where(jsonAt(db, 'meta', 'internal'), 'is', null),
        where(jsonAt(db, 'meta', 'internal'), 'not in', ['true', '1']),
      ]),
    )
    .executeTakeFirstOrThrow();
  return Number(chats);
}
