import type { Database } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import { isObject } from '../../kernel/json.ts';
import type { Bus, LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import type { Accounts } from '../accounts/index.ts';
import { handleChannelEvents } from './channels.ts';
import { type ChatSockets, createChatSockets } from './chats.ts';
import { createDirectChannels, type DirectChannel } from './direct-channels.ts';
import { type CallTarget, createEventCallers, type EventCaller } from './event-calls.ts';
import type { LiveChannels, LiveChats } from './ports.ts';
import { publishPresence } from './presence.ts';
import { revokeSockets } from './revocation.ts';
import { liveRoutes } from './routes.ts';
import { createSessions, type LiveSession, type Sessions } from './sessions.ts';
import { createUsagePool } from './usage.ts';

export type { DirectChannel } from './direct-channels.ts';
export type { CallTarget, EventCaller } from './event-calls.ts';
export { channelIdsOf, markChannelRead } from './store.ts';

/** Signed-in sockets, as the rest of the program uses them. */
export interface Live {
  /** GET /api/usage. */
  routes: Route[];
  chats: ChatSockets;
  /** The user of a socket as of now; one whose session is over, or which never had one, is disconnected: null. */
  check(socket: LiveSocket): Promise<User | null>;
  /** Whom `{ token }` from outside belongs to; null when it does not count. */
  verify(auth: unknown): Promise<User | null>;
  /** Asks the tab that started a run. */
  caller(target: CallTarget): EventCaller;
  /** A channel for what a client sends while it runs a model itself. */
  openChannel(userId: string, sessionId: string): DirectChannel;
  close(): void;
}

export interface LiveDeps {
  database: Pick<Database, 'db'>;
  settings: Settings;
  log: Log;
  bus: Bus;
  realtime: Realtime;
  accounts: Accounts;
  access: Access;
  chats: LiveChats;
  channels: LiveChannels;
}

/** Seconds without a heartbeat, at least, after which a socket no longer counts as present. */
const SESSION_TIMEOUT_SECONDS = 120;

/** Signed-in sockets and what their clients do with them (realtime note, 1). */
export function createLive(deps: LiveDeps): Live {
  const { realtime, bus, log, settings, accounts, access, channels } = deps;
  const sessions = createSessions({ realtime, accounts });
  realtime.onConnect(async (socket, auth) => void (await sessions.signIn(socket, auth)));
  handleJoins(deps, sessions);
  realtime.handle('heartbeat', async (socket) => {
    const user = await sessions.check(socket);
    const session = sessions.get(socket.id);
    if (!user || !session) return;
    session.seenAt = performance.now();
    accounts.touch(user.id);
  });
  handleChannelEvents({ realtime, sessions, channels, access });
  publishPresence(realtime);
  const usage = createUsagePool({ realtime, bus, sessions });
  const heartbeat = settings.get('WEBSOCKET_HEARTBEAT_INTERVAL') ?? 0;
  const stop = revokeSockets({
    log,
    bus,
    sessions,
    accounts,
    access,
    sessionTimeout: Math.max(4 * heartbeat, SESSION_TIMEOUT_SECONDS) * 1_000,
    leaveForbidden: (session) => leaveForbiddenChannels(session, accounts, channels),
  });

  return {
    routes: liveRoutes({ db: deps.database.db, usage, isPublic: settings.get('ENABLE_PUBLIC_ACTIVE_USERS_COUNT') }),
    chats: createChatSockets({ realtime, bus, log, sessions, accounts, chats: deps.chats }),
    check: sessions.check,
    verify: sessions.verify,
    caller: createEventCallers({ realtime, timeout: settings.get('WEBSOCKET_EVENT_CALLER_TIMEOUT') }),
    openChannel: createDirectChannels({ realtime, bus, sessions }),
    close: stop,
  };
}

function handleJoins({ realtime, channels }: LiveDeps, sessions: Sessions): void {
  const joinChannels = async (socket: LiveSocket, user: User): Promise<void> =>
    socket.join(...(await channels.channelIds(user)).map((id) => `channel:${id}`));
  realtime.handle('user-join', async (socket, payload) => {
    const waited = sessions.isWaiting(socket);
    const user = await sessions.signIn(socket, authOf(payload));
    // The page has just signed in to wait: it shall notice, connecting anew, that it is a waiting one.
    if (!waited && sessions.isWaiting(socket)) setImmediate(() => socket.disconnect());
    if (!user) return undefined;
    await joinChannels(socket, user);
    return { id: user.id, name: user.name };
  });
  realtime.handle('join-channels', async (socket, payload) => {
    const user = await sessions.verify(authOf(payload));
    if (user) await joinChannels(socket, user);
  });
}

function authOf(payload: unknown): unknown {
  return isObject(payload) ? payload.auth : undefined;
}

async function leaveForbiddenChannels(
  { socket, userId }: LiveSession,
  accounts: Pick<Accounts, 'findUser'>,
  channels: LiveChannels,
): Promise<void> {
  const joined = [...socket.rooms].filter((room) => room.startsWith('channel:'));
  if (joined.length === 0) return;
  const user = await accounts.findUser(userId);
  const allowed = new Set(user ? (await channels.channelIds(user)).map((id) => `channel:${id}`) : []);
  socket.leave(...joined.filter((room) => !allowed.has(room)));
}
