import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { ServerConnection } from '../connections.ts';
import type { FetchLike } from '../mcp/fetch.ts';

/** How an authorization server describes itself (RFC 8414), as far as it is used; the rest is kept. */
export interface ServerMetadata extends JsonObject {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
}

/** Where a user of a tool server signs in. */
export interface Discovered {
  metadata: ServerMetadata;
  /** Address the metadata were read from; null: guessed from the server's own. */
  metadataUrl: string | null;
  /** What tokens are for (RFC 8707). */
  resource: string | null;
  /** Scopes the tool server wants; empty: it does not say. */
  scopes: string[];
}

const TIMEOUT_MS = 15_000;
const LONGEST = 1024 * 1024;

/** Where an authorization server describes itself: below its path first, then at its root. */
export function discoveryUrls(server: string): string[] {
  const { origin, pathname } = new URL(server);
  const path = pathname.replace(/\/+$/, '');
  const names = ['oauth-authorization-server', 'openid-configuration'];
  const urls = names.map((name) => `${origin}/.well-known/${name}${path}`);
  if (path !== '') {
    urls.push(`${origin}${path}/.well-known/openid-configuration`);
    urls.push(...names.map((name) => `${origin}/.well-known/${name}`));
  }
  return urls;
}

/** The metadata for the form in which an administrator tries a connection; 400 with what was wrong. */
export async function discoverForTrial({ info, url: own }: ServerConnection, fetch: FetchLike, signal: AbortSignal) {
  const given = info.oauth_server_url;
  const server = typeof given === 'string' && given !== '' ? given : own;
  if (!URL.canParse(server)) throw new HttpError(400, `Failed to fetch OAuth 2.1 discovery document from []`);
  const urls = discoveryUrls(server);
  for (const url of urls) {
    const found = await fetchJson(fetch, url, signal);
    if (found === null) continue;
    const metadata = readMetadata(found);
    if (!metadata) throw new HttpError(400, `Failed to parse OAuth 2.1 discovery document from ${url}`);
    return { status: true, oauth_server_metadata: metadata };
  }
  const list = `[${urls.map((url) => `'${url}'`).join(', ')}]`;
  throw new HttpError(400, `Failed to fetch OAuth 2.1 discovery document from ${list}`);
}

/** Finds out where users of a tool server sign in (plugins note, 5.7). Throws with a text for people. */
export async function discover(
  server: string,
  { fetch, signal, authorizationServer }: { fetch: FetchLike; signal: AbortSignal; authorizationServer?: string },
): Promise<Discovered> {
  const resource = await resourceOf(server, fetch, signal);
  const named = [...(authorizationServer ? [authorizationServer] : []), ...texts(resource.authorization_servers)];
  const facts = {
    resource: typeof resource.resource === 'string' ? resource.resource : null,
    scopes: texts(resource.scopes_supported),
  };
  const candidates = [...named, server].filter((one) => URL.canParse(one));
  for (const url of new Set(candidates.flatMap(discoveryUrls))) {
    const metadata = readMetadata(await fetchJson(fetch, url, signal));
    if (metadata) return { metadata, metadataUrl: url, ...facts };
  }
  if (named.length > 0) throw new Error('The metadata of the authorization server could not be read.');
  const { origin } = new URL(server);
  const guessed = {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
  };
  return { metadata: guessed, metadataUrl: null, ...facts };
}

/** What the tool server says of its own protection (RFC 9728); empty when it says nothing. */
async function resourceOf(server: string, fetch: FetchLike, signal: AbortSignal): Promise<JsonObject> {
  const { origin, pathname } = new URL(server);
  const path = pathname.replace(/\/+$/, '');
  const well = `${origin}/.well-known/oauth-protected-resource`;
  const named = await namedByRefusal(server, fetch, signal);
  for (const url of new Set([...(named ? [named] : []), `${well}${path}`, well])) {
    const found = await fetchJson(fetch, url, signal);
    if (isObject(found)) return found;
  }
  return {};
}

const HELLO = JSON.stringify({ jsonrpc: '2.0', method: 'initialize', params: {}, id: 1 });

/** The address a refusal names in `WWW-Authenticate`. */
async function namedByRefusal(server: string, fetch: FetchLike, signal: AbortSignal): Promise<string | null> {
  try {
    const answer = await fetch(server, {
      method: 'POST',
      body: HELLO,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      signal: limited(signal),
    });
    await answer.body?.cancel();
    const named = /resource_metadata\s*=\s*"?([^",\s]+)/i.exec(answer.headers.get('www-authenticate') ?? '')?.[1];
    return named !== undefined && URL.canParse(named) ? named : null;
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  }
}

/** JSON at an address, or its text where it is none; null: nothing is there. */
async function fetchJson(fetch: FetchLike, url: string, signal: AbortSignal): Promise<unknown> {
  try {
    const answer = await fetch(url, { headers: { accept: 'application/json' }, signal: limited(signal) });
    const text = (await answer.text()).slice(0, LONGEST);
    if (answer.status !== 200) return null;
    return parsed(text);
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  }
}

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function readMetadata(value: unknown): ServerMetadata | null {
  if (!isObject(value)) return null;
  const needed = ['issuer', 'authorization_endpoint', 'token_endpoint'];
  return needed.every((name) => typeof value[name] === 'string') ? (value as ServerMetadata) : null;
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string' && one !== '') : [];
}
