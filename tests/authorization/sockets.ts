import type { EmbeddedServer } from '../support/embedded-server.ts';
import { connectSocket, type TestSocket } from '../support/socket.ts';
import { type Actor, holds } from './actors.ts';
import { OBJECTS } from './fixtures.ts';

/** What a live connection is let into. */
export interface Entered {
  chat: boolean;
  note: boolean;
  channel: boolean;
}

/** Who gets into the rooms of the owner's chat, note and channel, by the specification. */
export function mayEnter(actor: Actor, credential: 'session' | 'key'): Entered {
  const known = credential === 'session' && actor.role !== 'pending';
  const [reads, isAdmin] = [holds(actor, 'read'), actor.role === 'admin'];
  return {
    chat: known && (reads || isAdmin),
    note: known && (isAdmin || (actor.permitted && reads)),
    // Administrators are told of what they were given, or made: all channels would be too much.
    channel: known && actor.permitted && reads,
  };
}

/** Tries to enter as the web client does. What is acknowledged, or ended, is done. */
export async function enter({ base }: EmbeddedServer, token: string): Promise<Entered> {
  return {
    chat: await attempt(base, token, async (socket) => {
      const join = { chat_id: OBJECTS.chat, data: { type: 'join' } };
      return (await socket.raw.timeout(5_000).emitWithAck('events:chat', join)) === true;
    }),
    note: await attempt(base, token, async (socket) => {
      const document = { document_id: `note:${OBJECTS.note}` };
      await socket.raw.timeout(5_000).emitWithAck('ydoc:document:join', document);
      return socket.received.some(([name]) => name === 'ydoc:document:state');
    }),
    channel: await attempt(base, token, async (socket) => {
      const typing = { channel_id: OBJECTS.channel, data: { type: 'typing', data: { typing: true } } };
      await socket.raw.timeout(5_000).emitWithAck('events:channel', typing);
      return socket.received.some(([name]) => name === 'events:channel');
    }),
  };
}

async function attempt(base: string, token: string, act: (socket: TestSocket) => Promise<boolean>): Promise<boolean> {
  const socket = await connectSocket(base, { token });
  // Strangers who ask for more than they may are disconnected without an answer.
  const ended = new Promise<boolean>((resolve) => socket.raw.once('disconnect', () => resolve(false)));
  try {
    return await Promise.race([act(socket).catch(() => ended), ended]);
  } finally {
    socket.close();
  }
}
