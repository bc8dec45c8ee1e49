import type { Database, Transaction } from '../../../kernel/database/index.ts';
import { loadMessage, lockHead, outputText, upsertMessage } from '../../chats/index.ts';
import { itemsOf, type Next, takeNext } from '../approval/calls.ts';
import { type FunctionCallItem, isCallItem, type OutputItem } from '../reply/items.ts';
import type { TurnContext } from '../turn/turn.ts';
import { deleteRun } from './journal-store.ts';
import type { LiveRun } from './live-run.ts';
import type { Keep } from './tool-result.ts';
import { runCall, type Tools } from './tools.ts';

interface ApprovedDeps {
  keepFor(turn: TurnContext): Keep;
  database: Pick<Database, 'transaction'>;
}

/**
 * Runs the calls of a stored reply that the user has approved, each once: a call is marked as running in the database before it runs,
 * and nothing runs a call that is marked. What others decide meanwhile is read before each. False: the reply waits for the user (or
 * somebody else writes it), and this run is over.
 */
export async function runApproved(run: LiveRun, tools: Tools, deps: ApprovedDeps): Promise<boolean> {
  const { turn } = run;
  for (;;) {
    const { items, next } = await change(run, deps, (items, tx) => claim(run, items, tx));
    run.load(items);
    tell(run);
    if (next === 'waits') {
      run.stored();
      return false;
    }
    if (next === 'done') return true;
    const call = { ...next };
    const result = await runCall(call, { tools, signal: turn.signal, keep: deps.keepFor(turn) });
    const { kept } = await change(run, deps, async (stored) => {
      const now = stored.find((item): item is FunctionCallItem => isCallItem(item) && item.call_id === call.call_id);
      // Others took this process for dead and have told how the call ended.
      if (now?.status !== 'in_progress') return { kept: false, write: false };
      Object.assign(now, { status: call.status, arguments: call.arguments });
      stored.push(result);
      return { kept: true, write: true };
    });
    if (!kept) {
      run.stored();
      return false;
    }
  }
}

function tell(run: LiveRun): void {
  run.emit({ type: 'chat:completion', data: { done: false, output: run.copy() } });
}

async function claim(
  { turn }: LiveRun,
  items: OutputItem[],
  tx: Transaction,
): Promise<{ items: OutputItem[]; next: Next; write: boolean }> {
  const next = takeNext(items, turn.settings.toolApprovalMode === 'full');
  if (next === 'waits') await deleteRun(tx, turn.taskId);
  return { items, next, write: true };
}

/** Changes the items of the stored reply under the lock of its chat. */
function change<T extends { write: boolean }>(
  { turn }: LiveRun,
  { database }: ApprovedDeps,
  work: (items: OutputItem[], tx: Transaction) => Promise<T>,
): Promise<T> {
  return database.transaction(async (tx) => {
    const chat = await lockHead(tx, turn.chatId);
    const message = chat && (await loadMessage(tx, turn.chatId, turn.replyId));
    if (!message) throw new Error('The chat or its reply is gone.');
    const items = itemsOf(message.output);
    const result = await work(items, tx);
    if (result.write) {
      const fields = { output: items, content: outputText(items), done: false };
      await upsertMessage(tx, turn.chatId, turn.replyId, fields, { touch: false });
    }
    return result;
  });
}
