import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../../kernel/database/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { loadMessage } from '../../chats/index.ts';
import { pausedRequest, storedRequest } from '../approval/request.ts';
import type { RunControl } from '../run/control.ts';
import { insertRuns } from '../run/journal-store.ts';
import type { TurnDraft } from '../run/live-run.ts';
import type { Runs } from '../run/runs.ts';
import { readChatRequest } from '../turn/request.ts';
import { placedDraft, type TurnsDeps } from '../turn/start.ts';
import type { TurnContext } from '../turn/turn.ts';
import type { Deliver } from './delivery.ts';
import { insertHiddenChat } from './hidden-chat.ts';
import {
  countDelegations,
  type Delegation,
  deleteDelegation,
  endedDelegations,
  insertDelegation,
  insertInternal,
} from './store.ts';

export interface DelegationDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  config: Pick<Config, 'get'>;
  log: Pick<Log, 'error'>;
  turns: TurnsDeps;
  runs: Pick<Runs, 'inline'>;
  control: Pick<RunControl, 'stop'>;
  deliver: Deliver;
}

export interface Task {
  task: string;
  context: string;
  files: JsonObject[];
  background: boolean;
}

/** Sub-agents: the same model at work on one task in a chat of its own (chat pipeline note, 8.4). */
export interface Delegations {
  /** The sub-agent's answer, or that it works in the background; texts that begin with `Error:` say why not. */
  delegate(turn: TurnContext, task: Task, signal: AbortSignal): Promise<string>;
  /** Sees to work whose process has not: any process may. */
  sweep(): Promise<void>;
}

const BUILT_IN_PROMPT = `You work on one task that another assistant has given you. Nobody can answer questions: decide for yourself, and say what you assumed.
Use your tools as the task needs. Your last message is your report, the only thing the other assistant gets: state the result first, then what it rests on, briefly.`;
const BUSY_MS = 250;
/** Characters of a task that its report repeats. */
const SHOWN_TASK = 500;
const CUT = '\n\n[output truncated]';

