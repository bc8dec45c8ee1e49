import { type Database, isUnavailable } from '../../../kernel/database/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { type ChatHead, type MessageFields, outputText } from '../../chats/index.ts';
import type { EventSink } from '../../configuration/index.ts';
import { pausedRequest } from '../approval/request.ts';
import type { OutputItem } from '../reply/items.ts';
import type { Prepare, Prepared, TurnContext } from '../turn/turn.ts';
import { runApproved } from './approved.ts';
import { failureText, thrownText } from './failure.ts';
import type { LiveRun } from './live-run.ts';
import { type RoundsDeps, resumedBody, writeRounds } from './rounds.ts';
import { storeReply } from './store.ts';
import { untilStopped } from './until-stopped.ts';

/** Why a run ends before its reply is complete. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped';
  readonly by: 'user' | 'shutdown';
  constructor(by: 'user' | 'shutdown') {
    super(by === 'user' ? 'The reply was stopped.' : INTERRUPTED);
    this.by = by;
  }
}

/** What a reader sees below a reply whose server went away. */
export const INTERRUPTED = 'The answer was interrupted because the server stopped.';

/** A reply that was written to its end. */
export interface FinishedReply {
  turn: TurnContext & { taskId: string; replyId: string };
  /** The chat as stored with the reply; null for chats that are not stored, and when it was deleted meanwhile. */
  chat: ChatHead | null;
  output: readonly OutputItem[];
  content: string;
}

export interface RunnerDeps extends RoundsDeps {
  database: Pick<Database, 'transaction'>;
  log: Pick<Log, 'warn' | 'error'>;
  events: EventSink;
  prepare: Prepare;
  /** Title, tags, follow-ups and what else comes after a reply; never rejects but when the run is stopped. */
  afterwards(finished: FinishedReply): Promise<void>;
  /** Address of a chat for people. */
  chatUrl(chatId: string): string;
  giveUp: AbortSignal;
}

/** Writes one reply from its preparation to its end; never rejects. */
export async function runReply(run: LiveRun, deps: RunnerDeps): Promise<void> {
  try {
    await write(run, deps);
  } catch (error) {
    if (run.isStored) return afterEnd(run, error, deps);
    if (run.turn.signal.aborted) await ended(run, deps, (end) => stop(run, end));
    else await ended(run, deps, (end) => fail(run, end, failureOf(run, error, deps)));
  }
}

async function write(run: LiveRun, deps: RunnerDeps): Promise<void> {
  const { turn } = run;
  if (run.refused) throw run.refused;
  const prepared = await untilStopped(deps.prepare(turn), turn.signal);
  if (prepared.selectedModelId !== null) {
    run.take([{ kind: 'selected', modelId: prepared.selectedModelId }]);
  }
  if (prepared.sources.length > 0) run.take([{ kind: 'sources', sources: [...prepared.sources] }]);
  const ended = await writeReply(run, prepared, deps).finally(() => {
    // Nobody waits for servers to say goodbye.
    void prepared.release();
  });
  if (ended === 'left') return;
  if (ended === 'waits') return pause(run, deps);
  if (run.failure) {
    const { error, status } = run.failure;
    return fail(run, deps, failureText(error, status));
  }
  await finish(run, deps);
}

/** `waits`: the user has to decide about calls; `left`: the stored reply waits already, this run is over. */
async function writeReply(run: LiveRun, prepared: Prepared, deps: RunnerDeps): Promise<'ended' | 'waits' | 'left'> {
  if (!run.followsStore) return writeRounds(run, prepared, deps);
  if (!(await runApproved(run, prepared.tools ?? new Map(), deps))) return 'left';
  run.takeOver();
  return writeRounds(run, { ...prepared, body: await resumedBody(prepared, run, deps) }, deps);
}

/** Stores the reply with what is needed to go on, and ends the run: nothing is held in memory while the user thinks (note 8.2). */
async function pause(run: LiveRun, deps: RunnerDeps): Promise<void> {
  const { turn } = run;
  const output = run.copy();
  const meta = { ...pausedRequest(turn), task_id: turn.taskId };
  await store(run, deps, { role: 'assistant', output, content: outputText(output), done: false, meta });
  run.completion = { status: true, chat_id: turn.chatId, paused: true };
  run.emit({ type: 'chat:completion', data: { output } });
}

