import type { Egress } from '../../../kernel/egress/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { ServerConnection } from '../connections.ts';

export interface DocumentDeps {
  egress: Pick<Egress, 'request'>;
  /** Seconds for the whole document; null: no limit. */
  timeout: number | null;
}

const MEGABYTE = 1024 * 1024;
const MOST_BYTES = 16 * MEGABYTE;
/** YAML is read many times slower than JSON. */
const MOST_YAML = 2 * MEGABYTE;

/** Where the description of a server is. */
export function documentUrl({ url, path }: Pick<ServerConnection, 'url' | 'path'>): string {
  if (path.includes('://')) return path;
  return `${url}/${(path || 'openapi.json').replace(/^\/+/, '')}`;
}

/** The OpenAPI document of a server. Throws what went wrong, the text of it for people. */
export async function fetchDocument(
  { egress, timeout }: DocumentDeps,
  connection: ServerConnection,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<JsonObject> {
  if (connection.inlineSpec !== null) return parseDocument(connection.inlineSpec, false);
  const url = documentUrl(connection);
  const answer = await egress.request(url, {
    reach: 'tool-server',
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    timeoutMs: timeout === null ? null : timeout * 1_000,
    ...(signal && { signal }),
  });
  if (!answer.ok) {
    answer.discard();
    throw new Error(`The server answered ${answer.status}.`);
  }
  return parseDocument(await answer.text(MOST_BYTES), /\.ya?ml$/i.test(url));
}

/** JSON, or else YAML; `isYaml`: YAML at once. Throws for what is neither. */
export async function parseDocument(text: string, isYaml: boolean): Promise<JsonObject> {
  const value = isYaml ? await parseYaml(text) : await parseEither(text);
  if (!isObject(value)) throw new Error('The document is no object.');
  return value;
}

async function parseEither(text: string): Promise<unknown> {
  try {
    return JSON.parse(text);
  } catch {
    return parseYaml(text);
  }
}

async function parseYaml(text: string): Promise<unknown> {
  // Pages of a site would be read as YAML for a long time, and fail.
  if (/^\s*</.test(text)) throw new Error('The document is a web page.');
  if (text.length > MOST_YAML) throw new Error('The document is too long.');
  const { parse } = await import('yaml');
  return parse(text);
}
