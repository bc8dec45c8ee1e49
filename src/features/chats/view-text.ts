import { setImmediate } from 'node:timers/promises';
import { type ChatDocument, isObject, isUnfinished, type JsonObject, type Message } from './document.ts';
import { overlayRow } from './load.ts';
import type { LiveReply } from './runs.ts';
import { overlayReply } from './view.ts';

/** A document's JSON as one viewer sees it, with a gap for each reply that may still change. */
export interface ViewText {
  pieces: readonly (Buffer | Gap)[];
  /** The keys of messages that have gaps if the document has such a message at all. */
  open: ReadonlySet<string>;
  /** Bytes of the texts. */
  size: number;
}

/** A reply that is laid over anew each time the view is sent. */
interface Gap {
  /** The key in the tree; null in the linear list. */
  key: string | null;
  message: Message;
}

/** What is laid over the gaps: rows of unfinished replies, then replies that are being written now. */
export interface Overlay {
  rows: readonly Message[];
  live: readonly LiveReply[];
}

/** Characters written before others get their turn. */
const PIECE = 512 * 1024;

/** Writes a document, shaped for its viewer, as text. `moving`: keys of replies that may change, beside those that are unfinished. */
export async function writeView(document: ChatDocument, moving: ReadonlySet<string>): Promise<ViewText> {
  const pieces: (Buffer | Gap)[] = [];
  const open = new Set(moving);
  let size = 0;
  let text = '';
  const flush = () => {
    if (text === '') return;
    const bytes = Buffer.from(text);
    pieces.push(bytes);
    size += bytes.length;
    text = '';
  };
  const write = async (part: string): Promise<void> => {
    text += part;
    if (text.length < PIECE) return;
    flush();
    await setImmediate();
  };
  const writeMessage = async (key: string | null, message: unknown): Promise<void> => {
    const id = isObject(message) ? (key ?? message.id) : undefined;
    if (!isObject(message) || !(isUnfinished(message) || (typeof id === 'string' && moving.has(id)))) {
      return write(JSON.stringify(message) ?? 'null');
    }
    if (typeof id === 'string') open.add(id);
    flush();
    pieces.push({ key, message: message as Message });
  };
  await writeMembers(document, write, async (key, value) => {
    if (key === 'messages' && Array.isArray(value)) {
      await write('[');
      for (const [index, message] of value.entries()) {
        if (index > 0) await write(',');
        await writeMessage(null, message);
      }
      return write(']');
    }
    if (key !== 'history' || !isObject(value)) return write(JSON.stringify(value));
    return writeMembers(value, write, async (name, member) => {
      if (name !== 'messages' || !isObject(member)) return write(JSON.stringify(member));
      return writeMembers(member, write, (id, message) => writeMessage(id, message));
    });
  });
  flush();
  return { pieces, open, size };
}

async function writeMembers(
  object: JsonObject,
  write: (part: string) => Promise<void>,
  writeValue: (key: string, value: unknown) => Promise<void>,
): Promise<void> {
  let before = '{';
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    const start = `${before}${JSON.stringify(key)}:`;
    before = ',';
    await write(start);
    await writeValue(key, value);
  }
  await write(before === '{' ? '{}' : '}');
}

/** Whether everything that moves has its gap. */
export function coversOverlay(view: ViewText, { rows, live }: Overlay): boolean {
  return rows.every((row) => view.open.has(row.id)) && live.every((reply) => view.open.has(reply.messageId));
}

/** The bytes of a view with its gaps filled. `shape`: what a viewer gets of a message. */
export function fillGaps(view: ViewText, { rows, live }: Overlay, shape: (message: Message) => void): Buffer[] {
  if (view.pieces.length === 1 && Buffer.isBuffer(view.pieces[0])) return [view.pieces[0]];
  const written = new Map(rows.map((row) => [row.id, row]));
  const replies = new Map(live.map((reply) => [reply.messageId, reply]));
  return view.pieces.map((piece) => {
    if (Buffer.isBuffer(piece)) return piece;
    const message = { ...piece.message };
    const row = piece.key === null ? undefined : written.get(piece.key);
    if (row) overlayRow(message, row);
    const reply = typeof message.id === 'string' ? replies.get(message.id) : undefined;
    if (reply) overlayReply(message, reply);
    shape(message);
    return Buffer.from(JSON.stringify(message));
  });
}
