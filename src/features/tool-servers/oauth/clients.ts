import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import { allServers, needsSignIn, type ServerConnection } from '../connections.ts';
import type { FetchLike } from '../mcp/fetch.ts';
import { type Authorization, createAuthorization } from './authorization.ts';
import type { ClientInfo, ClientInfoBox } from './client-info.ts';
import { discover, type ServerMetadata } from './discovery.ts';
import { type Registration, register } from './registration.ts';

/** A connection at whose authorization server this program is a client. */
export interface Client {
  connection: ServerConnection;
  info: ClientInfo;
  /** Asks its servers. */
  fetch: FetchLike;
  /** Null: the server does not tell how people sign in. */
  authorization: Authorization | null;
}

/** The authorization servers of connected MCP servers. */
export interface Clients {
  /** `mcp:{id}`; null for what is not connected, or not registered. */
  find(key: string): Promise<Client | null>;
  /** Registers anew with what the connection says, and keeps that. Throws with a text for the log. */
  registerAgain(client: Client, how: Pick<Registration, 'clientName' | 'redirectUri'>): Promise<Client | null>;
}

/** Requests about a server and whom it names; `connected`: addresses an administrator gave. */
export type FetchFor = (connected: readonly (string | null)[]) => FetchLike;

export interface ClientsDeps {
  config: Pick<Config, 'get' | 'set'>;
  box: ClientInfoBox;
  fetchFor: FetchFor;
}

/** How a session with a connection's authorization server is named. */
export const sessionName = ({ id }: ServerConnection): string => `${SESSION_PREFIX}${id}`;
export const SESSION_PREFIX = 'mcp:';

/** What was found out about servers whose registration does not say it. */
const MOST_FOUND = 200;
const SECONDS = 30;

export function createClients({ config, box, fetchFor }: ClientsDeps): Clients {
  const found = new Map<string, Promise<ServerMetadata>>();

  const connectionOf = (key: string) =>
    allServers(config).find(
      (one) => one.type === 'mcp' && one.isNamed && one.enabled && needsSignIn(one) && sessionName(one) === key,
    ) ?? null;

  /** Older registrations do not hold it. */
  function findMetadata({ url, info }: ServerConnection): Promise<ServerMetadata> {
    const server = typeof info.oauth_server_url === 'string' ? info.oauth_server_url : '';
    const key = `${url} ${server}`;
    const known = found.get(key);
    if (known) return known;
    if (found.size >= MOST_FOUND) found.clear();
    const signal = AbortSignal.timeout(SECONDS * 1_000);
    const fetch = fetchFor([url, server]);
    const looked = discover(url, { fetch, signal, ...(server !== '' && { authorizationServer: server }) }).then(
      ({ metadata }) => metadata,
    );
    looked.catch(() => found.delete(key));
    found.set(key, looked);
    return looked;
  }

  const fetchOf = ({ url, info }: ServerConnection) => fetchFor([url, textOf(info.oauth_server_url)]);

  async function clientOf(connection: ServerConnection): Promise<Client | null> {
    const info = box.open(connection);
    if (!info) return null;
    const metadata = info.metadata ?? (await findMetadata(connection).catch(() => null));
    const fetch = fetchOf(connection);
    return { connection, info, fetch, authorization: metadata && createAuthorization(info, metadata, fetch) };
  }

  return {
    async find(key) {
      const connection = connectionOf(key);
      return connection && clientOf(connection);
    },
    async registerAgain({ connection, info }, how) {
      const { info: form, authType } = connection;
      const isStatic = authType === 'oauth_2.1_static';
      const registered = await register(
        {
          ...how,
          url: connection.url,
          authorizationServer: textOf(form.oauth_server_url) || null,
          scope: textOf(form.oauth_scope) || null,
          known: isStatic ? { clientId: info.clientId, clientSecret: info.clientSecret ?? '' } : null,
        },
        fetchOf(connection),
        AbortSignal.timeout(SECONDS * 1_000),
      );
      const sealed = box.seal(registered);
      await config.set({
        'tool_server.connections': config
          .get('tool_server.connections')
          .map((stored) => (stored === connection.stored ? withClientInfo(stored, sealed) : stored)),
      });
      const now = connectionOf(sessionName(connection));
      return now && clientOf(now);
    },
  };
}

function withClientInfo(stored: Readonly<JsonObject>, sealed: string): JsonObject {
  return { ...stored, info: { ...(isObject(stored.info) ? stored.info : {}), oauth_client_info: sealed } };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
