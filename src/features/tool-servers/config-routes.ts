import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { type Config, pluginsEnabled, type Settings } from '../../kernel/settings/index.ts';
import { announce, type EventSink } from '../configuration/index.ts';
import type { Call } from '../providers/index.ts';
import { needsSignIn, readConnection, type ServerConnection } from './connections.ts';
import type { ToolHeaders } from './headers.ts';
import type { McpConnect } from './mcp/connect.ts';
import type { FetchLike } from './mcp/fetch.ts';
import { discoverForTrial } from './oauth/discovery.ts';
import { type DocumentDeps, fetchDocument } from './openapi/document.ts';
import * as shapes from './shapes.ts';

export interface ConfigRouteDeps {
  settings: Settings;
  config: Config;
  events: EventSink;
  documents: DocumentDeps;
  headers: ToolHeaders;
  connect: McpConnect;
  /** For the addresses of authorization servers. */
  fetch: FetchLike;
  /** What was stored is in use from now on. */
  stored(): Promise<void>;
}

const BASE = '/api/v1/configs/tool_servers';

/** Tool servers: their list and a trial of one (configuration note, 3.4). */
export function configRoutes(deps: ConfigRouteDeps): Route[] {
  const { settings, config, events } = deps;
  const stored = () => ({ TOOL_SERVER_CONNECTIONS: config.get('tool_server.connections').map(presentConnection) });
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
        await deps.stored();
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
      handler: ({ body, user, credential, request, signal }) => {
        if (!pluginsEnabled(settings, 'TOOL_SERVERS')) throw new HttpError(403, 'Tool servers are disabled');
        const { cookie, 'user-agent': userAgent } = request.headers;
        const call = { user, signal, metadata: {}, caller: { credential, cookie, userAgent } };
        const connection = readConnection(body);
        if (connection.type === 'openapi') return tryOpenApi(deps, connection, call);
        if (!needsSignIn(connection)) return tryMcp(deps, connection, call);
        return discoverForTrial(connection, deps.fetch, signal);
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

async function tryOpenApi({ documents, headers }: ConfigRouteDeps, connection: ServerConnection, call: Call) {
  try {
    return await fetchDocument(documents, connection, await headers(connection, call), call.signal);
  } catch (cause) {
    throw new HttpError(400, 'Failed to connect to the tool server', { cause });
  }
}

async function tryMcp({ connect }: ConfigRouteDeps, connection: ServerConnection, call: Call) {
  try {
    const session = await connect(connection, call, null);
    const specs = session.tools.map(({ name, description, parameters }) => ({ name, description, parameters }));
    await session.close();
    return { status: true, specs };
  } catch (cause) {
    throw new HttpError(400, 'Failed to create MCP client', { cause });
  }
}
