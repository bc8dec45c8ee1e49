import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import { createQueues } from '../../kernel/queues.ts';
import type { Bus, LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Accounts } from '../accounts/index.ts';
import type { ChatAccess, LiveChats } from './ports.ts';
import type { LiveSession, Sessions } from './sessions.ts';

interface ChatDeps {
  realtime: Realtime;
  bus: Pick<Bus, 'publish' | 'subscribe'>;
  log: Log;
  sessions: Sessions;
  accounts: Pick<Accounts, 'findUser'>;
  chats: LiveChats;
}

export interface ChatSockets {
  /**
   * Asks again who may read a chat (null: any chat), in every process: whoever may no longer leaves its room, and all are told to
   * look at it anew. Call it after the commit.
   */
  refreshAccess(chatId: string | null): void;
}

type Act = (
  socket: LiveSocket,
  user: User,
  chatId: string,
  data: unknown,
) => Promise<boolean | undefined> | boolean | undefined;

const UNSAVED = ['temporary:', 'local:', 'channel:'];

/** Whether an id can be that of a stored chat. */
function isSavedChatId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && !UNSAVED.some((prefix) => id.startsWith(prefix));
}

const roomsOf = (chatId: string, userId: string): string[] => [`chat:${chatId}`, `chat:${chatId}:user:${userId}`];

/** `events:chat`: who looks at which chat, types in it, has read it (realtime note, 1.7). */
export function createChatSockets(deps: ChatDeps): ChatSockets {
  const { realtime, sessions } = deps;
  const acts = chatActs(deps);
  const inOrder = createQueues();

  realtime.handle('events:chat', async (socket, payload) => {
    const user = await sessions.check(socket);
    if (!user || !isObject(payload) || !isObject(payload.data)) return undefined;
    const { chat_id: chatId, data } = payload;
    const act = typeof data.type === 'string' && Object.hasOwn(acts, data.type) ? acts[data.type] : undefined;
    if (!act) return undefined;
    if (!isSavedChatId(chatId)) return data.type === 'last_read_at' ? undefined : false;
    return inOrder(socket.id, async () => act(socket, user, chatId, data.data));
  });
  return { refreshAccess: createRefresh(deps) };
}

function chatActs({ realtime, chats }: ChatDeps): Record<string, Act> {
  return {
    async join(socket, user, chatId) {
      if ((await chats.access(user, chatId, 'read')) === null || !socket.connected) return false;
      await socket.join(...roomsOf(chatId, user.id));
      return true;
    },
    leave(socket, user, chatId) {
      socket.leave(...roomsOf(chatId, user.id));
      return true;
    },
    async typing(socket, user, chatId, data) {
      const typing = isObject(data) ? data.typing : undefined;
      if (typeof typing !== 'boolean' || !socket.rooms.has(`chat:${chatId}`)) return false;
      if ((await chats.access(user, chatId, 'write')) === null) return false;
      realtime.emit({ rooms: [`chat:${chatId}`], except: [socket.id] }, 'events', {
        chat_id: chatId,
        user_id: user.id,
        user: { id: user.id, name: user.name },
        shared: true,
        data: { type: 'typing', data: { typing } },
      });
      return true;
    },
    async last_read_at(_socket, user, chatId) {
      const read = await chats.markRead(user, chatId);
      if (read) {
        realtime.emit({ rooms: [`user:${user.id}`] }, 'events', {
          chat_id: chatId,
          data: { type: 'chat:list', data: { chat_id: chatId, ...read } },
        });
      }
      return undefined;
    },
  };
}

const TOPIC = 'live:chat-access';

function createRefresh(deps: ChatDeps): (chatId: string | null) => void {
  const { bus, log } = deps;
  const refresh = (chatId: string | null): void => {
    refreshHere(deps, chatId).catch((error: unknown) => log.error({ err: error }, 'could not recheck chat access'));
  };
  bus.subscribe(TOPIC, (message) => {
    if (message === null || typeof message === 'string') refresh(message);
  });
  return (chatId) => {
    refresh(chatId);
    bus.publish(TOPIC, chatId);
  };
}

async function refreshHere(deps: ChatDeps, only: string | null): Promise<void> {
  const { sessions, accounts, chats } = deps;
  const known = new Map<string, Promise<ChatAccess | null>>();
  const accessOf = (userId: string, chatId: string): Promise<ChatAccess | null> => {
    const key = JSON.stringify([userId, chatId]);
    const asked =
      known.get(key) ?? accounts.findUser(userId).then((user) => user && chats.access(user, chatId, 'read'));
    known.set(key, asked);
    return asked;
  };
  for (const session of [...sessions.all()]) {
    for (const chatId of joinedChats(session)) {
      if (only !== null && chatId !== only) continue;
      const access = await accessOf(session.userId, chatId);
      if (access === 'own' && only === null) continue;
      if (access === null) session.socket.leave(...roomsOf(chatId, session.userId));
      session.socket.emit('events', { chat_id: chatId, shared: true, data: { type: 'chat:access', data: {} } });
    }
  }
}

function joinedChats({ socket, userId }: LiveSession): string[] {
  const end = `:user:${userId}`;
  const rooms = [...socket.rooms].filter((room) => room.startsWith('chat:') && room.endsWith(end));
  return rooms.map((room) => room.slice('chat:'.length, -end.length));
}