export function createDelegations(deps: DelegationDeps): Delegations {
  const { database, config, log } = deps;
  const { db } = database;

  /** Waits until there is room. */
  async function roomInForeground(signal: AbortSignal): Promise<void> {
    for (;;) {
      const most = config.get('subagents.max_concurrent');
      if (most < 0 || (await countDelegations(db, 'foreground')) < most) return;
      await pause(BUSY_MS, undefined, { signal });
    }
  }

  /** Makes the sub-agent's chat; everything about it is on record before it begins. */
  async function begin(
    turn: TurnContext,
    task: Task,
  ): Promise<{ draft: TurnDraft; work: Omit<Delegation, 'started_at'> }> {
    const { user } = turn;
    const model = turn.model.entry.id;
    const column = { id: randomUUID(), model, taskId: randomUUID() };
    const delegationId = `deleg_${randomUUID().slice(0, 8)}`;
    const kept: JsonObject = { ...pausedRequest(turn), background_tasks: {} };
    const content = task.context === '' ? task.task : `${task.task}\n\n## Context\n${task.context}`;
    const mode = task.background ? 'background' : 'foreground';
    const meta = {
      type: 'subagent',
      parent_chat_id: turn.chatId,
      parent_message_id: turn.replyId,
      delegation_id: delegationId,
      mode,
    };
    const { chat, questionId, work } = await database.transaction(async (tx) => {
      const hidden = {
        user,
        kind: 'Sub-agent',
        subject: task.task,
        meta,
        model,
        content,
        files: task.files,
        reply: column,
      };
      const made = await insertHiddenChat(tx, hidden);
      const data = { delegation_id: delegationId, task: task.task, model, run: kept };
      const row: Omit<Delegation, 'started_at'> = {
        chat_id: made.chat.id,
        message_id: column.id,
        user_id: user.id,
        parent_chat_id: turn.chatId,
        mode,
        data,
      };
      await insertDelegation(tx, row);
      const run = { id: column.taskId, chat_id: made.chat.id, message_id: column.id, user_id: user.id };
      await insertRuns(tx, [{ ...run, process_id: deps.turns.processId }]);
      return { ...made, work: row };
    });
    const place = {
      chat,
      isNew: true,
      columns: [column] as const,
      userMessageId: questionId,
      continues: null,
      placed: null,
    };
    const caller = { user, userAgent: null, internal: true, request: turn.caller };
    const draft = await placedDraft(deps.turns, caller, requestOf(kept, chat.id, column, task), place, {
      toolRounds: config.get('subagents.max_iterations'),
    });
    return { draft, work };
  }

  function requestOf(kept: JsonObject, chatId: string, column: { id: string; model: string }, task: Task) {
    const own = typeof kept.system === 'string' ? `${kept.system}\n\n` : '';
    const system = `${own}${config.get('subagents.system_prompt').trim() || BUILT_IN_PROMPT}`;
    const stored = { chatId, replyId: column.id, model: column.model, chatParams: {}, fallbackPrompt: '' };
    const body = storedRequest({ ...kept, system, files: task.files }, stored);
    return readChatRequest({ ...body, automation_id: null });
  }

  async function answerOf({
    chat_id,
    message_id,
  }: Pick<Delegation, 'chat_id' | 'message_id'>): Promise<{ text: string; failed: boolean }> {
    const reply = await loadMessage(db, chat_id, message_id);
    const error = isObject(reply?.error) && typeof reply.error.content === 'string' ? reply.error.content : null;
    if (error !== null) return { text: `Error: ${error}`, failed: true };
    const text = typeof reply?.content === 'string' ? reply.content.trim() : '';
    if (text === '') return { text: 'Error: The sub-agent gave no answer.', failed: true };
    const most = config.get('subagents.max_output');
    return { text: most >= 0 && text.length > most ? `${text.slice(0, most)}${CUT}` : text, failed: false };
  }

  /** Tells the parent chat, once, whoever comes first. */
  async function finishBackground(work: Delegation): Promise<void> {
    const { text, failed } = await answerOf(work);
    const { delegation_id, task, model, run } = work.data;
    const content = [
      `[Result of a sub-agent, ${delegation_id}]`,
      `Task: ${String(task).slice(0, SHOWN_TASK)}`,
      `Status: ${failed ? 'failed' : 'completed'}`,
      `Duration: ${Math.max(0, nowSeconds() - work.started_at)} s`,
      '',
      text,
    ].join('\n');
    const told = await database.transaction(async (tx) => {
      if (!(await deleteDelegation(tx, work.chat_id))) return false;
      await insertInternal(tx, {
        id: randomUUID(),
        chat_id: work.parent_chat_id,
        user_id: work.user_id,
        kind: 'subagent',
        model: typeof model === 'string' ? model : '',
        content,
        meta: { internal: true, type: 'subagent', delegation_id, subagent_chat_id: work.chat_id },
        run: isObject(run) ? run : {},
      });
      return true;
    });
    if (told) await deps.deliver(work.parent_chat_id);
  }

  async function inBackground(turn: TurnContext, task: Task): Promise<string> {
    const most = config.get('subagents.max_async');
    if (most >= 0 && (await countDelegations(db, 'background')) >= most) {
      return `Error: ${most} sub-agents work in the background already. Wait for one of them, or call without background.`;
    }
    const { draft, work } = await begin(turn, task);
    const started_at = nowSeconds();
    void deps.runs
      .inline(draft)
      .then(() => finishBackground({ ...work, started_at }))
      .catch((error: unknown) => log.error({ err: error, chat: work.chat_id }, 'a sub-agent could not be seen to'));
    return JSON.stringify({
      status: 'dispatched',
      delegation_id: work.data.delegation_id,
      subagent_chat_id: work.chat_id,
      mode: 'background',
      task: task.task,
    });
  }

  async function inForeground(turn: TurnContext, task: Task, signal: AbortSignal): Promise<string> {
    await roomInForeground(signal);
    const { draft, work } = await begin(turn, task);
    const stop = () => void deps.control.stop(draft.taskId);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await deps.runs.inline(draft);
      signal.throwIfAborted();
      return (await answerOf(work)).text;
    } finally {
      signal.removeEventListener('abort', stop);
      await deleteDelegation(db, work.chat_id);
    }
  }

  return {
    delegate: (turn, task, signal) => (task.background ? inBackground(turn, task) : inForeground(turn, task, signal)),
    async sweep() {
      for (const work of await endedDelegations(db)) {
        if (work.mode === 'background') await finishBackground(work);
        // Its call has ended with its process; one that is at its end here sees to it itself, and finds it gone.
        else if (nowSeconds() - work.started_at > FORGOTTEN) await deleteDelegation(db, work.chat_id);
      }
    },
  };
}

/** Seconds after which a foreground delegation without a run is nobody's. */
const FORGOTTEN = 60;
