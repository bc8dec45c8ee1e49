import type { Egress } from '../../kernel/egress/index.ts';

/** A `fetch` for libraries that goes through the program's way out. */
export type Fetch = (url: string, options: FetchOptions) => Promise<Response>;

interface FetchOptions {
  method?: string;
  headers?: Headers | Record<string, string> | undefined;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** No answer of a provider is longer. */
const LIMIT = 1024 * 1024;
/** Answers with these have no body. */
const BODILESS = new Set([101, 204, 205, 304]);

/** Requests to an identity provider: bounded in time and size, redirects not followed. */
export function fetchThrough(egress: Pick<Egress, 'request'>, timeoutMs: number): Fetch {
  return async (url, { method = 'GET', headers, body, signal }) => {
    const incoming = await egress.request(url, {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      ...(body !== undefined && body !== null && { body: bodyText(body) }),
      ...(signal && { signal }),
      timeoutMs,
      redirects: false,
    });
    const bytes = await incoming.bytes(LIMIT);
    return new Response(BODILESS.has(incoming.status) ? null : new Uint8Array(bytes), {
      status: incoming.status,
      headers: incoming.headers,
    });
  };
}

function bodyText(body: unknown): string {
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('a request to an identity provider has a form or a text as its body');
}
