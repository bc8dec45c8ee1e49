import type { Egress } from '../../kernel/egress/index.ts';
import { HttpError, wrapped } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { lookAtPicture } from '../../kernel/pictures.ts';
import type { Files } from '../files/index.ts';
import { PICTURE_BYTES, type Picture } from './engine.ts';

interface InputDeps {
  files: Pick<Files, 'content'>;
  egress: Pick<Egress, 'request'>;
}

const OWN_FILE = /^(?:https?:\/\/[^/?#]+)?\/api\/v1\/files\/([\w-]+)\/content(?:[/?#].*)?$/i;
const TIMEOUT_MS = 60_000;

const unusable = (cause?: unknown) =>
  new HttpError(400, wrapped('Error loading image'), { code: 'image.input', cause });

/** A picture to be changed: a `data:` URL, an address, or a file the user may read (providers note, 13.8). */
export async function loadPicture(
  text: string,
  user: User,
  signal: AbortSignal,
  { files, egress }: InputDeps,
): Promise<Picture> {
  const bytes = await load();
  const facts = await lookAtPicture(bytes);
  if (!facts) throw unusable();
  return { ...facts, bytes };

  async function load(): Promise<Buffer> {
    if (/^data:/i.test(text)) return fromDataUrl(text);
    const id = OWN_FILE.exec(text)?.[1] ?? (/^[\w-]+$/.test(text) ? text : null);
    if (id !== null) {
      const found = await files.content(user, id, PICTURE_BYTES);
      if (!found) throw unusable();
      return found.bytes;
    }
    if (!/^https?:\/\//i.test(text)) throw unusable();
    try {
      const answer = await egress.request(text, { reach: 'user', signal, timeoutMs: TIMEOUT_MS });
      if (answer.status === 200) return await answer.bytes(PICTURE_BYTES);
      answer.discard();
    } catch (error) {
      signal.throwIfAborted();
      throw unusable(error);
    }
    throw unusable();
  }
}

function fromDataUrl(text: string): Buffer {
  const comma = text.indexOf(',');
  if (comma < 0 || !/;base64$/i.test(text.slice(0, comma)) || text.length > PICTURE_BYTES * 1.4) throw unusable();
  return Buffer.from(text.slice(comma + 1), 'base64');
}
