import { HttpError } from '../../kernel/http/errors.ts';
import { isObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';

interface Request {
  method: string;
  headers: Record<string, string>;
  body?: string | Uint8Array;
  signal: AbortSignal;
}

/** How pipelines servers are reached: `fetch`, with the program's TLS and proxy settings. */
export type Fetch = (url: string, init: Request) => Promise<{ status: number; ok: boolean; text(): Promise<string> }>;

export interface Connection {
  idx: number;
  url: string;
  key: string;
}

/** Connections that may be pipelines servers: those to OpenAI-like providers. */
export function connectionsOf(config: Pick<Config, 'get'>): Connection[] {
  const keys = config.get('openai.api_keys');
  return config.get('openai.api_base_urls').map((url, idx) => ({ idx, url, key: keys[idx] ?? '' }));
}

const TIMEOUT_MS = 30_000;

interface Ask {
  method?: string;
  json?: unknown;
  form?: FormData;
  signal: AbortSignal;
}

/**
 * Asks a pipelines server and gives its JSON. Its refusals keep their status and text; no answer is 404 (plugins note, 6).
 */
export async function ask(fetch: Fetch, { url, key }: Connection, path: string, how: Ask): Promise<unknown> {
  let status = 404;
  let text = '';
  try {
    const body = await encode(how);
    const answer = await fetch(`${url}${path}`, {
      method: how.method ?? 'GET',
      headers: {
        authorization: `Bearer ${key}`,
        ...body?.headers,
      },
      ...(body && { body: body.content }),
      signal: AbortSignal.any([how.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    text = await answer.text();
    if (answer.ok) return text === '' ? null : JSON.parse(text);
    status = answer.status;
  } catch (cause) {
    throw new HttpError(404, 'Pipeline not found', { cause });
  }
  throw new HttpError(status, detailOf(text) ?? 'Pipeline not found');
}

async function encode({
  json,
  form,
}: Ask): Promise<{ headers: Record<string, string>; content: string | Uint8Array } | null> {
  if (json !== undefined) return { headers: { 'content-type': 'application/json' }, content: JSON.stringify(json) };
  if (!form) return null;
  const encoded = new Response(form);
  return {
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
    content: new Uint8Array(await encoded.arrayBuffer()),
  };
}

function detailOf(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && typeof value.detail === 'string' ? value.detail : null;
  } catch {
    return null;
  }
}

/** The connections whose model list says that they are pipelines servers. One that does not answer is none. */
export async function findServers(
  fetch: Fetch,
  connections: readonly Connection[],
  signal: AbortSignal,
): Promise<Connection[]> {
  const answers = await Promise.allSettled(
    connections
      .filter(({ url }) => url !== '')
      .map(async (connection) => {
        const models = await ask(fetch, connection, '/models', { signal });
        return isObject(models) && 'pipelines' in models ? connection : null;
      }),
  );
  return answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value ? [answer.value] : []));
}
