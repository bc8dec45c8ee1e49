import type { FastifyReply } from 'fastify';
import { streamEvents } from '../../kernel/http/event-stream.ts';

type Status = { status: string | null; error: string | null } | undefined;

const RHYTHM = { everyMs: 1_000, times: 7_200 };

/** Tells by server-sent events how far a file has been read, until that ends (retrieval note, 2.5). */
export function streamStatus(reply: FastifyReply, signal: AbortSignal, look: () => Promise<Status>): FastifyReply {
  return streamEvents(reply, signal, RHYTHM, async () => eventOf(await look()));
}

/** Null for rows of old releases, which say nothing. */
function eventOf(found: Status) {
  if (!found) return { event: { status: 'not_found' }, last: true };
  const { status, error } = found;
  if (status === null) return null;
  if (status === 'failed') return { event: { status, error }, last: true };
  return { event: { status }, last: status !== 'pending' && status !== 'processing' };
}
