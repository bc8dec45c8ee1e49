import { setTimeout as pause } from 'node:timers/promises';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import type { TurnContext } from '../turn/turn.ts';
import { createLiveRun, type LiveRun, type LiveRunDeps, type TurnDraft } from './live-run.ts';
import type { RegisteredRun, Registry } from './registry.ts';
import { type RunnerDeps, RunStopped, runReply } from './run.ts';

/** Starts runs, tells when a chat is busy, and ends them all at the end. */
export interface Runs {
  /** Starts the columns of a turn, to write once `after` has come; gives their task ids. 503 while the server shuts down. */
  start(drafts: readonly TurnDraft[], after?: Promise<void>): string[];
  /** False while the server shuts down. */
  readonly isOpen: boolean;
  /** 503 while the server shuts down. */
  checkOpen(): void;
  /** Starts one reply and waits for its end. */
  inline(draft: TurnDraft): Promise<LiveRun>;
  /** Takes no more runs, lets those finish that are done within `graceMs`, and stores what the others have. */
  close(graceMs: number): Promise<void>;
}

interface RunsDeps extends LiveRunDeps {
  registry: Registry;
  runner: RunnerDeps;
  log: Pick<Log, 'error' | 'info'>;
  /** Makes the title of a new chat while its first reply is written. */
  earlyTitle(turn: TurnContext): Promise<void>;
  /** No reply of this process is being written in a stored chat any more. Never rejects. */
  idle(chatId: string): Promise<void>;
}

/** How long the answer to a decision may take to leave, and then to its client. */
const ANSWER_MS = 2_000;
const ANSWERED_MS = 400;
/** How long storing replies may take once the server shuts down. */
const STORE_MS = 4_000;

export function createRuns(deps: RunsDeps): Runs {
  const { registry, runner, log } = deps;
  const closing = new AbortController();
  const beside = new Set<Promise<void>>();

  function begin(draft: TurnDraft, after?: Promise<void>): RegisteredRun {
    const run = createLiveRun(deps, draft);
    const registered = registry.add(run, async () => {
      if (after) await within(ANSWER_MS, after);
      await runReply(run, runner);
    });
    void registered.over.then(() => {
      const isIdle = !registry.has(draft.chatId);
      if (draft.resume !== null) return void endLater(run);
      if (isIdle) run.emit(activity(draft, false));
      run.end();
      if (isIdle && draft.kind === 'saved' && !draft.internal && !closing.signal.aborted) void deps.idle(draft.chatId);
    });
    return registered;
  }

  /** The client learns of a reply that goes on from the answer to a decision: the end of a quick one must not overtake that. */
  async function endLater(run: LiveRun): Promise<void> {
    await pause(ANSWERED_MS);
    const { turn } = run;
    if (!registry.has(turn.chatId)) run.emit(activity(turn, false));
    run.end();
    if (!registry.has(turn.chatId) && !closing.signal.aborted) await deps.idle(turn.chatId);
  }

  function makeTitle(turn: TurnContext): void {
    const work = deps
      .earlyTitle({ ...turn, signal: closing.signal })
      .catch((error: unknown) => {
        if (!closing.signal.aborted) log.error({ err: error, chat: turn.chatId }, 'a title could not be made');
      })
      .finally(() => beside.delete(work));
    beside.add(work);
  }

  function checkOpen(): void {
    if (!closing.signal.aborted) return;
    throw new HttpError(503, 'The server is shutting down. Please try again in a moment.', { code: 'closing' });
  }

  return {
    get isOpen() {
      return !closing.signal.aborted;
    },
    checkOpen,
    start(drafts, after) {
      checkOpen();
      const runs = drafts.map((draft) => begin(draft, after));
      const [first] = runs;
      if (first) {
        first.run.emit(activity(first.run.turn, true));
        if (first.run.turn.request.createsChat) makeTitle(first.run.turn);
      }
      return runs.map(({ run }) => run.turn.taskId);
    },
    async inline(draft) {
      checkOpen();
      const { run, over } = begin(draft);
      await over;
      return run;
    },
    async close(graceMs) {
      closing.abort(new RunStopped('shutdown'));
      const open = registry.all();
      if (open.length > 0) log.info({ replies: open.length }, 'replies are being written; they get a moment to finish');
      await within(graceMs, over(registry.all()));
      const rest = registry.all();
      for (const { run } of rest) run.controller.abort(new RunStopped('shutdown'));
      await within(STORE_MS, over(rest));
      await within(STORE_MS, Promise.allSettled([...beside]));
    },
  };
}

function over(runs: readonly RegisteredRun[]): Promise<unknown> {
  return Promise.all(runs.map((run) => run.over));
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}

function activity(turn: Pick<TurnContext, 'chat'>, active: boolean) {
  return { type: 'chat:active', data: { active, folder_id: turn.chat?.folder_id ?? null } };
}
