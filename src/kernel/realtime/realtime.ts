import type { FastifyInstance } from 'fastify';
import { Server } from 'socket.io';
import type { CorsPolicy } from '../http/cors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Bus } from './bus.ts';
import { type CallOptions, callSocket, failCalls, type OpenCalls, SocketGone } from './call.ts';
import { attachSockets } from './entrance.ts';
import { createMessage, type Message, writeBigints } from './frames.ts';
import { LiveSocket, type SocketUser } from './live-socket.ts';

/** Who gets a message: the sockets in any of the rooms, each once. A socket's id is a room too. */
export interface Audience {
  rooms: readonly string[];
  /** Rooms (or socket ids) whose sockets are left out. */
  except?: readonly string[];
  /** Only sockets of this process. */
  local?: boolean;
}

/** A socket of any process. */
export interface SocketInfo {
  id: string;
  user: SocketUser | null;
}

/** Answers an event of a client. What it gives is acknowledged (`undefined`: without a value); when it throws, nothing is. */
export type SocketHandler = (socket: LiveSocket, payload: unknown) => unknown;

/** Live connections, as features use them; rooms reach over all processes. */
export interface Realtime {
  /** Sends to everybody in the audience; never throws, never waits. */
  emit(audience: Audience, event: string, payload: unknown): void;
  /**
   * Asks one socket and gives the arguments of its acknowledgement. Rejects with `SocketGone` when there is no such socket or it
   * leaves, with `CallTimeout` when time is over, with the signal's reason when that is aborted.
   */
  call(socketId: string, event: string, payload: unknown, options?: CallOptions): Promise<unknown[]>;
  /** Puts all sockets of the audience into rooms. */
  join(audience: Audience, rooms: readonly string[]): void;
  leave(audience: Audience, rooms: readonly string[]): void;
  /** Ends connections; the clients are told that the server did it. */
  disconnect(audience: Audience): void;
  /** The sockets in a room. */
  socketsIn(room: string): SocketInfo[];
  isConnected(socketId: string): boolean;
  /** The socket, if it is connected to this process. */
  local(socketId: string): LiveSocket | undefined;
  /** All sockets of this process. */
  locals(): Iterable<LiveSocket>;
  /** Answers an event of clients; one handler per event. */
  handle(event: string, handler: SocketHandler): void;
  /** Answers events without a handler. */
  handleOthers(handler: (socket: LiveSocket, event: string, payload: unknown) => unknown): void;
  /** Runs before a client is told that it is connected; `auth` is what it sent. A failure is logged and refuses nobody. */
  onConnect(listener: (socket: LiveSocket, auth: unknown) => Promise<void>): void;
  onDisconnect(listener: (socket: LiveSocket) => void): void;
  /** Told when who is in a room has changed, in this process or another; not for rooms of one socket. */
  onRoomChange(listener: (room: string) => void): void;
  /** Takes connections at `/ws/socket.io`. Call it before the server listens. */
  attach(fastify: FastifyInstance): void;
  close(): Promise<void>;
}

export interface RealtimeDeps {
  bus: Bus;
  log: Log;
  cors: CorsPolicy;
  /** WebSocket, else long polling; never both (realtime note, 1.1). */
  websocket: boolean;
  /** Milliseconds. */
  pingInterval: number;
  pingTimeout: number;
}

const MAX_PAYLOAD = 16 * 1024 * 1024;