/** The outcome is told even when storing it fails: nobody is left waiting. */
async function ended(run: LiveRun, deps: RunnerDeps, end: (deps: RunnerDeps) => Promise<void>): Promise<void> {
  try {
    await end(deps);
  } catch (error) {
    deps.log.error({ err: error, chat: run.turn.chatId }, 'the end of a reply could not be stored');
    const content = 'The answer could not be stored.';
    run.emit({ type: 'chat:message:error', data: { error: { content }, done: true } });
  }
}

async function finish(run: LiveRun, deps: RunnerDeps): Promise<void> {
  const { turn } = run;
  const output = run.reply.complete();
  const content = outputText(output);
  const chat = await store(run, deps, { role: 'assistant', output, content, ...withoutError(turn) });
  const saved = turn.kind === 'saved';
  if (saved && !turn.internal) {
    announce(deps, 'chat.finished', turn, {
      title: chat?.title ?? '',
      url: deps.chatUrl(turn.chatId),
      message: content,
    });
    run.emit({ type: 'chat:list', data: { chat_id: turn.chatId, folder_id: chat?.folder_id ?? null } });
  }
  const { usage } = run.fields();
  const data = { done: true, output, title: chat?.title ?? '', ...(usage ? { usage } : {}) };
  run.emit({ type: 'chat:completion', data });
  await deps.afterwards({ turn, chat, output, content });
}

async function fail(run: LiveRun, deps: RunnerDeps, content: string): Promise<void> {
  const { turn } = run;
  const error = { content };
  const output = run.reply.interrupt();
  const said = output.length > 0 ? { output, content: outputText(output) } : {};
  const parentId = turn.userMessageId === null ? {} : { parentId: turn.userMessageId };
  await store(run, deps, { ...parentId, ...said, error });
  run.emit({ type: 'chat:message:error', data: { error, done: true } });
  if (turn.kind === 'saved' && !turn.internal) announce(deps, 'chat.failed', turn, { error: content });
}

/** The reply itself is complete and stored; what came after it was stopped, or failed. */
function afterEnd(run: LiveRun, error: unknown, { log }: RunnerDeps): void {
  if (run.turn.signal.aborted) run.emit({ type: 'chat:tasks:cancel' });
  else log.error({ err: error, chat: run.turn.chatId }, 'the work after a reply failed');
}

async function stop(run: LiveRun, deps: RunnerDeps): Promise<void> {
  const reason: unknown = run.turn.signal.reason;
  if (reason instanceof RunStopped && reason.by === 'shutdown') {
    // What waits stays: the run is on record, and whoever finds it without its process goes on with the reply.
    if (run.followsStore) return run.stored();
    return fail(run, deps, INTERRUPTED);
  }
  const output = run.reply.interrupt();
  await store(run, deps, { output, content: outputText(output), ...withoutError(run.turn) });
  run.emit({ type: 'chat:tasks:cancel', data: { output } });
  run.emit({ type: 'chat:tasks:cancel' });
}

/** Stores the reply, as done where nothing else is said. From then on the chat itself tells it. */
async function store(run: LiveRun, deps: RunnerDeps, fields: MessageFields): Promise<ChatHead | null> {
  const { chatId, replyId, taskId, kind } = run.turn;
  await run.settle();
  const whole: MessageFields = { ...run.fields(), done: true, ...fields };
  const address = { chatId, messageId: replyId, runId: taskId };
  const chat = kind === 'saved' ? await storeReply(deps, address, whole) : null;
  run.stored();
  return chat;
}

/** An earlier error of a continued reply is over. */
function withoutError({ continues }: TurnContext): MessageFields {
  return continues?.error === undefined ? {} : { error: null };
}

function announce({ events }: RunnerDeps, name: string, turn: TurnContext, data: Record<string, unknown>): void {
  const { user, chatId, replyId, model } = turn;
  events.publish(name, {
    actor: user,
    subject: { type: 'chat', id: chatId },
    data: { user_id: user.id, chat_id: chatId, message_id: replyId, model_id: model.entry.id, ...data },
  });
}

function failureOf(run: LiveRun, error: unknown, { log }: RunnerDeps): string {
  if (!(error instanceof HttpError)) log.error({ err: error, chat: run.turn.chatId }, 'a reply failed');
  return isUnavailable(error) ? 'The database cannot be reached.' : thrownText(error);
}
