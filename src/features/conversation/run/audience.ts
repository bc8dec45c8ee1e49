import type { Realtime, SocketInfo } from '../../../kernel/realtime/index.ts';
import type { TurnEvent } from '../turn/turn.ts';

/** Whose reply in which chat. */
export interface ReplyAddress {
  userId: string;
  chatId: string;
  messageId: string | null;
  /** The socket that asked; whether it is the user's is checked here. */
  sessionId: string | null;
  /** Whether others may read the chat: a saved one that is no sub-agent's. */
  shareable: boolean;
  internal: boolean;
}

/** The sockets that are told of one reply (note 5.1 and 11). */
export interface Audience {
  /** The socket that asked, and the user's sockets that have the chat open. */
  watchers(event: TurnEvent): void;
  /** All sockets of the user. */
  user(event: TurnEvent): void;
  /** Others who have the chat open. */
  others(event: TurnEvent): void;
  /** One socket that has just opened the chat. */
  newcomer(socket: SocketInfo, event: TurnEvent): void;
  /** Whether others have the chat open now. */
  readonly hasOthers: boolean;
  end(): void;
}

export interface Audiences {
  /** `joined` is told of sockets that open the chat while the audience exists. */
  open(address: ReplyAddress, joined: (socket: SocketInfo) => void): Audience;
}

type Port = Pick<Realtime, 'emit' | 'socketsIn' | 'onRoomChange'>;

interface Open {
  changed(): void;
}

export function createAudiences(realtime: Port): Audiences {
  const byRoom = new Map<string, Set<Open>>();
  realtime.onRoomChange((room) => {
    for (const one of byRoom.get(room) ?? []) one.changed();
  });

  return {
    open(address, joined) {
      const { userId, chatId, messageId, sessionId, internal } = address;
      const room = `chat:${chatId}`;
      const own = `${room}:user:${userId}`;
      const everyTab = [`user:${userId}`];
      let present = new Set<string>();
      let hasOthers = false;
      /** Undefined until it is known to be the user's: other processes' sockets may be heard of a moment late. */
      let asking: string | undefined;

      function watching(): string[] {
        if (asking === undefined && sessionId !== null && isUsersSocket(realtime, sessionId, userId))
          asking = sessionId;
        const rooms = asking === undefined ? [] : [asking];
        return address.shareable ? [...rooms, own] : rooms;
      }

      function envelope(event: TurnEvent): object {
        const base = { chat_id: chatId, message_id: messageId };
        return internal ? { ...base, internal: true, data: event } : { ...base, data: event };
      }

      function shared(event: TurnEvent): object {
        return { chat_id: chatId, message_id: messageId, user_id: userId, shared: true, data: event };
      }

      function look(): SocketInfo[] {
        const sockets = realtime.socketsIn(room);
        const arrived = sockets.filter(({ id }) => !present.has(id));
        present = new Set(sockets.map(({ id }) => id));
        hasOthers = sockets.some(({ user }) => user?.id !== userId);
        return arrived;
      }

      const one: Open = { changed: () => look().forEach(joined) };
      if (address.shareable) {
        look();
        byRoom.set(room, (byRoom.get(room) ?? new Set()).add(one));
      }
      return {
        get hasOthers() {
          return hasOthers;
        },
        watchers: (event) => realtime.emit({ rooms: watching() }, 'events', envelope(event)),
        user: (event) => realtime.emit({ rooms: everyTab }, 'events', envelope(event)),
        others(event) {
          if (hasOthers) realtime.emit({ rooms: [room], except: everyTab }, 'events', shared(event));
        },
        newcomer(socket, event) {
          const message = socket.user?.id === userId ? envelope(event) : shared(event);
          realtime.emit({ rooms: [socket.id] }, 'events', message);
        },
        end() {
          const open = byRoom.get(room);
          open?.delete(one);
          if (open?.size === 0) byRoom.delete(room);
        },
      };
    },
  };
}

/** A client names its socket itself: it must be one, and the user's. */
export function isUsersSocket(realtime: Pick<Realtime, 'socketsIn'>, socketId: string, userId: string): boolean {
  const [socket, ...more] = realtime.socketsIn(socketId);
  return more.length === 0 && socket?.id === socketId && socket.user?.id === userId;
}
