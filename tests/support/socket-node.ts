import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { io, type Socket } from 'socket.io-client';
import { type Bus, createLocalBus, createRealtime, openBus, type Realtime } from '../../src/kernel/realtime/index.ts';
import { mainRedis } from '../../src/kernel/redis.ts';
import { loadSettings } from '../../src/kernel/settings/index.ts';
import { createLog } from '../../src/kernel/telemetry/log.ts';
import { redisUrl } from './databases.ts';

/** Sockets and bus of a server, and nothing else of it. */
export interface SocketNode {
  bus: Bus;
  realtime: Realtime;
  port: number;
  output: string[];
  client(options?: { auth?: Record<string, unknown>; headers?: Record<string, string> }): Promise<Socket>;
  stop(): Promise<void>;
}

interface NodeOptions {
  websocket?: boolean;
  origins?: string[];
  makeBus?: (log: ReturnType<typeof createLog>) => Promise<Bus>;
}

/** Clients may `join` rooms and give themselves a `name`. */
export async function startNode({ websocket = true, origins, makeBus }: NodeOptions = {}): Promise<SocketNode> {
  const output: string[] = [];
  const log = createLog({ level: 'INFO', format: '', destination: { write: (line) => void output.push(line) } });
  const bus = makeBus ? await makeBus(log) : createLocalBus(log);
  const realtime = createRealtime({
    bus,
    log,
    cors: { origins: origins ?? '*' },
    websocket,
    pingInterval: 25_000,
    pingTimeout: 20_000,
  });
  const fastify: FastifyInstance = Fastify();
  realtime.attach(fastify);
  realtime.handle('join', (socket, room) => socket.join(String(room)).then(() => true));
  realtime.handle('name', (socket, name) => socket.identify({ id: String(name), name: String(name) }).then(() => true));
  realtime.handle('fail', () => {
    throw new Error('on purpose');
  });
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  const { port } = fastify.server.address() as AddressInfo;
  const clients: Socket[] = [];
  return {
    bus,
    realtime,
    port,
    output,
    async client({ auth = {}, headers = {} } = {}) {
      const socket = io(`http://127.0.0.1:${port}`, {
        path: '/ws/socket.io',
        transports: [websocket ? 'websocket' : 'polling'],
        reconnection: false,
        forceNew: true,
        auth,
        extraHeaders: headers,
      });
      clients.push(socket);
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
      return socket;
    },
    async stop() {
      for (const client of clients) client.close();
      await fastify.close();
      await realtime.close();
      await bus.close();
    },
  };
}

/** The payloads of an event, as they come. */
export function collect(socket: Socket, event: string): unknown[] {
  const got: unknown[] = [];
  socket.on(event, (payload: unknown) => got.push(payload));
  return got;
}

/** All that was sent before has arrived when this resolves. */
export const flush = (socket: Socket) => socket.emitWithAck('nobody-knows-this');

/** A bus over the Redis of the tests; `name` keeps it apart from others. */
export async function redisBus(name: string, log: ReturnType<typeof createLog>): Promise<Bus> {
  const settings = loadSettings({ REDIS_URL: `${redisUrl}?client_name=${name}`, WEBUI_SECRET_KEY: 'x' });
  const redis = await mainRedis(settings, log);
  return openBus({ redis, redisKeyPrefix: name, database: busDatabase('sqlite:///:memory:', name), log });
}

/** A bus over PostgreSQL. */
export function postgresBus(url: string, name: string, log: ReturnType<typeof createLog>): Promise<Bus> {
  const database = busDatabase(`${url}?application_name=${name}`, name);
  return openBus({ redis: null, redisKeyPrefix: name, database, log });
}

function busDatabase(url: string, name: string) {
  const sqlite = { wal: true, synchronous: '', cacheSize: '', tempStore: '', mmapSize: '', journalSizeLimit: '' };
  const schema = name.replaceAll('-', '_');
  return { url, schema, poolSize: null, maxOverflow: 0, poolTimeout: 30, poolRecycle: 3_600, sqlite };
}
