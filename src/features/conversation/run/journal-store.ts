import { type Db, insertOrIgnore, type Transaction } from '../../../kernel/database/index.ts';
import { nowSeconds } from '../../../kernel/time.ts';

/** A reply that is being written, as other processes and the next start see it. */
export interface RunRow {
  id: string;
  chat_id: string;
  message_id: string;
  user_id: string;
  process_id: string;
}

export interface JournalPart {
  run_id: string;
  seq: number;
  /** JSON text. */
  data: string;
}

const COLUMNS = ['id', 'chat_id', 'message_id', 'user_id', 'process_id'] as const;

/** Ids one query may name, so that every database's limit of parameters holds. */
const IDS_PER_QUERY = 200;

export async function insertRuns(tx: Db, runs: readonly RunRow[]): Promise<void> {
  if (runs.length === 0) return;
  const started_at = nowSeconds();
  await tx
    .insertInto('loggia_run')
    .values(runs.map((run) => ({ ...run, started_at })))
    .execute();
}

/** Those that are there already stay as they are. */
export async function appendParts(tx: Db, parts: readonly JournalPart[]): Promise<void> {
  await insertOrIgnore(tx, 'loggia_run_part', parts);
}

/** Removes a run with its journal. False: it was gone already. */
export async function deleteRun(tx: Db, id: string): Promise<boolean> {
  const result = await tx.deleteFrom('loggia_run').where('id', '=', id).executeTakeFirst();
  await tx.deleteFrom('loggia_run_part').where('run_id', '=', id).execute();
  return Number(result.numDeletedRows) > 0;
}

/** The pieces of a journal in order. */
export async function loadParts(db: Db, runId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('loggia_run_part')
    .select('data')
    .where('run_id', '=', runId)
    .orderBy('seq')
    .execute();
  return rows.map((row) => row.data);
}

/** Takes a run for this transaction alone: others that want it wait, and find it gone. */
export async function claimRun(tx: Transaction, run: Pick<RunRow, 'id' | 'process_id'>): Promise<boolean> {
  const result = await tx
    .deleteFrom('loggia_run')
    .where('id', '=', run.id)
    .where('process_id', '=', run.process_id)
    .executeTakeFirst();
  return Number(result.numDeletedRows) > 0;
}

/** Runs of processes that are not among these. */
export async function runsOfOthers(db: Db, processIds: readonly string[]): Promise<RunRow[]> {
  const query = db.selectFrom('loggia_run').select(COLUMNS);
  return (processIds.length > 0 ? query.where('process_id', 'not in', [...processIds]) : query).execute();
}

/** Runs in these chats. */
export async function runsInChats(db: Db, chatIds: readonly string[]): Promise<RunRow[]> {
  const found: RunRow[] = [];
  for (let start = 0; start < chatIds.length; start += IDS_PER_QUERY) {
    const some = chatIds.slice(start, start + IDS_PER_QUERY);
    found.push(...(await db.selectFrom('loggia_run').select(COLUMNS).where('chat_id', 'in', some).execute()));
  }
  return found;
}

export async function allRuns(db: Db): Promise<RunRow[]> {
  return db.selectFrom('loggia_run').select(COLUMNS).execute();
}

export async function findRun(db: Db, id: string): Promise<RunRow | null> {
  return (await db.selectFrom('loggia_run').select(COLUMNS).where('id', '=', id).executeTakeFirst()) ?? null;
}
