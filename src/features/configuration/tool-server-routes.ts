import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Credential } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import type { Static } from '../../kernel/http/shapes.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { type Config, pluginsEnabled, type Settings } from '../../kernel/settings/index.ts';
import { announce, type EventSink } from './events.ts';
import { call, type Fetch, readText } from './outgoing.ts';
import * as shapes from './shapes.ts';

export interface ToolServerRouteDeps {
  settings: Settings;
  config: Config;
  events: EventSink;
  fetch: Fetch;
}

type Connection = Static<typeof shapes.ToolServerConnection>;

const BASE = '/api/v1/configs/tool_servers';

/** Tool servers: their list and a trial of one (configuration note, 3.4). */
export function toolServerRoutes(deps: ToolServerRouteDeps): Route[] {
  const { settings, config, events } = deps;
  const stored = () => ({
    TOOL_SERVER_CONNECTIONS: config.get('tool_server.connections').map(presentConnection),
  });
  return [
    route({ method: 'GET', url: BASE, access: admin, handler: stored }),
    route({
      method: 'POST',
      url: BASE,
      access: admin,
      body: shapes.ToolServersConfigForm,
      handler: async ({ body, user }) => {
        const list = body.TOOL_SERVER_CONNECTIONS;
        await config.set({ 'tool_server.connections': list });
        const types = list.map(({ type }) => type);
        announce(events, 'config.tool_servers.updated', user, 'tool_server.connections', { count: list.length, types });
        return stored();
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/verify`,
      access: admin,
      body: shapes.ToolServerConnection,
      handler: ({ body, credential, signal }) => {
        if (!pluginsEnabled(settings, 'TOOL_SERVERS')) throw new HttpError(403, 'Tool servers are disabled');
        const timeout = settings.get('AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA');
        const trial: Trial = { connection: body, fetch: deps.fetch, timeout, signal, token: tokenOf(body, credential) };
        if (body.type !== 'mcp') return openApiSpec(trial);
        if (body.auth_type === 'oauth_2.1' || body.auth_type === 'oauth_2.1_static') return discover(trial);
        // Listing an MCP server's tools needs the tool runtime.
        throw new HttpError(400, 'Failed to create MCP client');
      },
    }),
  ];
}

/** A stored connection may be of any age: what it lacks is null or its default. */
function presentConnection(stored: Readonly<Record<string, unknown>>) {
  return {
    url: '',
    path: '',
    type: 'openapi',
    auth_type: null,
    forward_cookies: false,
    headers: null,
    key: null,
    config: null,
    info: null,
    ...stored,
  };
}

interface Trial {
  connection: Connection;
  fetch: Fetch;
  /** Seconds; null: no limit. */
  timeout: number | null;
  signal: AbortSignal;
  token: string | null;
}

/** The key, or the caller's own session. */
function tokenOf(connection: Connection, credential: Credential | null): string | null {
  if (connection.auth_type === 'bearer') return connection.key;
  return connection.auth_type === 'session' ? (credential?.token ?? null) : null;
}

async function openApiSpec(trial: Trial): Promise<JsonObject> {
  const { url, path } = trial.connection;
  const address = path.includes('://') ? path : `${url.replace(/\/+$/, '')}/${path.replace(/^\//, '')}`;
  try {
    const answer = await call({ ...trial, url: address, method: 'GET' });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const text = await readText(answer);
    const spec = await documentOf(text, /\.ya?ml$/i.test(address));
    if (!isObject(spec)) throw new Error('the answer is no OpenAPI document');
    return spec;
  } catch (cause) {
    throw new HttpError(400, 'Failed to connect to the tool server', { cause });
  }
}

async function documentOf(text: string, isYaml: boolean): Promise<unknown> {
  if (!isYaml) {
    try {
      return JSON.parse(text);
    } catch {
      // It may be YAML all the same.
    }
  }
  const { parse } = await import('yaml');
  return parse(text);
}

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

async function discover(trial: Trial): Promise<unknown> {
  const { connection } = trial;
  const given = connection.info?.oauth_server_url;
  const server = typeof given === 'string' && given !== '' ? given : connection.url;
  if (!URL.canParse(server)) throw new HttpError(400, `Failed to fetch OAuth 2.1 discovery document from []`);
  const urls = discoveryUrls(server);
  for (const url of urls) {
    const text = await discoveryText(trial, url);
    if (text === null) continue;
    const metadata = metadataOf(text);
    if (!metadata) throw new HttpError(400, `Failed to parse OAuth 2.1 discovery document from ${url}`);
    return { status: true, oauth_server_metadata: metadata };
  }
  const list = `[${urls.map((url) => `'${url}'`).join(', ')}]`;
  throw new HttpError(400, `Failed to fetch OAuth 2.1 discovery document from ${list}`);
}

/** Null: this address has none, the next may. */
async function discoveryText(trial: Trial, url: string): Promise<string | null> {
  try {
    const answer = await call({ ...trial, token: null, url, method: 'GET' });
    const text = await readText(answer);
    return answer.status === 200 ? text : null;
  } catch (error) {
    if (trial.signal.aborted) throw error;
    return null;
  }
}

function metadataOf(text: string): JsonObject | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const needed = ['issuer', 'authorization_endpoint', 'token_endpoint'];
  return isObject(value) && needed.every((name) => typeof (value as JsonObject)[name] === 'string') ? value : null;
}
