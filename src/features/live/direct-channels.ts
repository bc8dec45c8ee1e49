import { randomUUID } from 'node:crypto';
import { isObject } from '../../kernel/json.ts';
import { createQueues } from '../../kernel/queues.ts';
import type { Bus, LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import { SocketGone } from '../../kernel/realtime/index.ts';
import type { Sessions } from './sessions.ts';

/** What a client sends while it runs a model itself (realtime note, 1.10). */
export interface DirectChannel {
  /** Name of the event the client is to send its lines by. */
  readonly channel: string;
  /** Server-sent events as text, each with its blank line. Ends when the client says so; throws when it goes away before. */
  lines(): AsyncIterable<string>;
  /** Takes no more. */
  close(): void;
}

interface ChannelDeps {
  realtime: Realtime;
  bus: Bus;
  sessions: Sessions;
}

const TOPIC = 'live:channel';
const MAX_WAITING = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
const NAME = /^([^:]+):[^:]+:[^:]+$/;

/** Opens channels for direct completions; the client may be connected to another process. */
export function createDirectChannels({ realtime, bus, sessions }: ChannelDeps) {
  const own = new Map<string, LineQueue>();
  /** Channels of other processes, and which. */
  const others = new Map<string, string>();
  const inOrder = createQueues();

  function take(channel: string, data: unknown): void {
    own.get(channel)?.push(data);
    const process = others.get(channel);
    if (process !== undefined) bus.send(process, TOPIC, ['data', channel, data]);
  }
  realtime.handleOthers((socket: LiveSocket, event, payload) => {
    const userId = NAME.exec(event)?.[1];
    if (userId === undefined) return;
    return inOrder(socket.id, async () => {
      const user = await sessions.check(socket);
      if (user?.id === userId) take(event, payload);
    });
  });
  bus.subscribe(TOPIC, (message, from) => {
    const [what, channel, data] = message as ['open' | 'close' | 'data', string, unknown];
    if (what === 'open') others.set(channel, from);
    else if (what === 'close') others.delete(channel);
    else own.get(channel)?.push(data);
  });

  return (userId: string, sessionId: string): DirectChannel => {
    const channel = `${userId}:${sessionId}:${randomUUID()}`;
    const queue = createLineQueue();
    own.set(channel, queue);
    bus.publish(TOPIC, ['open', channel]);
    const timer = setInterval(() => {
      if (!realtime.isConnected(sessionId)) queue.fail(new SocketGone('The client has disconnected.'));
    }, LOOK_EVERY_MS);
    timer.unref();
    const close = (): void => {
      clearInterval(timer);
      if (own.delete(channel)) bus.publish(TOPIC, ['close', channel]);
      queue.end();
    };
    return {
      channel,
      async *lines() {
        try {
          yield* queue.lines();
        } finally {
          close();
        }
      },
      close,
    };
  };
}

interface LineQueue {
  push(data: unknown): void;
  fail(error: Error): void;
  end(): void;
  lines(): AsyncGenerator<string>;
}

function createLineQueue(): LineQueue {
  let waiting: string[] = [];
  let size = 0;
  let over: Error | true | null = null;
  let wake = (): void => {};
  const finish = (how: Error | true): void => {
    over ??= how;
    wake();
  };
  return {
    push(data) {
      if (isObject(data) && data.done) finish(true);
      if (over) return;
      const line = lineOf(data);
      size += line.length;
      if (size > MAX_WAITING) finish(new Error('The client sends more than can be taken.'));
      else waiting.push(line);
      wake();
    },
    fail: finish,
    end: () => finish(true),
    async *lines() {
      for (;;) {
        const lines = waiting;
        waiting = [];
        size = 0;
        yield* lines;
        if (waiting.length > 0) continue;
        if (over instanceof Error) throw over;
        if (over) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function lineOf(data: unknown): string {
  if (typeof data !== 'string') return `data: ${JSON.stringify(data ?? null)}\n\n`;
  return data.includes('data:') ? `${data}\n\n` : `data: ${data}\n\n`;
}
