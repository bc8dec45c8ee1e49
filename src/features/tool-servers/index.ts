import type { Database } from '../../kernel/database/index.ts';
import type { Egress } from '../../kernel/egress/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import { type Config, pluginsEnabled, type Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { type Access, listGroups } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Call } from '../providers/index.ts';
import { createStoredTokens, type Flows, providersOf, type TokenRenewer } from '../single-sign-on/index.ts';
import { configRoutes } from './config-routes.ts';
import { createToolHeaders } from './headers.ts';
import { createMcpConnect } from './mcp/connect.ts';
import { egressFetch } from './mcp/fetch.ts';
import { rememberListings } from './mcp/remembered.ts';
import { createClientInfoBox } from './oauth/client-info.ts';
import { type Clients, createClients, SESSION_PREFIX, sessionName } from './oauth/clients.ts';
import { namedFetch } from './oauth/named-fetch.ts';
import { oauthRoutes } from './oauth/routes.ts';
import { createCatalogue } from './openapi/catalogue.ts';
import type { presentServer } from './present.ts';
import { specRoutes } from './spec-routes.ts';
import { type AskedTools, documented, listServers, type OpenedTools, openTools } from './tool-servers.ts';

export { reachableConnections } from './connections.ts';
export { type ServerTool, toolName } from './server-tools.ts';
export type { AskedTools, OpenedTools } from './tool-servers.ts';

/** Servers whose functions models may call: described by OpenAPI, or speaking the Model Context Protocol (plugins note, 5). */
export interface ToolServers {
  routes: Route[];
  /** Those the user may use, as items of the list of tools. */
  list(user: User): Promise<ReturnType<typeof presentServer>[]>;
  /** Opens what a turn asks for. Throws only the reason of the call's signal. */
  open(asked: AskedTools): Promise<OpenedTools>;
  /** Reads the documents of all servers in the background. */
  start(): void;
  close(): void;
}

export interface ToolServersOptions {
  database: Database;
  settings: Settings;
  config: Config;
  access: Pick<Access, 'groupIds'>;
  egress: Pick<Egress, 'request' | 'guard'>;
  events: EventSink;
  log: Log;
  /** Sign-ins under way in a browser. */
  flows: Flows;
  findUser(id: string): Promise<User | null>;
  /** The access token the caller's identity provider gave; null: none. */
  systemToken(call: Call): Promise<string | null>;
  /** As which program this one presents itself to servers. */
  client: { name: string; version: string };
}

const SIGN_IN_SECONDS = 15;

/** Milliseconds for one request of an authorization server; what the site has not set is not without end. */
function signInMs(setting: string): number {
  const seconds = Number(setting);
  return 1_000 * (seconds > 0 ? seconds : SIGN_IN_SECONDS);
}

export function createToolServers(options: ToolServersOptions): ToolServers {
  const { database, settings, config, access, egress, events, log } = options;
  const documents = { egress, timeout: settings.get('AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA') };
  const catalogue = createCatalogue({ ...documents, log });
  const signInTime = () => signInMs(config.get('oauth.client.timeout'));
  const fetchFor = (connected: readonly (string | null)[]) => namedFetch(egress, connected, signInTime);
  const box = createClientInfoBox(settings);
  const clients = createClients({ config, box, fetchFor });
  const tokens = createStoredTokens({ database, settings, config, log, client: (name) => renewerOf(clients, name) });
  const headers = createToolHeaders({
    settings,
    systemToken: options.systemToken,
    serverToken: async (connection, userId) => (await tokens.of(userId, sessionName(connection)))?.access_token ?? null,
    async groups(userId) {
      const ids = [...(await access.groupIds(userId))];
      return { ids, names: (await listGroups(database.db, ids)).map(({ name }) => name) };
    },
  });
  const timeout = settings.get('AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER');
  const connect = createMcpConnect({
    egress,
    headers,
    client: options.client,
    initializeTimeout: settings.get('MCP_INITIALIZE_TIMEOUT'),
    callTimeout: timeout,
  });
  const remembered = rememberListings(connect, headers);
  const deps = {
    settings,
    config,
    access,
    log,
    catalogue,
    connect,
    calls: { egress, headers, timeout },
    signedIn: (userId: string) => signedIn(database, userId),
  };
  const enabled = () => pluginsEnabled(settings, 'TOOL_SERVERS');
  const refresh = async () => {
    remembered.forget();
    await catalogue.refresh(enabled() ? documented(config) : []);
  };
  const stop = config.onChange((keys) => {
    if (keys.has('tool_server.connections')) void refresh();
  });
  return {
    routes: [
      ...configRoutes({
        settings,
        config,
        events,
        documents,
        headers,
        connect,
        fetch: egressFetch(egress, signInTime),
        stored: refresh,
      }),
      ...specRoutes(deps),
      ...oauthRoutes({
        ...deps,
        database,
        fetchFor,
        box,
        clients,
        flows: options.flows,
        tokens,
        findUser: options.findUser,
        clientName: options.client.name,
      }),
    ],
    list: (user) => listServers(deps, user),
    open: (asked) => openTools({ ...deps, connect: remembered.connect }, asked),
    start: () => void refresh(),
    close: stop,
  };
}

/** Ids of the MCP servers with whose authorization server the user has a session. */
async function signedIn({ db }: Database, userId: string): Promise<ReadonlySet<string>> {
  const names = await providersOf(db, userId, SESSION_PREFIX);
  return new Set(names.map((name) => name.slice(SESSION_PREFIX.length)));
}

async function renewerOf(clients: Clients, name: string): Promise<TokenRenewer | null> {
  const authorization = (await clients.find(name))?.authorization;
  if (!authorization) return null;
  return {
    provider: { scope: '' },
    refresh: async (refreshToken) => ({ tokens: await authorization.refresh(refreshToken) }),
  };
}
