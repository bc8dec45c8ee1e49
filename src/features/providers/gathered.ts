import type { Readable } from 'node:stream';

/** Bytes of one read after which there is more to do than to wait for. */
const PLENTY = 16 * 1024;

/** The bytes of a stream; between two reads `rest` is waited for, and what came meanwhile is one piece. Buffers stay bounded: the far end is held back. */
export function gathered(body: Readable, rest: (() => Promise<void>) | undefined): AsyncIterable<Buffer> {
  return rest ? withRests(body, rest) : body;
}

async function* withRests(body: Readable, rest: () => Promise<void>): AsyncGenerator<Buffer> {
  for await (const first of body as AsyncIterable<Buffer>) {
    const waiting = body.readableLength;
    // Iterating gives one network chunk at a time, however many are there.
    const more = waiting > 0 ? (body.read(waiting) as Buffer | null) : null;
    const bytes = more ? Buffer.concat([first, more]) : first;
    yield bytes;
    if (bytes.length < PLENTY) await rest();
  }
}
