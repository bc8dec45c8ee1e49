import { setTimeout as pause } from 'node:timers/promises';
import { type Database, isUnavailable, type Transaction } from '../../../kernel/database/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { type ChatHead, type MessageFields, upsertMessages } from '../../chats/index.ts';
import { deleteRun } from './journal-store.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

interface StoreDeps {
  database: Pick<Database, 'transaction'>;
  log: Pick<Log, 'warn'>;
  /** Aborted when the process has to end: what is not stored then is in the journal. */
  giveUp: AbortSignal;
}

/** Writes the end of a reply and removes its journal, in one transaction. Gives the chat as it is then; null when it is gone. */
export function storeReply(
  deps: StoreDeps,
  { chatId, messageId, runId }: { chatId: string; messageId: string; runId: string },
  fields: MessageFields,
): Promise<ChatHead | null> {
  return persist(deps, async (tx) => {
    const written = await upsertMessages(tx, chatId, { [messageId]: fields });
    await deleteRun(tx, runId);
    return written?.chat ?? null;
  });
}

/** A transaction that is tried until the database answers: an answer must not be lost because it was away for a while. */
async function persist<T>({ database, log, giveUp }: StoreDeps, work: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await database.transaction(work);
    } catch (error) {
      if (!isUnavailable(error) || giveUp.aborted) throw error;
      log.warn({ err: error }, 'a reply cannot be stored now; it is tried again');
      await pause(wait, undefined, { signal: giveUp }).catch(() => {});
    }
  }
}
