import type { RawData, WebSocket } from 'ws';
import type { JsonObject } from '../../../kernel/json.ts';
import type { EngineDeps } from '../engine.ts';
import { readEvent, sendEvent } from '../events-socket.ts';
import { type Admission, type AdmissionDeps, admit, isVerified } from './admission.ts';
import { createBridge } from './bridge.ts';
import { CallError, texts } from './call-error.ts';
import { readCommand } from './commands.ts';
import { openProvider } from './provider.ts';
import { RATE } from './session.ts';

export interface CallDeps extends EngineDeps, AdmissionDeps {
  /** Takes one of the user's places for calls, or throws CallError; gives what returns it and tells of changes of the account. */
  enter(userId: string, recheck: () => void): () => void;
}

const AUTH_MS = 10_000;
const SET_UP_MS = 30_000;
const HEARTBEAT_MS = 20_000;
const CHECK_MS = 60_000;
/** Checks until a call ends by itself: an hour. */
const CHECKS = 60;
/** Bytes one side may be behind; at real time this is more than five seconds. */
const BEHIND_BYTES = 1024 * 1024;
const CLOSE_MS = 3_000;

/** One call from its first message to its end. Never throws; resolves when both sides are closed. */
export async function runCall(client: WebSocket, deps: CallDeps, stop: AbortSignal): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, stop]);
  await using open = new AsyncDisposableStack();
  client.on('error', () => over.abort(new Hung()));
  client.on('close', () => over.abort(new Hung()));
  try {
    const first = await firstMessage(client, signal);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(SET_UP_MS)]);
    const admission = await within(admit(first, deps), limit);
    const { user } = admission.principal;
    const recheck = () => void check(admission, deps).catch((error: unknown) => over.abort(error));
    open.defer(deps.enter(user.id, recheck));
    const provider = await openProvider(deps, admission, limit);
    open.defer(() => provider.terminate());
    await carry(client, provider, admission, deps, signal);
  } catch (error) {
    tellEnd(client, error, stop, deps);
  } finally {
    over.abort(new Hung());
    await closed(client);
  }
}

/** The caller has hung up. */
class Hung extends Error {}

function tellEnd(client: WebSocket, error: unknown, stop: AbortSignal, { log }: CallDeps): void {
  if (error instanceof Hung || stop.aborted || client.readyState !== client.OPEN) return;
  const known = error instanceof CallError;
  const timedOut = error instanceof Error && error.name === 'TimeoutError';
  if (!known && !timedOut) log.warn({ err: error }, 'a call failed');
  const message = known ? error.message : timedOut ? texts.TIMED_OUT : texts.FAILED;
  sendEvent(client, { type: 'bridge.error', message });
}

async function closed(client: WebSocket): Promise<void> {
  if (client.readyState === client.CLOSED) return;
  // A paused socket would not hear the other side's goodbye.
  client.resume();
  client.close(1000);
  const timer = setTimeout(() => client.terminate(), CLOSE_MS);
  await new Promise<void>((resolve) => {
    client.once('close', () => resolve());
    if (client.readyState === client.CLOSED) resolve();
  });
  clearTimeout(timer);
}

function firstMessage(client: WebSocket, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(AUTH_MS)]);
  return within(
    new Promise((resolve, reject) => {
      client.once('message', (data: RawData, isBinary: boolean) => {
        // What follows is listened to once both sides are there.
        client.pause();
        if (isBinary) reject(new CallError('Invalid authentication message'));
        else resolve(String(data));
      });
    }),
    limit,
  );
}

function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const end = () => reject(signal.reason);
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', end));
}

/** Throws what ends a call whose conditions no longer hold. */
async function check({ token }: Admission, deps: CallDeps): Promise<void> {
  const principal = await deps.verifyToken(token);
  if (!principal || !isVerified(principal.user)) throw new CallError('Call authorization expired');
  if (!deps.config.get('audio.realtime.enabled')) throw new CallError(texts.DISABLED);
  if (!(await deps.mayCall(principal.user))) throw new CallError('Call permission revoked');
}

/** Passes messages both ways until somebody ends it. */
async function carry(
  client: WebSocket,
  provider: WebSocket,
  admission: Admission,
  deps: CallDeps,
  signal: AbortSignal,
): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const send = (socket: WebSocket, event: JsonObject) => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > BEHIND_BYTES) throw new CallError(texts.FAILED);
    sendEvent(socket, event);
  };
  const bridge = createBridge({
    gestures: admission.voice.gestures,
    toProvider: (event) => send(provider, event),
    toClient: (event) => send(client, event),
    now: () => performance.now(),
  });
  const guarded = (act: () => void) => {
    try {
      act();
    } catch (error) {
      reject(error);
    }
  };
  client.on('message', (data: RawData, isBinary: boolean) =>
    guarded(() => bridge.command(readCommand(isBinary ? '' : String(data)))),
  );
  provider.on('message', (data: RawData, isBinary: boolean) =>
    guarded(() => bridge.event(readEvent(data, isBinary) ?? {})),
  );
  provider.on('close', () => reject(new CallError(texts.PROVIDER_CLOSED)));
  provider.on('error', () => reject(new CallError(texts.FAILED)));
  const timers = [
    heartbeat(client, () => reject(new Hung())),
    heartbeat(provider, () => reject(new CallError(texts.PROVIDER_CLOSED))),
    checks(() => check(admission, deps), reject),
  ];
  const { model, voice } = admission.voice;
  try {
    send(client, { type: 'bridge.ready', model, voice, sample_rate: RATE });
    provider.resume();
    client.resume();
    await within(promise, signal);
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
}

/** Tells of a side that does not answer any more. */
function heartbeat(socket: WebSocket, dead: () => void): NodeJS.Timeout {
  let isAlive = true;
  socket.on('pong', () => {
    isAlive = true;
  });
  return setInterval(() => {
    if (!isAlive) return dead();
    isAlive = false;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, HEARTBEAT_MS);
}

function checks(look: () => Promise<void>, fail: (error: unknown) => void): NodeJS.Timeout {
  let round = 0;
  return setInterval(() => {
    round += 1;
    if (round >= CHECKS) fail(new CallError('Call session expired. Start a new call.'));
    else look().catch(fail);
  }, CHECK_MS);
}
