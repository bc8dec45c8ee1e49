import { io, type Socket } from 'socket.io-client';
import type { Account } from './client.ts';

/** One `events` message as the web client gets it. */
export interface ChatEvent {
  chat_id?: string;
  message_id?: string;
  data: { type: string; data?: unknown };
}

export interface TestSocket {
  id: string;
  raw: Socket;
  /** All that came, in order: `[name, ...arguments]`. */
  received: [name: string, ...args: unknown[]][];
  /** The chat events of one message (or all). */
  events(messageId?: string): ChatEvent[];
  /** Resolves with the first message, also an earlier one, that the predicate accepts. */
  wait(accept: (name: string, ...args: unknown[]) => boolean, ms?: number): Promise<unknown[]>;
  /** Resolves when the reply is reported as done. */
  done(messageId: string, ms?: number): Promise<void>;
  close(): void;
}

const CONNECT_MS = 10_000;

/** A Socket.IO client, signed in and joined, as the web client does it. `null`: anonymous. */
export async function connectSocket(base: string, account: Pick<Account, 'token'> | null): Promise<TestSocket> {
  const auth = account ? { token: account.token } : {};
  const raw = io(base, { path: '/ws/socket.io', transports: ['websocket'], auth, reconnection: false, forceNew: true });
  const received: TestSocket['received'] = [];
  const listeners = new Set<() => void>();
  raw.onAny((name: string, ...args: unknown[]) => {
    received.push([name, ...args.filter((one) => typeof one !== 'function')]);
    for (const listener of listeners) listener();
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the socket did not connect in ${CONNECT_MS} ms`)), CONNECT_MS);
    raw.once('connect', () => {
      clearTimeout(timer);
      resolve();
    });
    raw.once('connect_error', reject);
  });
  if (account) await raw.timeout(5_000).emitWithAck('user-join', { auth });

  const wait: TestSocket['wait'] = (accept, ms = 20_000) => {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(() => reject(new Error(`no such message in ${ms} ms, got ${summary()}`))), ms);
      const end = (settle: () => void) => {
        clearTimeout(timer);
        listeners.delete(look);
        settle();
      };
      const look = () => {
        const found = received.find((one) => accept(...one));
        if (found) end(() => resolve(found));
      };
      listeners.add(look);
      look();
    });
  };
  const summary = () => JSON.stringify(received.slice(-20)).slice(0, 2_000);
  const isEvent = (one: TestSocket['received'][number]) => one[0] === 'events';
  return {
    id: raw.id ?? '',
    raw,
    received,
    events: (messageId) =>
      received
        .filter(isEvent)
        .map(([, event]) => event as ChatEvent)
        .filter((event) => messageId === undefined || event.message_id === messageId),
    wait,
    async done(messageId, ms) {
      await wait((name, event) => name === 'events' && isDone(event as ChatEvent, messageId), ms);
    },
    close: () => void raw.close(),
  };
}

function isDone({ message_id, data }: ChatEvent, messageId: string): boolean {
  if (message_id !== messageId || data.type !== 'chat:completion') return false;
  return (data.data as { done?: boolean } | undefined)?.done === true;
}
