import { type ChatDocument, isUnfinished, type Message } from './document.ts';
import { writeDocument } from './document-text.ts';
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

/** Writes a document, shaped for its viewer, as text. `moving`: keys of replies that may change, beside those that are unfinished. */
export async function writeView(document: ChatDocument, moving: ReadonlySet<string>): Promise<ViewText> {
  const pieces: (Buffer | Gap)[] = [];
  const open = new Set(moving);
  let size = 0;
  await writeDocument(document, {
    text(text) {
      const bytes = Buffer.from(text);
      pieces.push(bytes);
      size += bytes.length;
    },
    takes(key, message, before) {
      const id = key ?? message.id;
      if (!isUnfinished(message) && !(typeof id === 'string' && moving.has(id))) return false;
      if (typeof id === 'string') open.add(id);
      before();
      pieces.push({ key, message: message as Message });
      return true;
    },
  });
  return { pieces, open, size };
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
