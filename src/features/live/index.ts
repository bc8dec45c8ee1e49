import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import type { LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { Accounts } from '../accounts/index.ts';
import { handleChatEvents } from './chats.ts';
import type { LiveChannels, LiveChats } from './ports.ts';
import { createLiveSessions } from './sessions.ts';

export type { LiveChannels, LiveChats } from './ports.ts';
export { channelIdsOf } from './store.ts';

export interface LiveDeps {
  realtime: Realtime;
  accounts: Pick<Accounts, 'verifyToken' | 'touch'>;
  chats: LiveChats;
  channels: LiveChannels;
}

/** Signed-in sockets and what their clients do with them (realtime note, 1). */
export function createLive({ realtime, accounts, chats, channels }: LiveDeps) {
  const sessions = createLiveSessions({ realtime, accounts });
  realtime.onConnect(async (socket, auth) => void (await sessions.signIn(socket, auth)));

  const joinChannels = async (socket: LiveSocket, user: User): Promise<void> =>
    socket.join(...(await channels.channelIds(user)).map((id) => `channel:${id}`));
  realtime.handle('user-join', async (socket, payload) => {
    const user = await sessions.signIn(socket, authOf(payload));
    if (!user) return undefined;
    await joinChannels(socket, user);
    return { id: user.id, name: user.name };
  });
  realtime.handle('join-channels', async (socket, payload) => {
    const user = await sessions.verify(authOf(payload));
    if (user) await joinChannels(socket, user);
  });

  realtime.handle('heartbeat', async (socket) => {
    const user = await sessions.check(socket);
    const session = sessions.get(socket.id);
    if (!user || !session) return;
    session.seenAt = performance.now();
    accounts.touch(user.id);
  });
  handleChatEvents({ realtime, sessions, chats });
}

function authOf(payload: unknown): unknown {
  return isObject(payload) ? payload.auth : undefined;
}
