import type { Database } from '../../../kernel/database/index.ts';
import { isObject } from '../../../kernel/json.ts';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { loadMessage, type MessageFields, outputText, unfinishedReplies, upsertMessage } from '../../chats/index.ts';
import type { OutputItem } from '../reply/items.ts';
import { interruptItems } from '../reply/reply.ts';
import { claimRun, deleteRun, loadParts, type RunRow, runsInChats, runsOfOthers } from './journal-store.ts';
import { replay } from './replay.ts';
import { INTERRUPTED } from './run.ts';

interface RecoveryDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  log: Pick<Log, 'info' | 'error'>;
  realtime: Pick<Realtime, 'emit'>;
}

/**
 * Ends the runs of processes that are not alive: what their journals hold is stored, marked as interrupted, and tabs that still wait
 * are told. Several processes may do it at once.
 */
export async function closeOrphans({ database, log, realtime }: RecoveryDeps, alive: readonly string[]): Promise<void> {
  const orphans = await runsOfOthers(database.db, alive);
  let closed = 0;
  for (const orphan of orphans) {
    try {
      if (!(await closeOne(database, orphan))) continue;
      closed += 1;
      tell(realtime, orphan);
    } catch (error) {
      log.error({ err: error, chat: orphan.chat_id }, 'an interrupted reply could not be closed');
    }
  }
  if (closed > 0) log.info({ replies: closed }, 'closed replies whose server was gone');
}

function tell(realtime: RecoveryDeps['realtime'], { chat_id, message_id, user_id }: RunRow): void {
  for (const data of [
    { type: 'chat:message:error', data: { error: { content: INTERRUPTED }, done: true } },
    { type: 'chat:active', data: { active: false } },
  ]) {
    realtime.emit({ rooms: [`user:${user_id}`] }, 'events', { chat_id, message_id, data });
  }
}

function closeOne(database: RecoveryDeps['database'], orphan: RunRow): Promise<boolean> {
  return database.transaction(async (tx) => {
    if (!(await claimRun(tx, orphan))) return false;
    const { items, usage } = replay(await loadParts(tx, orphan.id));
    const message = await loadMessage(tx, orphan.chat_id, orphan.message_id);
    if (message) {
      const fields = { ...interrupted(items), ...(usage ? { usage } : {}) };
      await upsertMessage(tx, orphan.chat_id, orphan.message_id, fields, { touch: false });
    }
    await deleteRun(tx, orphan.id);
    return true;
  });
}

function interrupted(items: OutputItem[]): MessageFields {
  const output = interruptItems(items);
  const said = output.length > 0 ? { output, content: outputText(output) } : {};
  return { ...said, error: { content: INTERRUPTED }, done: true };
}

/** Seconds; a younger one may be a place its client has made for a request that is on its way. */
const OLD_ENOUGH = 120;

/** Ends replies that earlier releases left unfinished: no run writes them, and nobody is asked about them. */
export async function closeUnfinished(
  { database, log }: Omit<RecoveryDeps, 'realtime'>,
  signal: AbortSignal,
): Promise<void> {
  const { db } = database;
  let closed = 0;
  for (const { chatId, messageId } of await unfinishedReplies(db)) {
    if (signal.aborted) break;
    try {
      const message = await loadMessage(db, chatId, messageId);
      if (message?.done !== false || isYoung(message.timestamp) || isWaiting(message.output)) continue;
      if ((await runsInChats(db, [chatId])).some((run) => run.message_id === messageId)) continue;
      const items = Array.isArray(message.output) ? (message.output.filter(isObject) as OutputItem[]) : [];
      const fields: MessageFields = message.content ? { done: true } : interrupted(items);
      if (items.length > 0) fields.output = interruptItems(items);
      await database.transaction((tx) => upsertMessage(tx, chatId, messageId, fields, { touch: false }));
      closed += 1;
    } catch (error) {
      log.error({ err: error, chat: chatId }, 'an unfinished reply could not be closed');
    }
  }
  if (closed > 0) log.info({ replies: closed }, 'closed replies that were left unfinished');
}

function isYoung(timestamp: unknown): boolean {
  return typeof timestamp === 'number' && nowSeconds() - timestamp < OLD_ENOUGH;
}

const WAITING = new Set(['pending', 'queued', 'requires_approval']);

/** Whether the user is asked about a call, or it was allowed and has not run. */
function isWaiting(output: unknown): boolean {
  return Array.isArray(output) && output.some((item) => isObject(item) && WAITING.has(String(item.status)));
}
