import { randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';
import { millisecondsSince } from './clock.ts';
import { percentile } from './load.ts';
import type { ServerUnderTest } from './server-process.ts';

export interface LiveResult {
  conversations: number;
  finished: number;
  /** Seconds from the first request until the last answer ended. */
  seconds: number;
  /** Milliseconds from the provider sending a token to the socket receiving it. */
  latencyP50: number;
  latencyP99: number;
  /** Server CPU milliseconds per 1,000 tokens. */
  cpuPerThousand: number;
  bytesPerToken: number;
  framesPerToken: number;
}

interface LiveOptions {
  server: ServerUnderTest;
  /** One account for each conversation: an account's sockets all hear when one of its replies ends. */
  tokens: readonly string[];
  /** A provider model `clock-COUNT-RATE`. */
  model: string;
  conversations: number;
  /** Seconds after which unfinished answers are given up. */
  patience: number;
}

interface Watcher {
  token: string;
  socket: Socket;
  bytes: number;
  frames: number;
  latencies: number[];
  finished: Promise<boolean>;
  close(): void;
}

/** Answers streamed at once to as many sockets, each watching its own chat. */
export async function live({ server, tokens, model, conversations, patience }: LiveOptions): Promise<LiveResult> {
  const watchers = await Promise.all(tokens.slice(0, conversations).map((token) => watch(server, token, patience)));
  const cpu = await server.cpu();
  const began = performance.now();
  await Promise.all(watchers.map((one) => ask(server, model, one)));
  const finished = await Promise.all(watchers.map((one) => one.finished));
  const seconds = (performance.now() - began) / 1_000;
  const used = (await server.cpu()) - cpu;
  for (const one of watchers) one.close();
  const latencies = watchers.flatMap((one) => one.latencies).sort((a, b) => a - b);
  const total = Number(model.split('-')[1]) * conversations;
  return {
    conversations,
    finished: finished.filter(Boolean).length,
    seconds,
    latencyP50: percentile(latencies, 0.5),
    latencyP99: percentile(latencies, 0.99),
    cpuPerThousand: (used * 1_000_000) / total,
    bytesPerToken: watchers.reduce((sum, one) => sum + one.bytes, 0) / total,
    framesPerToken: watchers.reduce((sum, one) => sum + one.frames, 0) / total,
  };
}

async function watch(server: ServerUnderTest, token: string, patience: number): Promise<Watcher> {
  const socket = io(server.base, {
    path: '/ws/socket.io',
    transports: ['websocket'],
    auth: { token },
    reconnection: false,
    forceNew: true,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('connect_error', reject);
  });
  await socket.timeout(20_000).emitWithAck('user-join', { auth: { token } });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const giveUp = setTimeout(() => resolve(false), patience * 1_000);
  const watcher: Watcher = {
    token,
    socket,
    bytes: 0,
    frames: 0,
    latencies: [],
    finished: promise,
    close: () => socket.close(),
  };
  socket.io.engine.on('packet', ({ type, data }) => {
    if (type !== 'message' || typeof data !== 'string' || !data.includes('"events"')) return;
    watcher.bytes += Buffer.byteLength(data) + 1;
    watcher.frames++;
  });
  socket.on('events', (event: { data?: { type?: string; data?: { delta?: string; done?: boolean } } }) => {
    const { type, data } = event.data ?? {};
    if (type === 'response:completion' && typeof data?.delta === 'string') {
      for (const [, sent = ''] of data.delta.matchAll(/@(\w+) /g)) watcher.latencies.push(millisecondsSince(sent));
    }
    if (type === 'chat:completion' && data?.done) {
      clearTimeout(giveUp);
      resolve(true);
    }
  });
  return watcher;
}

async function ask(server: ServerUnderTest, model: string, { token, socket }: Watcher): Promise<void> {
  const userId = randomUUID();
  const replyId = randomUUID();
  const content = 'Please stream.';
  const reply = await fetch(`${server.base}/api/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      stream: true,
      model,
      messages: [{ role: 'user', content }],
      params: {},
      features: {},
      variables: {},
      session_id: socket.id,
      id: replyId,
      parent_id: null,
      user_message: {
        id: userId,
        parentId: null,
        childrenIds: [replyId],
        role: 'user',
        content,
        timestamp: Math.floor(Date.now() / 1_000),
        models: [model],
      },
      background_tasks: {},
    }),
  });
  if (!reply.ok) throw new Error(`completion answered ${reply.status}: ${await reply.text()}`);
}
