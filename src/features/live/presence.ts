import type { Realtime } from '../../kernel/realtime/index.ts';

/** Room of the sockets that look at a chat; not the rooms of one user in it. */
const CHAT_ROOM = /^chat:(?!.*:user:)(.+)$/s;

/**
 * Tells those who look at a chat who else does (`chat:presence`; realtime note, 1.7). Each process tells its own sockets what it
 * knows, so an older list cannot overtake a newer one. Changes within one turn of the event loop are told once.
 */
export function publishPresence(realtime: Realtime): void {
  let waiting = new Set<string>();
  realtime.onRoomChange((room) => {
    const chatId = CHAT_ROOM.exec(room)?.[1];
    if (chatId === undefined) return;
    if (waiting.size === 0) setImmediate(flush);
    waiting.add(chatId);
  });
  function flush(): void {
    const chatIds = waiting;
    waiting = new Set();
    for (const chatId of chatIds) {
      realtime.emit({ rooms: [`chat:${chatId}`], local: true }, 'events', {
        chat_id: chatId,
        shared: true,
        data: { type: 'chat:presence', data: { users: present(realtime, chatId) } },
      });
    }
  }
}

function present(realtime: Realtime, chatId: string): { id: string; name: string }[] {
  const users = new Map<string, { id: string; name: string }>();
  for (const { user } of realtime.socketsIn(`chat:${chatId}`)) if (user) users.set(user.id, user);
  return [...users.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
