import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';

interface Rhythm {
  everyMs: number;
  /** Looks at most. */
  times: number;
}

/** What one look gives; `last` ends the stream after it, null ends it silently. */
type Look = () => Promise<{ event: unknown; last: boolean } | null>;

/** Answers with server-sent events: one for each look, until the last or until the client goes. Nothing is held between looks. */
export function streamEvents(reply: FastifyReply, signal: AbortSignal, rhythm: Rhythm, look: Look): FastifyReply {
  const out = new PassThrough();
  const tell = async (): Promise<void> => {
    for (let round = 0; round < rhythm.times && !signal.aborted; round += 1) {
      const found = await look();
      if (!found) break;
      out.write(`data: ${JSON.stringify(found.event)}\n\n`);
      if (found.last) break;
      await pause(rhythm.everyMs, signal);
    }
    out.end();
  };
  tell().catch((error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))));
  return reply.header('cache-control', 'no-cache').type('text/event-stream').send(out);
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
