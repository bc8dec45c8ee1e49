import type { Database } from '../../../kernel/database/index.ts';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import {
  loadMessage,
  lockHead,
  type MessageFields,
  outputText,
  unfinishedReplies,
  upsertMessage,
} from '../../chats/index.ts';
import { isWaiting, itemsOf, surviveStop } from '../approval/calls.ts';
import { type Resumed, recordResumed } from '../approval/resume.ts';
import type { OutputItem } from '../reply/items.ts';
import { interruptItems } from '../reply/reply.ts';
import { claimRun, deleteRun, loadParts, type RunRow, runsInChats, runsOfOthers } from './journal-store.ts';
import { replay } from './replay.ts';
import { INTERRUPTED } from './run.ts';

interface RecoveryDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  log: Pick<Log, 'info' | 'error'>;
  realtime: Pick<Realtime, 'emit'>;
  /** This process, for runs it takes over. */
  processId: string;
  /** Goes on with a reply whose calls the user has approved. */
  goOn(resumed: Resumed, userId: string): Promise<unknown>;
}

/**
 * Ends the runs of processes that are not alive: what their journals hold is stored, marked as interrupted, and tabs that still wait
 * are told. A reply with calls that have not run still waits for the user, or goes on here where they were approved. Several processes
 * may do it at once.
 */
export async function closeOrphans(deps: RecoveryDeps, alive: readonly string[]): Promise<void> {
  const { database, log, realtime } = deps;
  const orphans = await runsOfOthers(database.db, alive);
  let closed = 0;
  for (const orphan of orphans) {
    try {
      const left = await closeOne(deps, orphan);
      if (!left) continue;
      closed += 1;
      tell(realtime, orphan, left.waiting);
      if (left.resumed) await deps.goOn(left.resumed, orphan.user_id);
    } catch (error) {
      log.error({ err: error, chat: orphan.chat_id }, 'an interrupted reply could not be closed');
    }
  }
  if (closed > 0) log.info({ replies: closed }, 'closed replies whose server was gone');
}

/** What became of a run: over, or its reply waits with these items, and goes on where calls were approved. */
interface Left {
  waiting: OutputItem[] | null;
  resumed: Resumed | null;
}

function tell(
  realtime: RecoveryDeps['realtime'],
  { chat_id, message_id, user_id }: RunRow,
  output: OutputItem[] | null,
): void {
  const said = output
    ? { type: 'chat:completion', data: { output } }
    : { type: 'chat:message:error', data: { error: { content: INTERRUPTED }, done: true } };
  for (const data of [said, { type: 'chat:active', data: { active: false } }]) {
    realtime.emit({ rooms: [`user:${user_id}`] }, 'events', { chat_id, message_id, data });
  }
}

/** Null: another process closes it. */
function closeOne({ database, processId }: RecoveryDeps, orphan: RunRow): Promise<Left | null> {
  const { id, chat_id: chatId, message_id: messageId, user_id: userId } = orphan;
  return database.transaction(async (tx) => {
    if (!(await claimRun(tx, orphan))) return null;
    const parts = await loadParts(tx, id);
    await deleteRun(tx, id);
    const chat = await lockHead(tx, chatId);
    const message = chat && (await loadMessage(tx, chatId, messageId));
    if (!chat || !message) return { waiting: null, resumed: null };
    // A run of approved calls notes nothing: the stored reply tells how far it came.
    const { items, usage } = parts.length > 0 ? replay(parts) : { items: itemsOf(message.output), usage: null };
    const survives = surviveStop(items);
    if (survives === 'tools') {
      const resumed = await recordResumed(tx, { chat, message, items, userId, processId, resume: 'tools' });
      return { waiting: items, resumed };
    }
    const fields =
      survives === 'waits' ? { output: items, content: outputText(items), done: false } : interrupted(items);
    await upsertMessage(tx, chatId, messageId, { ...fields, ...(usage ? { usage } : {}) }, { touch: false });
    return { waiting: survives === 'waits' ? items : null, resumed: null };
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
  { database, log }: Pick<RecoveryDeps, 'database' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const { db } = database;
  let closed = 0;
  for (const { chatId, messageId } of await unfinishedReplies(db)) {
    if (signal.aborted) break;
    try {
      const message = await loadMessage(db, chatId, messageId);
      if (message?.done !== false || isYoung(message.timestamp) || itemsOf(message.output).some(isWaiting)) continue;
      if ((await runsInChats(db, [chatId])).some((run) => run.message_id === messageId)) continue;
      const items = itemsOf(message.output);
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
