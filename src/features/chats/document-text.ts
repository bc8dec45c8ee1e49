import { setImmediate } from 'node:timers/promises';
import { mayNeedCleaning } from '../../kernel/database/index.ts';
import { type ChatDocument, encodeDocument, isObject, type JsonObject, parseDocument } from './document.ts';

interface Sink {
  /** The next piece of the text. */
  text(text: string): void;
  /**
   * True: the message is written by others, in this place; `before` gives what was written before it. `key`: its key in the tree, null
   * in the linear list.
   */
  takes?(key: string | null, message: JsonObject, before: () => void): boolean;
}

/** Characters written before others get their turn. */
const PIECE = 512 * 1024;

/** Writes a document as JSON text, message by message, so that a long one holds up nobody. */
export async function writeDocument(document: ChatDocument, sink: Sink): Promise<void> {
  let text = '';
  const flush = () => {
    if (text !== '') sink.text(text);
    text = '';
  };
  const writeMessage = async (key: string | null, message: unknown): Promise<void> => {
    if (isObject(message) && sink.takes?.(key, message, flush)) return;
    text += JSON.stringify(message) ?? 'null';
    if (text.length < PIECE) return;
    flush();
    await setImmediate();
  };
  const writeMembers = async (
    object: JsonObject,
    writeValue: (key: string, value: unknown) => Promise<void> | undefined,
  ): Promise<void> => {
    let before = '{';
    for (const key of Object.keys(object)) {
      const value = object[key];
      if (value === undefined) continue;
      text += `${before}${JSON.stringify(key)}:`;
      before = ',';
      const written = writeValue(key, value);
      if (written) await written;
      else text += JSON.stringify(value);
    }
    text += before === '{' ? '{}' : '}';
  };
  const writeList = async (list: readonly unknown[]): Promise<void> => {
    text += '[';
    for (const [index, message] of list.entries()) {
      if (index > 0) text += ',';
      await writeMessage(null, message);
    }
    text += ']';
  };
  await writeMembers(document, (key, value) => {
    if (key === 'messages' && Array.isArray(value)) return writeList(value);
    if (key !== 'history' || !isObject(value)) return undefined;
    return writeMembers(value, (name, member) =>
      name === 'messages' && isObject(member) ? writeMembers(member, (id, one) => writeMessage(id, one)) : undefined,
    );
  });
  flush();
}

/** Bytes from which reading and writing a document are done in steps between which others have their turn. */
export const LARGE = 1024 * 1024;

/** `parseDocument` in steps. */
export async function readDocument(stored: Buffer): Promise<ChatDocument> {
  if (stored.length < LARGE) return parseDocument(stored);
  await setImmediate();
  const text = stored.toString();
  await setImmediate();
  const document = parseDocument(text);
  await setImmediate();
  return document;
}

/** The document as stored bytes: compact JSON without NUL and lone surrogates, and blanks up to the size `sizeFor` wants. */
export async function encodeBytes(document: ChatDocument, sizeFor: (bytes: number) => number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let clean = true;
  await writeDocument(document, {
    text(text) {
      clean &&= !mayNeedCleaning(text);
      pieces.push(Buffer.from(text));
    },
  });
  const parts = clean ? pieces : [Buffer.from(encodeDocument(document))];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const size = Math.max(length, sizeFor(length));
  if (size > length) parts.push(Buffer.alloc(size - length, ' '));
  if (size >= LARGE) await setImmediate();
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, size);
}

/** Bytes from which a stored document gets room for growth. */
const ROOMY = 256 * 1024;

/**
 * The size for a document in place of one of `before` bytes, on SQLite: it writes only the pages that differ as long as the size stays,
 * so what is added at the end of a long document costs no more than that.
 */
export function roomFor(length: number, before: number): number {
  if (length < ROOMY) return length;
  const roomy = length + Math.max(ROOMY / 4, Math.ceil(length / 16));
  return before >= length && before <= roomy ? before : roomy;
}
