import { compose, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Dispatcher } from 'undici';

/** An answer whose head is there; its body is read once, or discarded. */
export interface Incoming {
  status: number;
  ok: boolean;
  /** Names in lower case; several values of one name are joined. */
  headers: Record<string, string>;
  /** Decoded (`content-encoding` is gone from the headers then). */
  body: Readable;
  /** The whole body. Throws BodyTooLarge past `limit` bytes (default 32 MiB). */
  bytes(limit?: number): Promise<Buffer>;
  text(limit?: number): Promise<string>;
  /** Throws SyntaxError for what is no JSON. */
  json(limit?: number): Promise<unknown>;
  /** Gives the connection back without reading on. */
  discard(): void;
}

/** More was sent than is read. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

const LIMIT = 32 * 1024 * 1024;

const decoders: Record<string, () => NodeJS.ReadWriteStream> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

export function createIncoming(answer: Dispatcher.ResponseData): Incoming {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  let body: Readable = answer.body;
  const decoder = decoders[headers['content-encoding'] ?? ''];
  if (decoder) {
    body = compose(answer.body, decoder()) as Readable;
    delete headers['content-encoding'];
    delete headers['content-length'];
  }
  const bytes = (limit = LIMIT) => collect(body, limit);
  const text = async (limit?: number) => (await bytes(limit)).toString('utf8');
  return {
    status: answer.statusCode,
    ok: answer.statusCode >= 200 && answer.statusCode < 300,
    headers,
    body,
    bytes,
    text,
    json: async (limit) => JSON.parse(await text(limit)) as unknown,
    discard() {
      body.on('error', () => {});
      body.destroy();
    },
  };
}

async function collect(body: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new BodyTooLarge(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size);
}
