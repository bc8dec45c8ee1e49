import type { Db } from '../../../kernel/database/index.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import type { ProcessIdentity } from './process-identity.ts';

export interface ProcessRow extends ProcessIdentity {
  /** Seconds. */
  seen_at: number;
}

export async function insertProcess(db: Db, { id, place, pid, birth }: ProcessIdentity): Promise<void> {
  const now = nowSeconds();
  await db.insertInto('loggia_process').values({ id, place, pid, birth, started_at: now, seen_at: now }).execute();
}

/** False: the row is gone, others took this process for dead. */
export async function touchProcess(db: Db, id: string): Promise<boolean> {
  const result = await db
    .updateTable('loggia_process')
    .set({ seen_at: nowSeconds() })
    .where('id', '=', id)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

export async function otherProcesses(db: Db, id: string): Promise<ProcessRow[]> {
  return db
    .selectFrom('loggia_process')
    .select(['id', 'place', 'pid', 'birth', 'seen_at'])
    .where('id', '!=', id)
    .execute();
}

export async function deleteProcess(db: Db, id: string): Promise<void> {
  await db.deleteFrom('loggia_process').where('id', '=', id).execute();
}
