import { pipeline, Readable, Transform } from 'node:stream';
import { redactQuery, redactText } from './redact.ts';

const TEXT = /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|javascript|x-ndjson)\b)/i;
const FORM = /^application\/x-www-form-urlencoded\b/i;

/** What may be written down of a body: its first bytes as text, without secrets; null where there is none. */
export function bodyText(body: unknown, contentType: string | undefined, limit: number): string | null {
  const type = contentType ?? '';
  if (/^multipart\//i.test(type)) return '[multipart form]';
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.isBuffer(body) ? body : null;
  if (!bytes || bytes.length === 0) return null;
  if (type !== '' && !TEXT.test(type) && !FORM.test(type)) return `[${bytes.length} bytes of ${type.slice(0, 100)}]`;
  const text = bytes.subarray(0, limit).toString('utf8');
  return FORM.test(type) ? redactQuery(text) : redactText(text);
}

/** An answer on its way, and what may be written down of it once it has gone. Nothing is held but its first bytes. */
export function catchStream(
  payload: unknown,
  contentType: string,
  limit: number,
): { payload: unknown; text: () => string | null } {
  if (!(payload instanceof Readable)) return { payload, text: () => bodyText(payload, contentType, limit) };
  const first: Buffer[] = [];
  let held = 0;
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (held < limit) {
        const part = Buffer.from(chunk.subarray(0, limit - held));
        held += part.length;
        first.push(part);
      }
      done(null, chunk);
    },
  });
  // A failure of either ends the other; the reply reports it.
  pipeline(payload, tap, () => {});
  return { payload: tap, text: () => bodyText(Buffer.concat(first), contentType, limit) };
}
