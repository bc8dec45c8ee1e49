import { isObject } from '../../kernel/json.ts';
import type { LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { Access } from '../access/index.ts';
import type { LiveChannels } from './ports.ts';
import type { Sessions } from './sessions.ts';

interface ChannelDeps {
  realtime: Realtime;
  sessions: Sessions;
  channels: Pick<LiveChannels, 'markRead'>;
  access: Pick<Access, 'people'>;
}

/** Signs of typing one socket may send in a second. */
const TYPING_PER_SECOND = 10;
const MAX_ID = 200;

/** `events:channel`: who types in a channel, and has read it (realtime note, 1.6 and 2.6). */
export function handleChannelEvents({ realtime, sessions, channels, access }: ChannelDeps): void {
  const mayType = createLimit(realtime, TYPING_PER_SECOND);

  realtime.handle('events:channel', async (socket, payload) => {
    if (!isObject(payload) || !isObject(payload.data) || typeof payload.channel_id !== 'string') return;
    const { channel_id: channelId, message_id: messageId, data } = payload;
    if (!socket.rooms.has(`channel:${channelId}`)) return;
    const user = await sessions.check(socket);
    if (!user) return;
    if (data.type === 'last_read_at') {
      await channels.markRead(user.id, channelId);
      return;
    }
    const typing = data.type === 'typing' && isObject(data.data) ? data.data.typing : undefined;
    if (typeof typing !== 'boolean' || !mayType(socket)) return;
    realtime.emit({ rooms: [`channel:${channelId}`] }, 'events:channel', {
      channel_id: channelId,
      message_id: typeof messageId === 'string' ? messageId.slice(0, MAX_ID) : null,
      data: { type: 'typing', data: { typing } },
      user: access.people.shown(null, { id: user.id, name: user.name, role: user.role }),
    });
  });
}

/** Whether a socket stays within so many acts a second. */
function createLimit(realtime: Realtime, most: number): (socket: LiveSocket) => boolean {
  const counts = new Map<string, { since: number; count: number }>();
  realtime.onDisconnect(({ id }) => counts.delete(id));
  return ({ id }) => {
    const now = performance.now();
    const known = counts.get(id);
    const current = known && now - known.since < 1_000 ? known : { since: now, count: 0 };
    current.count += 1;
    counts.set(id, current);
    return current.count <= most;
  };
}
