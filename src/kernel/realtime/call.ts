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

/** Longest delay a timer can have. */
const FOREVER_MS = 2 ** 31 - 1;

/** Calls by the socket that was asked. */
export type OpenCalls = Map<string, Set<(error: Error) => void>>;

/** Asks a socket of this process. */
export function callSocket(
  open: OpenCalls,
  socket: LiveSocket,
  event: string,
  payload: unknown,
  { timeoutMs = FOREVER_MS, signal }: CallOptions = {},
): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const settle = (end: () => void) => {
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
    socket.ask(event, payload, Math.min(timeoutMs, FOREVER_MS), (error, args) => {
      if (error) fail(new CallTimeout(`No answer to ${event} in ${timeoutMs} ms.`));
      else settle(() => resolve(args));
    });
  });
}

/** The socket has left: nobody will answer what it was asked. */
export function failCalls(open: OpenCalls, socketId: string): void {
  for (const fail of open.get(socketId) ?? []) fail(new SocketGone('The client has disconnected.'));
}
