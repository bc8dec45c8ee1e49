import type { User } from '../../kernel/http/principal.ts';
import type { Realtime } from '../../kernel/realtime/index.ts';
import type { Accounts } from '../accounts/index.ts';

/** Who hears of changes of a note. */
export const noteRoom = (noteId: string): string => `note:${noteId}`;
/** Who writes in it together with others. */
export const documentRoom = (documentId: string): string => `doc_${documentId}`;
/** Id of the document that is written in a note. */
export const documentOf = (noteId: string): string => `note:${noteId}`;

interface RoomDeps {
  realtime: Pick<Realtime, 'socketsIn' | 'leave'>;
  accounts: Pick<Accounts, 'findUser'>;
}

const roomsOf = (noteId: string): string[] => [noteRoom(noteId), documentRoom(documentOf(noteId))];

/** Those who may no longer read a note hear no more of it (realtime note, 1.5). */
export async function leaveUnreadable(
  { realtime, accounts }: RoomDeps,
  noteId: string,
  mayRead: (user: User) => Promise<boolean>,
): Promise<void> {
  const rooms = roomsOf(noteId);
  const present = new Set(rooms.flatMap((room) => realtime.socketsIn(room).flatMap(({ user }) => user?.id ?? [])));
  for (const id of present) {
    const user = await accounts.findUser(id);
    if (!user || !(await mayRead(user))) realtime.leave({ rooms: [`user:${id}`] }, rooms);
  }
}

/** A note is gone: nobody hears of it. */
export function closeRooms({ realtime }: Pick<RoomDeps, 'realtime'>, noteId: string): void {
  const rooms = roomsOf(noteId);
  realtime.leave({ rooms }, rooms);
}
