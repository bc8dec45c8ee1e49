import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  type BrotliCompress,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  type Gzip,
  type ZstdCompress,
} from 'node:zlib';
import type { FastifyReply } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** Packs large answers; null where answers are not compressed. Servers made without it send them as they are. */
    packing?: Packing | null;
  }
}

/** Bytes from which an answer is sent in parts, and packed with care. */
export const LARGE_ANSWER = 256 * 1024;

type Encoding = 'zstd' | 'br' | 'gzip';

/** Packs as fast as it goes: a large text shrinks to a fifth at any level, and the client waits for the last byte. */
const PACKERS: Record<Encoding, () => ZstdCompress | BrotliCompress | Gzip> = {
  zstd: () => createZstdCompress({ chunkSize: CHUNK, params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
  br: () => createBrotliCompress({ chunkSize: CHUNK, params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  gzip: () => createGzip({ chunkSize: CHUNK, level: 1 }),
};
const CHUNK = 128 * 1024;
const ENCODINGS = Object.keys(PACKERS) as Encoding[];

export type Packing = ReturnType<typeof createPacking>;

/** Packs large answers in the thread pool, so few at a time that small requests still get a processor. */
export function createPacking(atOnce = Math.max(1, availableParallelism() - 1)) {
  let running = 0;
  const waiting: (() => void)[] = [];

  return {
    async pack(parts: readonly Buffer[], encoding: Encoding): Promise<Buffer> {
      if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await buffer(Readable.from(parts).pipe(PACKERS[encoding]()));
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running -= 1;
      }
    },
  };
}

/** Sends bytes that lie in several places without joining them. */
export function sendLarge(reply: FastifyReply, parts: readonly Buffer[]): FastifyReply {
  const { packing } = reply.server;
  const encoding = packing && !reply.hasHeader('content-encoding') ? encodingFor(reply) : null;
  if (!packing || encoding === null) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return reply.header('content-length', length).send(Readable.from(parts));
  }
  const vary = [reply.getHeader('vary'), 'accept-encoding'].filter(Boolean).join(', ');
  void packing.pack(parts, encoding).then(
    (packed) => reply.headers({ 'content-encoding': encoding, vary }).send(packed),
    (error: Error) => reply.send(error),
  );
  return reply;
}

function encodingFor({ request }: FastifyReply): Encoding | null {
  const { 'accept-encoding': accepted, 'x-no-compression': refused } = request.headers;
  if (typeof accepted !== 'string' || refused !== undefined) return null;
  const offered = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const quality = parameters.find((one) => one.startsWith('q='));
    offered.set(name, quality === undefined ? 1 : Number(quality.slice(2)));
  }
  return ENCODINGS.find((encoding) => (offered.get(encoding) ?? offered.get('*') ?? 0) > 0) ?? null;
}
