import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import type { LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { LiveChats } from './ports.ts';
import type { Sessions } from './sessions.ts';

interface ChatDeps {
  realtime: Realtime;
  sessions: Sessions;
  chats: LiveChats;
}

const UNSAVED = ['temporary:', 'local:', 'channel:'];

/** Whether an id can be that of a stored chat. */
function isSavedChatId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && !UNSAVED.some((prefix) => id.startsWith(prefix));
}

type Act = (socket: LiveSocket, user: User, chatId: string, data: unknown) => Promise<boolean | undefined> | boolean;

/** `events:chat`: who looks at which chat, types in it, has read it (realtime note, 1.7). */
export function handleChatEvents({ realtime, sessions, chats }: ChatDeps): void {
  const acts: Record<string, Act> = {
    async join(socket, user, chatId) {
      if (!(await chats.access(user, chatId, 'read'))) return false;
      await socket.join(`chat:${chatId}`, `chat:${chatId}:user:${user.id}`);
      return true;
    },
    leave(socket, user, chatId) {
      socket.leave(`chat:${chatId}`, `chat:${chatId}:user:${user.id}`);
      return true;
    },
    async typing(socket, user, chatId, data) {
      const typing = isObject(data) ? data.typing : undefined;
      if (typeof typing !== 'boolean' || !socket.rooms.has(`chat:${chatId}`)) return false;
      if (!(await chats.access(user, chatId, 'write'))) return false;
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

  realtime.handle('events:chat', async (socket, payload) => {
    const user = await sessions.check(socket);
    if (!user || !isObject(payload) || !isObject(payload.data)) return undefined;
    const { chat_id: chatId, data } = payload;
    const act = typeof data.type === 'string' && Object.hasOwn(acts, data.type) ? acts[data.type] : undefined;
    if (!act) return undefined;
    if (!isSavedChatId(chatId)) return data.type === 'last_read_at' ? undefined : false;
    return act(socket, user, chatId, data.data);
  });
}
