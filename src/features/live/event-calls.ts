import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '../../kernel/json.ts';
import { type Realtime, SocketGone } from '../../kernel/realtime/index.ts';

/** Which run asks, and which tab is to answer. */
export interface CallTarget {
  userId: string;
  chatId: string;
  messageId: string;
  /** Socket id; the client says it, so it counts only if it is one of the user's. */
  sessionId: string;
}

interface CallOptions {
  signal?: AbortSignal;
  /** Overrides what the type and WEBSOCKET_EVENT_CALLER_TIMEOUT say. */
  timeoutMs?: number;
}

/** Asks the tab that started a run (realtime note, 1.10). */
export interface EventCaller {
  /** The tab that is asked next: another one when the first has gone and somebody has answered elsewhere. */
  readonly sessionId: string;
  /**
   * Gives what the client acknowledges: its one argument, a list of several, null for none; `{ error }` when the tab is gone or
   * does not answer in time. Rejects only with the reason of an aborted signal.
   */
  call(type: string, data: JsonObject, options?: CallOptions): Promise<unknown>;
}

interface CallerDeps {
  realtime: Realtime;
  /** Seconds, WEBSOCKET_EVENT_CALLER_TIMEOUT; null: no limit. */
  timeout: number | null;
  /** Milliseconds a reloaded page has to come back; for tests. */
  resumeMs?: number;
}

const GONE = { error: 'Client session disconnected.' };
const TIMED_OUT = { error: 'Event call timed out. The browser tab may be inactive or closed.' };
const INPUT_TYPES = new Set(['confirmation', 'input', 'request:user_input', 'request:elicitation']);
const RESUME_MS = 60_000;
const LOOK_EVERY_MS = 500;
const ANSWER_SECONDS = { least: 60, most: 240, usual: 120 };

/** Makes callers for runs. */
export function createEventCallers(deps: CallerDeps): (target: CallTarget) => EventCaller {
  return (target) => {
    let { sessionId } = target;
    return {
      get sessionId() {
        return sessionId;
      },
      async call(type, data, options = {}) {
        const isInput = INPUT_TYPES.has(type);
        const interaction = isInput ? { interaction_id: randomUUID() } : null;
        const asked = { ...data, ...interaction };
        try {
          return await answerInTime(deps, type, asked, options, (signal) =>
            askUntilAnswered(deps, { ...target, sessionId }, { type, data: asked }, signal, (next) => {
              sessionId = next;
            }),
          );
        } finally {
          if (interaction) {
            const done = { type: 'request:interaction:done', data: interaction };
            deps.realtime.emit({ rooms: [sessionId] }, 'events', envelope(target, done));
          }
        }
      },
    };
  };
}

function envelope({ chatId, messageId }: CallTarget, data: JsonObject): JsonObject {
  return { chat_id: chatId, message_id: messageId, data };
}

/** Milliseconds, or null for as long as it takes. */
function limitOf({ timeout }: CallerDeps, type: string, data: JsonObject, { timeoutMs }: CallOptions): number | null {
  if (timeoutMs !== undefined) return timeoutMs;
  const isAnswer = type === 'request:user_input' || type === 'request:elicitation';
  if (!isAnswer && !(type === 'confirmation' && data.tool_call)) return timeout === null ? null : timeout * 1_000;
  const wanted = Number.isInteger(data.timeout_ms) ? Number(data.timeout_ms) / 1_000 : ANSWER_SECONDS.usual;
  const seconds = Math.min(ANSWER_SECONDS.most, Math.max(ANSWER_SECONDS.least, wanted));
  return 1_000 * (timeout !== null && timeout > 0 ? Math.min(seconds, timeout) : seconds);
}

async function answerInTime(
  deps: CallerDeps,
  type: string,
  data: JsonObject,
  options: CallOptions,
  ask: (signal: AbortSignal) => Promise<unknown>,
): Promise<unknown> {
  const limit = limitOf(deps, type, data, options);
  const late = new AbortController();
  const timer = limit === null ? undefined : setTimeout(() => late.abort(), limit);
  try {
    return await ask(options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (late.signal.aborted) return TIMED_OUT;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function askUntilAnswered(
  deps: CallerDeps,
  target: CallTarget,
  event: { type: string; data: JsonObject },
  signal: AbortSignal,
  moved: (sessionId: string) => void,
): Promise<unknown> {
  const { realtime } = deps;
  const gone = new Set<string>();
  const isSaved = !/^(?:temporary|local|channel):|^$/.test(target.chatId);
  // What names a session is meant for that tab alone.
  const mayMove = INPUT_TYPES.has(event.type) && isSaved && !('session_id' in event.data);
  let { sessionId } = target;
  for (;;) {
    if (gone.has(sessionId) || !realtime.socketsIn(`user:${target.userId}`).some(({ id }) => id === sessionId)) {
      const next = mayMove ? await findOtherTab(deps, target, gone, signal) : null;
      if (next === null) return GONE;
      sessionId = next;
      moved(next);
    }
    try {
      const args = await realtime.call(sessionId, 'events', envelope(target, event), { signal });
      return args.length > 1 ? args : (args[0] ?? null);
    } catch (error) {
      if (!(error instanceof SocketGone)) throw error;
      gone.add(sessionId);
    }
  }
}

/** Another tab of the user in which the chat is open; a page that is being reloaded gets time to come back. */
async function findOtherTab(
  { realtime, resumeMs = RESUME_MS }: CallerDeps,
  { chatId, userId }: CallTarget,
  gone: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string | null> {
  const end = performance.now() + resumeMs;
  for (;;) {
    const found = realtime.socketsIn(`chat:${chatId}:user:${userId}`).find(({ id }) => !gone.has(id));
    if (found) return found.id;
    if (performance.now() > end) return null;
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}
