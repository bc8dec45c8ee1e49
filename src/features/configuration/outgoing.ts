import { HttpError } from '../../kernel/http/errors.ts';

/** How this feature reaches servers an administrator names: `fetch`, with the program's TLS and proxy settings. */
export type Fetch = (url: string, init: OutgoingRequest) => Promise<OutgoingAnswer>;

export interface OutgoingRequest {
  method: string;
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

export interface OutgoingAnswer {
  status: number;
  ok: boolean;
  text(): Promise<string>;
}

/** Bytes of an answer that are read at most. */
const MAX_TEXT = 20 * 1024 * 1024;

/** Text of an answer. Throws when it is longer than what a description of a server can be. */
export async function readText(answer: OutgoingAnswer): Promise<string> {
  const text = await answer.text();
  if (text.length > MAX_TEXT) throw new Error('the answer is too long');
  return text;
}

interface Call {
  fetch: Fetch;
  url: string;
  method: string;
  token: string | null;
  body?: unknown;
  /** Seconds; null: as long as the caller waits. */
  timeout: number | null;
  signal: AbortSignal;
}

export function call({ fetch, url, method, token, body, timeout, signal }: Call): Promise<OutgoingAnswer> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  return fetch(url, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: timeout === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeout * 1000)]),
  });
}

/** The JSON another server answered; its refusals are passed on, everything else is `failure`. */
export async function passedOn(answer: Promise<OutgoingAnswer>, failure: string): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const got = await answer;
    status = got.status;
    text = await readText(got);
    if (got.ok) return text === '' ? null : JSON.parse(text);
  } catch (cause) {
    throw new HttpError(400, failure, { cause });
  }
  throw new HttpError(status, text);
}