export function createRealtime(deps: RealtimeDeps): Realtime {
  const { log } = deps;
  const io = new Server();
  Object.assign(io.encoder, { replacer: writeBigints });
  const { adapter } = io.of('/');
  const sockets = new Map<string, LiveSocket>();
  const handlers = new Map<string, SocketHandler>();
  let others: ((socket: LiveSocket, event: string, payload: unknown) => unknown) | undefined;
  const connecting: ((socket: LiveSocket, auth: unknown) => Promise<void>)[] = [];
  const leaving: ((socket: LiveSocket) => void)[] = [];
  const roomListeners: ((room: string) => void)[] = [];
  const calls: OpenCalls = new Map();

  const roomChanged = (room: string): void => {
    if (sockets.has(room)) return;
    for (const listener of roomListeners) guard(() => listener(room));
  };
  adapter.on('join-room', roomChanged);
  adapter.on('leave-room', roomChanged);

  function guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      log.error({ err: error }, 'a listener of socket changes failed');
    }
  }

  function* chosen({ rooms, except = [] }: Audience): Generator<LiveSocket> {
    const left = new Set(except.flatMap((room) => [...(adapter.rooms.get(room) ?? [])]));
    const seen = rooms.length > 1 ? new Set<string>() : null;
    for (const room of rooms) {
      for (const id of adapter.rooms.get(room) ?? []) {
        if (left.has(id) || seen?.has(id)) continue;
        seen?.add(id);
        const socket = sockets.get(id);
        if (socket) yield socket;
      }
    }
  }

  async function answer(socket: LiveSocket, event: string, args: unknown[]): Promise<void> {
    const last = args.at(-1);
    const acknowledge = typeof last === 'function' ? (last as (...values: unknown[]) => void) : null;
    const payload = args.length > (acknowledge ? 1 : 0) ? args[0] : undefined;
    try {
      const handler = handlers.get(event);
      const result = handler ? await handler(socket, payload) : await others?.(socket, event, payload);
      if (result === undefined) acknowledge?.();
      else acknowledge?.(result);
    } catch (error) {
      log.error({ err: error, event }, 'a socket event failed');
    }
  }

  io.use((raw, next) => {
    const socket = new LiveSocket(raw, {
      changed: async () => {},
      dropped: (_socket, unsent) => log.warn({ unsent }, 'a client does not read what it is sent; it is disconnected'),
    });
    raw.data = socket;
    raw.onAny((event: string, ...args: unknown[]) => void answer(socket, event, args));
    raw.once('disconnect', () => {
      sockets.delete(raw.id);
      failCalls(calls, raw.id);
      for (const listener of leaving) guard(() => listener(socket));
    });
    Promise.all(connecting.map((listener) => listener(socket, raw.handshake.auth)))
      .catch((error: unknown) => log.error({ err: error }, 'a client connects without its account'))
      .finally(() => next());
  });
  io.on('connection', (raw) => {
    sockets.set(raw.id, raw.data as LiveSocket);
  });

  return {
    emit(audience, event, payload) {
      let message: Message | undefined;
      for (const socket of chosen(audience)) {
        message ??= createMessage(event, payload);
        socket.send(message);
      }
    },
    async call(socketId, event, payload, options) {
      const socket = sockets.get(socketId);
      if (!socket) throw new SocketGone('The client is not connected.');
      return callSocket(calls, socket, event, payload, options);
    },
    join(audience, rooms) {
      for (const socket of chosen(audience)) void socket.join(...rooms);
    },
    leave(audience, rooms) {
      for (const socket of chosen(audience)) socket.leave(...rooms);
    },
    disconnect(audience) {
      for (const socket of [...chosen(audience)]) socket.disconnect();
    },
    socketsIn: (room) => [...chosen({ rooms: [room] })].map(({ id, user }) => ({ id, user })),
    isConnected: (socketId) => sockets.has(socketId),
    local: (socketId) => sockets.get(socketId),
    locals: () => sockets.values(),
    handle(event, handler) {
      if (handlers.has(event)) throw new Error(`Socket event ${event} has a handler already.`);
      handlers.set(event, handler);
    },
    handleOthers(handler) {
      others = handler;
    },
    onConnect: (listener) => void connecting.push(listener),
    onDisconnect: (listener) => void leaving.push(listener),
    onRoomChange: (listener) => void roomListeners.push(listener),
    attach(fastify) {
      attachSockets(fastify, io, {
        cors: deps.cors,
        transport: deps.websocket ? 'websocket' : 'polling',
        engine: {
          transports: [deps.websocket ? 'websocket' : 'polling'],
          allowUpgrades: false,
          pingInterval: deps.pingInterval,
          pingTimeout: deps.pingTimeout,
          maxHttpBufferSize: MAX_PAYLOAD,
          perMessageDeflate: false,
        },
      });
    },
    async close() {
      io.disconnectSockets(true);
    },
  };
}
