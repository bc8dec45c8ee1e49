import type { FastifyInstance } from 'fastify';
import { Server } from 'socket.io';
import type { CorsPolicy } from '../http/cors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Bus } from './bus.ts';
import { type CallOptions, callSocket, createRemoteCalls, failCalls, type OpenCalls, SocketGone } from './call.ts';
import { attachSockets, type EntranceOptions, type UpgradeTaker } from './entrance.ts';
import { createMessage, type Message, messageOf, writeBigints } from './frames.ts';
import { LiveSocket, type SocketUser } from './live-socket.ts';
import { createPeers } from './peers.ts';

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
  readonly id: string;
  readonly user: SocketUser | null;
  /** Its id among them. */
  readonly rooms: ReadonlySet<string>;
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
  /** Gives upgrades of a path, from accepted origins, to whoever speaks another protocol there. Call it before `attach`. */
  onUpgrade(path: string, taker: UpgradeTaker): void;
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

const EMIT = 'rooms:emit';
const ACT = 'rooms:act';

/** What other processes do for us with their sockets of an audience. */
type RemoteAct = 'join' | 'leave' | 'disconnect';

export function createRealtime(deps: RealtimeDeps): Realtime {
  const { log, bus } = deps;
  const io = new Server();
  Object.assign(io.encoder, { replacer: writeBigints });
  const { adapter } = io.of('/');
  const sockets = new Map<string, LiveSocket>();
  const handlers = createHandlers(log);
  const connecting: ((socket: LiveSocket, auth: unknown) => Promise<void>)[] = [];
  const leaving: ((socket: LiveSocket) => void)[] = [];
  const roomListeners: ((room: string) => void)[] = [];
  const openCalls: OpenCalls = new Map();
  const upgrades = new Map<string, UpgradeTaker>();

  const guard = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      log.error({ err: error }, 'a listener of socket changes failed');
    }
  };
  const roomChanged = (room: string): void => {
    for (const listener of roomListeners) guard(() => listener(room));
  };
  const peers = bus.shared ? createPeers({ bus, own: () => sockets.values(), onRoomChange: roomChanged }) : null;
  const note = (socket: LiveSocket | undefined): boolean => {
    if (!peers || !socket || sockets.get(socket.id) !== socket) return false;
    peers.note(socket);
    return true;
  };
  const changed = async (socket: LiveSocket): Promise<void> => (note(socket) ? peers?.told() : undefined);
  for (const event of ['join-room', 'leave-room']) {
    adapter.on(event, (room: string, id: string) => {
      if (room === id) return;
      note(sockets.get(id));
      roomChanged(room);
    });
  }

  function chosen({ rooms, except = [] }: Pick<Audience, 'rooms' | 'except'>): LiveSocket[] {
    const ids = new Set<string>();
    for (const room of rooms) for (const id of adapter.rooms.get(room) ?? []) ids.add(id);
    for (const room of except) for (const id of adapter.rooms.get(room) ?? []) ids.delete(id);
    const found: LiveSocket[] = [];
    for (const id of ids) {
      const socket = sockets.get(id);
      if (socket) found.push(socket);
    }
    return found;
  }
  function sendHere(audience: Pick<Audience, 'rooms' | 'except'>, message: () => Message): void {
    for (const socket of chosen(audience)) socket.send(message());
  }
  function act(what: RemoteAct, audience: Pick<Audience, 'rooms' | 'except'>, rooms: readonly string[]): void {
    for (const socket of chosen(audience)) {
      if (what === 'join') void socket.join(...rooms);
      else if (what === 'leave') socket.leave(...rooms);
      else socket.disconnect();
    }
  }
  function actEverywhere(
    what: RemoteAct,
    { rooms, except = [], local }: Audience,
    targets: readonly string[] = [],
  ): void {
    act(what, { rooms, except }, targets);
    if (local) return;
    for (const to of peers?.processesWith(rooms) ?? []) bus.send(to, ACT, [what, rooms, except, targets]);
  }
  async function ask(socketId: string, event: string, payload: unknown, options: CallOptions): Promise<unknown[]> {
    const socket = sockets.get(socketId);
    if (!socket) throw new SocketGone('The client is not connected.');
    return callSocket(openCalls, socket, event, payload, options);
  }
  const remote = peers && createRemoteCalls({ bus, ask });
  peers?.onLost((id) => remote?.lost(id));
  bus.subscribe(EMIT, (message) => {
    const [rooms, except, text] = message as [string[], string[], string];
    const made = messageOf(text);
    sendHere({ rooms, except }, () => made);
  });
  bus.subscribe(ACT, (message) => {
    const [what, rooms, except, targets] = message as [RemoteAct, string[], string[], string[]];
    act(what, { rooms, except }, targets);
  });

  io.use((raw, next) => {
    const socket = new LiveSocket(raw, {
      changed,
      dropped: (unsent) => log.warn({ unsent }, 'a client does not read what it is sent; it is disconnected'),
    });
    raw.data = socket;
    raw.onAny((event: string, ...args: unknown[]) => void handlers.answer(socket, event, args));
    raw.once('disconnect', () => {
      sockets.delete(raw.id);
      peers?.gone(raw.id);
      failCalls(openCalls, raw.id);
      for (const listener of leaving) guard(() => listener(socket));
    });
    Promise.all(connecting.map((listener) => listener(socket, raw.handshake.auth)))
      .catch((error: unknown) => log.error({ err: error }, 'a client connects without its account'))
      .finally(() => next());
  });
  io.on('connection', (raw) => {
    const socket = raw.data as LiveSocket;
    sockets.set(raw.id, socket);
    note(socket);
  });

  return {
    emit({ rooms, except = [], local }, event, payload) {
      let made: Message | undefined;
      const message = (): Message => {
        made ??= createMessage(event, payload);
        return made;
      };
      sendHere({ rooms, except }, message);
      if (!peers || local) return;
      for (const to of peers.processesWith(rooms)) bus.send(to, EMIT, [rooms, except, message().text]);
    },
    async call(socketId, event, payload, options = {}) {
      const process = sockets.has(socketId) ? undefined : peers?.processOf(socketId);
      if (process === undefined || !remote) return ask(socketId, event, payload, options);
      return remote.call(process, socketId, event, payload, options);
    },
    join: (audience, rooms) => actEverywhere('join', audience, rooms),
    leave: (audience, rooms) => actEverywhere('leave', audience, rooms),
    disconnect: (audience) => actEverywhere('disconnect', audience),
    socketsIn: (room) => [...chosen({ rooms: [room] }), ...(peers?.socketsIn(room) ?? [])],
    isConnected: (socketId) => sockets.has(socketId) || peers?.processOf(socketId) !== undefined,
    local: (socketId) => sockets.get(socketId),
    locals: () => sockets.values(),
    handle: handlers.set,
    handleOthers: handlers.setOthers,
    onConnect: (listener) => void connecting.push(listener),
    onDisconnect: (listener) => void leaving.push(listener),
    onRoomChange: (listener) => void roomListeners.push(listener),
    onUpgrade: (path, taker) => void upgrades.set(path, taker),
    attach: (fastify) => attachSockets(fastify, io, { ...entranceOptions(deps), upgrades }),
    async close() {
      io.disconnectSockets(true);
      peers?.close();
    },
  };
}

/** Handlers of clients' events by name. */
function createHandlers(log: Log) {
  const handlers = new Map<string, SocketHandler>();
  let others: ((socket: LiveSocket, event: string, payload: unknown) => unknown) | undefined;
  return {
    set(event: string, handler: SocketHandler): void {
      if (handlers.has(event)) throw new Error(`Socket event ${event} has a handler already.`);
      handlers.set(event, handler);
    },
    setOthers(handler: (socket: LiveSocket, event: string, payload: unknown) => unknown): void {
      others = handler;
    },
    async answer(socket: LiveSocket, event: string, args: unknown[]): Promise<void> {
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
    },
  };
}

function entranceOptions({
  cors,
  websocket,
  pingInterval,
  pingTimeout,
}: RealtimeDeps): Omit<EntranceOptions, 'upgrades'> {
  const transport = websocket ? 'websocket' : 'polling';
  return {
    cors,
    transport,
    engine: {
      transports: [transport],
      allowUpgrades: false,
      pingInterval,
      pingTimeout,
      maxHttpBufferSize: MAX_PAYLOAD,
      perMessageDeflate: false,
    },
  };
}
