import { createFernet, fernetKeyOf } from '../../../kernel/fernet.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Settings } from '../../../kernel/settings/index.ts';
import type { ServerConnection } from '../connections.ts';
import { type Discovered, readMetadata, type ServerMetadata, texts } from './discovery.ts';

/** This program as a client of a tool server's authorization server; kept encrypted in the connection (plugins note, 5.7). */
export interface ClientInfo {
  clientId: string;
  clientSecret: string | null;
  redirectUris: string[];
  scope: string;
  /** How token requests prove the client. */
  authMethod: string;
  /** What tokens are for (RFC 8707); null: nobody said. */
  resource: string | null;
  resourceMode: 'auto' | 'include' | 'omit';
  metadata: ServerMetadata | null;
  /** As stored, with what is not used here. */
  stored: JsonObject;
}

/** Encrypts and reads what is kept of registrations. */
export interface ClientInfoBox {
  seal(info: JsonObject): string;
  /** Null where there is none, or no key of ours opens it. */
  open(connection: ServerConnection): ClientInfo | null;
}

export function createClientInfoBox(settings: Settings): ClientInfoBox {
  const own = settings.isSet('OAUTH_CLIENT_INFO_ENCRYPTION_KEY');
  const keys = own ? [settings.get('OAUTH_CLIENT_INFO_ENCRYPTION_KEY')] : settings.secretKeys;
  const fernets = keys.map((key) => createFernet(fernetKeyOf(key)));
  const [first] = fernets;
  if (!first) throw new Error('there is no key to encrypt with');
  return {
    seal: (info) => first.encrypt(JSON.stringify(info)),
    open(connection) {
      const sealed = connection.info.oauth_client_info;
      if (typeof sealed !== 'string' || sealed === '') return null;
      for (const fernet of fernets) {
        const text = fernet.decrypt(sealed);
        if (text !== null) return readClientInfo(text, connection);
      }
      return null;
    },
  };
}

/** The connection's own settings count over what was registered. */
function readClientInfo(text: string, { info, authType }: ServerConnection): ClientInfo | null {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(stored)) return null;
  const isStatic = authType === 'oauth_2.1_static';
  const clientId = (isStatic && textOf(info.oauth_client_id)) || textOf(stored.client_id);
  if (clientId === '') return null;
  const mode = textOf(info.oauth_resource_parameter) || textOf(stored.oauth_resource_parameter);
  return {
    clientId,
    clientSecret: (isStatic && textOf(info.oauth_client_secret)) || textOf(stored.client_secret) || null,
    redirectUris: texts(stored.redirect_uris),
    scope: scopeText(info.oauth_scope) || textOf(stored.scope),
    authMethod: textOf(stored.token_endpoint_auth_method) || 'client_secret_post',
    resource: textOf(stored.resource) || null,
    resourceMode: mode === 'include' || mode === 'omit' ? mode : 'auto',
    metadata: readMetadata(stored.server_metadata),
    stored,
  };
}

export interface NewClient {
  clientId: string;
  clientSecret: string | null;
  name: string;
  redirectUri: string;
  scope: string;
  authMethod: string;
  discovered: Discovered;
  /** The rest of what a registration answered. */
  answered?: JsonObject;
}

/** A registration as it is kept; earlier releases read it too. */
export function storedClient(client: NewClient): JsonObject {
  const { metadata, metadataUrl, resource } = client.discovered;
  return {
    ...client.answered,
    client_id: client.clientId,
    client_secret: client.clientSecret,
    client_name: client.name,
    redirect_uris: [client.redirectUri],
    grant_types: GRANTS,
    response_types: ['code'],
    scope: client.scope,
    token_endpoint_auth_method: client.authMethod,
    issuer: metadataUrl ?? metadata.issuer,
    resource,
    oauth_resource_parameter: 'auto',
    server_metadata: metadata,
  };
}

export const GRANTS = ['authorization_code', 'refresh_token'];

/** Names `resource` in requests; some servers that take scopes like addresses refuse it. */
export function resourceOf({ resource, resourceMode, scope }: ClientInfo): string | null {
  if (resource === null || resourceMode === 'omit') return null;
  if (resourceMode === 'include') return resource;
  return /(?:^|\s)(?:https?|api):\/\//.test(scope) ? null : resource;
}

/** Scopes as text: commas stand for spaces. */
export function scopeText(value: unknown): string {
  return typeof value === 'string'
    ? value
        .split(/[\s,]+/)
        .filter(Boolean)
        .join(' ')
    : '';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
