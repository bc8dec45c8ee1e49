import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocketServer } from 'ws';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import { type CallDeps, runCall } from './call.ts';
import { CallError } from './call-error.ts';

export interface CallsDeps extends Omit<CallDeps, 'enter'> {
  realtime: Pick<Realtime, 'onUpgrade'>;
  /** Runs when something about an account has changed. */
  onUserChanged(listener: (userId: string) => void): () => void;
}

const URL = '/api/v1/audio/realtime';
/** Bytes the library reads of one message; what is sensible is looked at before it is parsed. */
const MAX_PAYLOAD = 1024 * 1024;
/** Calls one user may have open, on this process. */
const PER_USER = 4;
/** Connections of all, those that have said nothing yet among them. */
const MOST = 1_000;

/** Voice calls over a WebSocket of their own (providers note, 15). */
export function createCalls(deps: CallsDeps): { close(): Promise<void> } {
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const users = new Map<string, Set<() => void>>();
  let server: WebSocketServer | null = null;

  function enter(userId: string, recheck: () => void): () => void {
    const own = users.get(userId) ?? new Set();
    if (own.size >= PER_USER) throw new CallError('Call limit reached. Start a new call.');
    users.set(userId, own.add(recheck));
    return () => {
      own.delete(recheck);
      if (own.size === 0) users.delete(userId);
    };
  }

  async function take(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    if (running.size >= MOST) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    if (!server) {
      const { WebSocketServer } = await import('ws');
      server ??= new WebSocketServer({ noServer: true, maxPayload: MAX_PAYLOAD, perMessageDeflate: false });
    }
    server.handleUpgrade(request, socket, head, (client) => {
      const call: Promise<void> = runCall(client, { ...deps, enter }, stop.signal).finally(() => running.delete(call));
      running.add(call);
    });
  }

  deps.realtime.onUpgrade(URL, (request, socket, head) => {
    take(request, socket, head).catch((error: unknown) => {
      deps.log.warn({ err: error }, 'a call could not be taken');
      socket.destroy();
    });
  });
  const unsubscribe = deps.onUserChanged((userId) => {
    for (const recheck of users.get(userId) ?? []) recheck();
  });

  return {
    async close() {
      stop.abort();
      unsubscribe();
      await Promise.all(running);
    },
  };
}
