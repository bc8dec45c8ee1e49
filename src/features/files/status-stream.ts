import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';

type Status = { status: string | null; error: string | null } | undefined;

const EVERY_MS = 1_000;
const TIMES = 7_200;

/** Tells by server-sent events how far a file has been read, until that ends (retrieval note, 2.5). */
export function streamStatus(reply: FastifyReply, signal: AbortSignal, look: () => Promise<Status>): FastifyReply {
  const out = new PassThrough();
  const tell = async (): Promise<void> => {
    for (let round = 0; round < TIMES && !signal.aborted; round += 1) {
      const event = eventOf(await look());
      if (event === null) break;
      out.write(`data: ${JSON.stringify(event)}\n\n`);
      if (event.status !== 'pending' && event.status !== 'processing') break;
      await pause(signal);
    }
    out.end();
  };
  tell().catch((error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))));
  return reply.header('cache-control', 'no-cache').type('text/event-stream').send(out);
}

/** Null for rows of old releases, which say nothing. */
function eventOf(found: Status): { status: string; error?: string | null } | null {
  if (!found) return { status: 'not_found' };
  if (found.status === null) return null;
  return found.status === 'failed' ? { status: 'failed', error: found.error } : { status: found.status };
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, EVERY_MS);
    signal.addEventListener('abort', end);
  });
}
