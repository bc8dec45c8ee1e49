import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { createQueues } from '../../kernel/queues.ts';
import type { LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import type { Live } from '../live/index.ts';
import { type Documents, emptyState } from './documents.ts';
import { documentOf, documentRoom, noteRoom } from './rooms.ts';
import { createSaver, type Saver } from './saver.ts';
import type { Notes } from './service.ts';

export interface NoteSocketDeps {
  realtime: Realtime;
  live: Pick<Live, 'check' | 'verify'>;
  access: Pick<Access, 'permissions'>;
  notes: Notes;
  documents: Documents;
  log: Log;
}

const MAX_DOCUMENTS = 20;
const MAX_AWARENESS = 64 * 1024;
const MAX_TEXT = 200;

/** Someone at a document, and the note it is. */
interface Place {
  socket: LiveSocket;
  user: User;
  documentId: string;
  note: NonNullable<Awaited<ReturnType<Notes['find']>>>;
  payload: JsonObject;
}

/** `join-note` and the joint writing in notes, `ydoc:*` (realtime note, 1.13). Gives what ends it. */
export function handleNoteSockets(deps: NoteSocketDeps): { close(): Promise<void> } {
  const { realtime, live, access, notes, documents } = deps;
  const inOrder = createQueues();
  const saver = createSaver({ ...deps, inOrder, clearIfLeft });
  const joined = new Map<string, Set<string>>();

  async function mayUse(user: User): Promise<boolean> {
    return user.role === 'admin' || (await access.permissions(user, 'features.notes'));
  }
  /** Where an event is about, for somebody who may read there; null: it is not answered. */
  async function placeOf(socket: LiveSocket, payload: unknown): Promise<Place | null> {
    const user = await live.check(socket);
    const noteId = isObject(payload) ? noteIdOf(payload.document_id) : null;
    if (!user || !isObject(payload) || noteId === null || !(await mayUse(user))) return null;
    const note = await notes.find(noteId);
    if (!note || !(await notes.mayRead(user, note))) return null;
    return { socket, user, note, documentId: documentOf(noteId), payload };
  }
  async function clearIfLeft(documentId: string): Promise<void> {
    if (realtime.socketsIn(documentRoom(documentId)).length === 0 && !saver.isWaiting(documentId)) {
      await documents.clear(documentId);
    }
  }
  async function left(socketId: string, documentId: string): Promise<void> {
    const own = joined.get(socketId);
    own?.delete(documentId);
    if (own?.size === 0) joined.delete(socketId);
    await inOrder(documentId, () => clearIfLeft(documentId));
  }

  realtime.handle('join-note', async (socket, payload) => {
    if (!isObject(payload) || typeof payload.note_id !== 'string') return;
    const user = await live.verify(payload.auth);
    if (!user || !(await mayUse(user))) return;
    const note = await notes.find(payload.note_id);
    if (note && (await notes.mayRead(user, note))) await socket.join(noteRoom(note.id));
  });

  realtime.handle('ydoc:document:join', async (socket, payload) => {
    const place = await placeOf(socket, payload);
    const own = joined.get(socket.id) ?? new Set();
    if (!place || (own.size >= MAX_DOCUMENTS && !own.has(place.documentId))) return;
    joined.set(socket.id, own.add(place.documentId));
    try {
      await inOrder(place.documentId, () => enter(deps, place, saver));
    } catch (error) {
      deps.log.error({ err: error }, 'a document could not be joined');
      socket.emit('error', { message: 'Failed to join document' });
    }
    if (!socket.connected) await left(socket.id, place.documentId);
  });

  realtime.handle('ydoc:document:state', async (socket, payload) => {
    const documentId = isObject(payload) ? inRoom(socket, payload.document_id) : null;
    if (!(await live.check(socket)) || documentId === null) return;
    const state = await inOrder(documentId, () => documents.state(documentId));
    if (!state) return;
    const sessions = realtime.socketsIn(documentRoom(documentId)).map(({ id }) => id);
    socket.emit('ydoc:document:state', { document_id: documentId, state: [...state], sessions });
  });

  realtime.handle('ydoc:document:update', async (socket, payload) => {
    if (isObject(payload) && inRoom(socket, payload.document_id) === null) {
      await live.check(socket);
      return undefined;
    }
    const place = await placeOf(socket, payload);
    if (!place || !(await notes.mayWrite(place.user, place.note))) return undefined;
    return inOrder(place.documentId, () => change(deps, place, saver));
  });

  realtime.handle('ydoc:document:leave', async (socket, payload) => {
    const user = await live.check(socket);
    const documentId = isObject(payload) ? inRoom(socket, payload.document_id) : null;
    if (!user || documentId === null) return;
    socket.leave(documentRoom(documentId));
    realtime.emit({ rooms: [documentRoom(documentId)] }, 'ydoc:user:left', {
      document_id: documentId,
      user_id: user.id,
    });
    await left(socket.id, documentId);
  });

  realtime.handle('ydoc:awareness:update', async (socket, payload) => {
    const user = await live.check(socket);
    const documentId = isObject(payload) ? inRoom(socket, payload.document_id) : null;
    const update = isObject(payload) ? bytesOf(payload.update) : null;
    if (!user || documentId === null || !update || update.length > MAX_AWARENESS) return;
    const sent = { document_id: documentId, user_id: user.id, update: [...update] };
    realtime.emit({ rooms: [documentRoom(documentId)], except: [socket.id] }, 'ydoc:awareness:update', sent);
  });

  realtime.onDisconnect((socket) => {
    for (const documentId of joined.get(socket.id) ?? []) {
      left(socket.id, documentId).catch((error: unknown) =>
        deps.log.warn({ err: error }, 'what was written together could not be cleared'),
      );
    }
  });
  return { close: saver.flush };
}

async function enter({ realtime, documents, notes }: NoteSocketDeps, place: Place, saver: Saver): Promise<void> {
  const { socket, user, documentId, note, payload } = place;
  const room = documentRoom(documentId);
  await socket.join(room);
  // What a process left behind that ended without saying so is older than the note.
  const isAlone = realtime.socketsIn(room).every(({ id }) => id === socket.id);
  if (isAlone && !saver.isWaiting(documentId)) await documents.clear(documentId);
  const state = [...((await documents.state(documentId)) ?? emptyState)];
  const content = await notes.content(note.id);
  socket.emit('ydoc:document:state', { document_id: documentId, state, content });
  realtime.emit({ rooms: [room], except: [socket.id] }, 'ydoc:user:joined', {
    document_id: documentId,
    user_id: user.id,
    user_name: textOr(payload.user_name, 'Anonymous'),
    user_color: textOr(payload.user_color, '#000000'),
  });
}

/** Applies an update; gives the acknowledgement. */
async function change(deps: NoteSocketDeps, place: Place, saver: Saver): Promise<number[] | undefined> {
  const { realtime, documents, notes } = deps;
  const { socket, user, documentId, note, payload } = place;
  const data = isObject(payload.data) && Object.keys(payload.data).length > 0 ? payload.data : null;
  if (data && (await notes.unreadableFiles(user, note.id, data)).length > 0) {
    socket.emit('error', { message: 'Cannot attach files you cannot access' });
    return undefined;
  }
  const begins = payload.initialize === true;
  if (begins) {
    const state = await documents.state(documentId);
    if (state) return [...state];
  }
  const given = payload.update;
  if (given !== undefined && given !== null) {
    const update = bytesOf(given);
    if (!update) return undefined;
    if (update.length > 0) {
      const stored = await (begins ? documents.begin : documents.add)(documentId, update);
      if (!stored) return begins ? lateSeed(documents, documentId) : undefined;
      realtime.emit({ rooms: [documentRoom(documentId)], except: [socket.id] }, 'ydoc:document:update', {
        document_id: documentId,
        user_id: typeof payload.user_id === 'string' ? payload.user_id : socket.id,
        update: [...update],
        socket_id: socket.id,
      });
      if (begins) return [...update];
    }
  }
  if (begins) return undefined;
  if (data) saver.save(documentId, note.id, user.id, data);
  return undefined;
}

/** Somebody at another process was first by a moment. */
async function lateSeed(documents: Documents, documentId: string): Promise<number[] | undefined> {
  const state = await documents.state(documentId);
  return state ? [...state] : undefined;
}

/** The note of a document id; older clients wrote `note_`. */
function noteIdOf(documentId: unknown): string | null {
  return typeof documentId === 'string' ? (/^note[:_](.+)$/.exec(documentId)?.[1] ?? null) : null;
}

/** The document, if the socket is at it. */
function inRoom(socket: LiveSocket, documentId: unknown): string | null {
  const noteId = noteIdOf(documentId);
  return noteId !== null && socket.rooms.has(documentRoom(documentOf(noteId))) ? documentOf(noteId) : null;
}

/** Bytes come as binary or as a list of numbers. */
function bytesOf(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  if (!Array.isArray(value)) return null;
  const isByte = (one: unknown): boolean => Number.isInteger(one) && Number(one) >= 0 && Number(one) <= 255;
  return value.every(isByte) ? Uint8Array.from(value as number[]) : null;
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : otherwise;
}
