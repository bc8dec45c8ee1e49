import { Readable, Transform } from 'node:stream';
import type { Egress } from '../../../kernel/egress/index.ts';

/** What a client library takes for `fetch`. */
export type FetchLike = (url: string | URL, init?: RequestInit) => Promise<Response>;

const MOST_BYTES = 32 * 1024 * 1024;
/** Between two reads of an answer; a stream of events may be silent for long. */
const IDLE_MS = 300_000;
const WITHOUT_BODY = new Set([101, 103, 204, 205, 304]);

/** The way out of the program as `fetch`: redirects are not followed, and no answer is read past its limit. `timeoutMs`: for each request. */
export function egressFetch(
  egress: Pick<Egress, 'request'>,
  timeoutMs: () => number | null = () => null,
  reach: 'tool-server' | 'user' = 'tool-server',
): FetchLike {
  return async (url, init = {}) => {
    const { method = 'GET', body, signal } = init;
    if (body !== undefined && body !== null && typeof body !== 'string' && !(body instanceof URLSearchParams)) {
      throw new TypeError('Only texts can be sent.');
    }
    const headers = new Headers(init.headers);
    if (body instanceof URLSearchParams && !headers.has('content-type')) {
      headers.set('content-type', 'application/x-www-form-urlencoded');
    }
    const answer = await egress.request(String(url), {
      method,
      headers: Object.fromEntries(headers),
      reach,
      redirects: false,
      timeoutMs: timeoutMs(),
      idleMs: IDLE_MS,
      ...(body !== undefined && body !== null && { body: String(body) }),
      ...(signal && { signal }),
    });
    const { status } = answer;
    if (WITHOUT_BODY.has(status)) {
      answer.discard();
      return new Response(null, { status, headers: answer.headers });
    }
    const limited = answer.body.compose(limit(MOST_BYTES));
    // A body nobody reads to its end (a stopped stream) must not end the process.
    limited.on('error', () => {});
    return new Response(Readable.toWeb(limited as Readable) as ReadableStream<Uint8Array>, {
      status,
      headers: answer.headers,
    });
  };
}

function limit(mostBytes: number): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > mostBytes) done(new Error(`The server's answer is longer than ${mostBytes} bytes.`));
      else done(null, chunk);
    },
  });
}
