import { sql } from 'kysely';
import { type Db, dialectOfDb } from '../../kernel/database/index.ts';

/** Counts one hit in a minute; gives the hits since `first`, that one included. Times in minutes since 1970. */
export async function countHit(db: Db, id: string, minute: number, first: number): Promise<number> {
  const insert = db.insertInto('loggia_rate_limit').values({ id, minute, hits: 1 });
  if (dialectOfDb(db) === 'mysql') {
    await insert.onDuplicateKeyUpdate({ hits: sql<number>`hits + 1` }).execute();
  } else {
    const more = sql<number>`loggia_rate_limit.hits + 1`;
    await insert.onConflict((conflict) => conflict.columns(['id', 'minute']).doUpdateSet({ hits: more })).execute();
  }
  const row = await db
    .selectFrom('loggia_rate_limit')
    .select((eb) => eb.fn.sum('hits').as('hits'))
    .where('id', '=', id)
    .where('minute', '>=', first)
    .executeTakeFirst();
  return Number(row?.hits ?? 0);
}

export async function deleteHitsBefore(db: Db, minute: number): Promise<void> {
  await db.deleteFrom('loggia_rate_limit').where('minute', '<', minute).execute();
}
