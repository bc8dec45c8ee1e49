import { randomUUID } from 'node:crypto';
import { toJson } from '../http/answer.ts';
import type { Bus } from './bus.ts';
import { parseExact } from './frames.ts';
import type { LiveSocket } from './live-socket.ts';

export interface CallOptions {
  /** Default: as long as the socket is there. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** The socket that was asked is not connected, or no longer. */
export class SocketGone extends Error {
  override readonly name = 'SocketGone';
}

/** The client did not answer in time. */
export class CallTimeout extends Error {
  override readonly name = 'CallTimeout';
}

/** Calls by the socket that was asked. */
export type OpenCalls = Map<string, Set<(error: Error) => void>>;

/** Asks a socket of this process. */
export function callSocket(
  open: OpenCalls,
  socket: LiveSocket,
  event: string,
  payload: unknown,
  { timeoutMs, signal }: CallOptions = {},
): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const settle = (end: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      calls.delete(fail);
      if (calls.size === 0) open.delete(socket.id);
      end();
    };
    const fail = (error: Error) => settle(() => reject(error));
    const abort = () => settle(() => reject(signal?.reason));
    const calls = open.get(socket.id) ?? new Set();
    open.set(socket.id, calls.add(fail));
    signal?.addEventListener('abort', abort, { once: true });
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => fail(new CallTimeout(`No answer to ${event} in ${timeoutMs} ms.`)), timeoutMs);
    socket.ask(event, payload, (args) => settle(() => resolve(args)));
  });
}

/** The socket has left: nobody will answer what it was asked. */
export function failCalls(open: OpenCalls, socketId: string): void {
  for (const fail of open.get(socketId) ?? []) fail(new SocketGone('The client has disconnected.'));
}

const CALL = 'call:ask';
const CANCEL = 'call:cancel';
const ANSWER = 'call:answer';

interface RemoteDeps {
  bus: Bus;
  /** Asks a socket of this process. */
  ask(socketId: string, event: string, payload: unknown, options: CallOptions): Promise<unknown[]>;
}

/** Asks sockets of other processes, and lets those ask ours. */
export function createRemoteCalls({ bus, ask }: RemoteDeps) {
  const waiting = new Map<string, { to: string; settle: (outcome: unknown[] | Error) => void }>();
  const asked = new Map<string, AbortController>();

  bus.subscribe(CALL, (message, from) => {
    const [id, socketId, event, payload, timeoutMs] = message as [string, string, string, string, number | null];
    const controller = new AbortController();
    asked.set(`${from} ${id}`, controller);
    const options = { signal: controller.signal, ...(timeoutMs === null ? {} : { timeoutMs }) };
    ask(socketId, event, parseExact(payload), options)
      .then(
        (args) => bus.send(from, ANSWER, [id, 'args', args]),
        (error: unknown) => {
          if (!controller.signal.aborted)
            bus.send(from, ANSWER, [id, error instanceof CallTimeout ? 'timeout' : 'gone']);
        },
      )
      .finally(() => asked.delete(`${from} ${id}`));
  });
  bus.subscribe(CANCEL, (message, from) => asked.get(`${from} ${String(message)}`)?.abort());
  bus.subscribe(ANSWER, (message) => {
    const [id, kind, args] = message as [string, string, unknown];
    const outcome =
      kind === 'args' && Array.isArray(args)
        ? args
        : kind === 'timeout'
          ? new CallTimeout('The client did not answer in time.')
          : new SocketGone('The client has disconnected.');
    waiting.get(id)?.settle(outcome);
  });

  return {
    call(
      to: string,
      socketId: string,
      event: string,
      payload: unknown,
      { timeoutMs, signal }: CallOptions,
    ): Promise<unknown[]> {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const id = randomUUID();
        const settle = (outcome: unknown[] | Error): void => {
          waiting.delete(id);
          signal?.removeEventListener('abort', abort);
          if (Array.isArray(outcome)) resolve(outcome);
          else reject(outcome);
        };
        const abort = (): void => {
          bus.send(to, CANCEL, id);
          waiting.delete(id);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', abort, { once: true });
        waiting.set(id, { to, settle });
        bus.send(to, CALL, [id, socketId, event, toJson(payload), timeoutMs ?? null]);
      });
    },
    /** A process has gone: its sockets will not answer. */
    lost(processId: string): void {
      for (const { to, settle } of [...waiting.values()]) {
        if (to === processId) settle(new SocketGone('The client has disconnected.'));
      }
    },
  };
}
