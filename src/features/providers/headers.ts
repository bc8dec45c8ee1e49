import { SignJWT } from 'jose';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import type { Connection } from './connections.ts';
import { isGemini } from './gemini/list.ts';
import type { Call } from './types.ts';

export interface HeaderDeps {
  settings: Pick<Settings, 'get'>;
  /** Names and ids of the groups a user is in, for placeholders. */
  groups: (userId: string) => Promise<{ ids: string[]; names: string[] }>;
  /** Access tokens other than the connection's key; null: none. */
  tokens: {
    /** The caller's stored OAuth access token. */
    systemOauth: (call: Call) => Promise<string | null>;
    /** Microsoft Entra, for Azure. */
    entra: () => Promise<string | null>;
  };
}

/** Builds the headers of a request to a provider (providers note, 2.1 to 2.3). */
export type HeaderBuilder = (
  connection: Connection,
  call: Call | null,
  chat?: boolean,
) => Promise<Record<string, string>>;

export const ENTRA = new Set(['azure_ad', 'microsoft_entra_id']);

export function createHeaderBuilder(deps: HeaderDeps): HeaderBuilder {
  return async (connection, call, chat = false) => {
    const headers = new HeaderSet();
    headers.set('Content-Type', 'application/json');
    if (connection.url.includes('openrouter.ai')) {
      headers.set('HTTP-Referer', 'https://github.com/loggia-chat/loggia');
      headers.set('X-Title', 'Loggia');
    }
    if (call && deps.settings.get('ENABLE_FORWARD_USER_INFO_HEADERS')) {
      await addUserHeaders(headers, deps.settings, call);
      const { chat_id: chatId } = call.metadata;
      if (chat && typeof chatId === 'string' && chatId) {
        headers.set(deps.settings.get('FORWARD_SESSION_INFO_HEADER_CHAT_ID'), chatId);
      }
    }
    const token = await tokenOf(deps, connection, call);
    if (token && isGemini(connection) && token === connection.key) headers.set('x-goog-api-key', token);
    else if (token) headers.set('Authorization', `Bearer ${token}`);
    if (connection.provider === 'azure' && !ENTRA.has(connection.authType)) headers.set('api-key', connection.key);
    if (connection.config.forward_cookies === true && call?.caller?.cookie) {
      const cookies = foreignCookies(call.caller.cookie);
      if (cookies) headers.set('Cookie', cookies);
    }
    if (connection.headers) await addOwnHeaders(headers, deps, connection.headers, call);
    return headers.all();
  };
}

/** Header values by name, names compared without case. */
export class HeaderSet {
  readonly #entries = new Map<string, [name: string, value: string]>();
  set(name: string, value: string): void {
    if (/^[\w!#$%&'*+.^`|~-]+$/.test(name)) this.#entries.set(name.toLowerCase(), [name, headerText(value)]);
  }
  all(): Record<string, string> {
    return Object.fromEntries(this.#entries.values());
  }
}

/** Percent-encodes what no header value can hold. */
function headerText(value: string): string {
  return value.replace(/[^\t\x20-\x7e]+/g, (odd) => encodeURIComponent(odd.toWellFormed()));
}

async function tokenOf(deps: HeaderDeps, connection: Connection, call: Call | null): Promise<string | null> {
  switch (connection.authType) {
    case 'none':
      return null;
    case 'session':
      return call?.caller?.credential?.token ?? null;
    case 'system_oauth':
      return call ? deps.tokens.systemOauth(call) : null;
    case 'azure_ad':
    case 'microsoft_entra_id':
      return deps.tokens.entra();
    default:
      return connection.key || null;
  }
}

/** Who asks, for servers that are told (ENABLE_FORWARD_USER_INFO_HEADERS). */
export async function addUserHeaders(
  headers: HeaderSet,
  settings: HeaderDeps['settings'],
  { user, caller }: Call,
): Promise<void> {
  const kind = caller?.credential?.kind;
  if (kind) headers.set(settings.get('FORWARD_USER_INFO_HEADER_AUTH_TYPE'), kind === 'api_key' ? 'api_key' : 'jwt');
  const secret = settings.get('FORWARD_USER_INFO_HEADER_JWT_SECRET');
  if (secret) {
    const { id: sub, email, name, role } = user;
    const now = Math.floor(Date.now() / 1_000);
    const token = await new SignJWT({ sub, email, name, role, iss: 'open-webui', iat: now })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setExpirationTime(now + settings.get('FORWARD_USER_INFO_HEADER_JWT_EXPIRES_SECONDS'))
      .sign(new TextEncoder().encode(secret));
    headers.set(settings.get('FORWARD_USER_INFO_HEADER_JWT'), token);
    return;
  }
  const name = encodeURIComponent(user.name.trim().toWellFormed()).replaceAll('%20', ' ');
  headers.set(settings.get('FORWARD_USER_INFO_HEADER_USER_NAME'), name);
  headers.set(settings.get('FORWARD_USER_INFO_HEADER_USER_ID'), user.id);
  headers.set(settings.get('FORWARD_USER_INFO_HEADER_USER_EMAIL'), user.email.trim());
  headers.set(settings.get('FORWARD_USER_INFO_HEADER_USER_ROLE'), user.role);
}

/** Cookies of a request that may go on to another server: our own sessions are nobody else's business. */
export function foreignCookies(header: string): string {
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !/^(?:token|oauth_[^=]*|owui-session|loggia[^=]*)\s*=/i.test(pair))
    .join('; ');
}

/** Headers an administrator gave a connection, their placeholders filled. */
export async function addOwnHeaders(
  headers: HeaderSet,
  deps: Pick<HeaderDeps, 'groups'>,
  own: JsonObject,
  call: Call | null,
): Promise<void> {
  const values = Object.entries(own).map(([name, value]): [string, string] => [name, textOf(value)]);
  const needsGroups = values.some(([, value]) => /\{\{USER_GROUP(?:S|_IDS)\}\}/.test(value));
  const groups = needsGroups && call ? await deps.groups(call.user.id) : null;
  const known = call ? placeholders(call, groups) : {};
  for (const [name, value] of values) {
    headers.set(
      name,
      value.replace(PLACEHOLDER, (_whole, key: string) => known[key] ?? ''),
    );
  }
}

const PLACEHOLDER =
  /\{\{(CHAT_ID|MESSAGE_ID|USER_MESSAGE_ID|USER_MESSAGE_PARENT_ID|FILE_ID|FILE_NAME|FILE_CONTENT_TYPE|TASK|MODEL_ID|USER_ID|USER_NAME|USER_EMAIL|USER_ROLE|USER_GROUPS|USER_GROUP_IDS|USER_AGENT|AUTH_TYPE)\}\}/g;

function placeholders(
  { user, metadata, caller }: Call,
  groups: { ids: string[]; names: string[] } | null,
): Record<string, string> {
  const message = isObject(metadata.user_message) ? metadata.user_message : {};
  const kind = caller?.credential?.kind;
  const values: Record<string, unknown> = {
    CHAT_ID: metadata.chat_id,
    MESSAGE_ID: metadata.message_id,
    USER_MESSAGE_ID: metadata.user_message_id ?? message.id,
    USER_MESSAGE_PARENT_ID: message.parentId,
    FILE_ID: metadata.file_id,
    FILE_NAME: metadata.file_name,
    FILE_CONTENT_TYPE: metadata.file_content_type,
    TASK: metadata.task,
    MODEL_ID: metadata.model_id,
    USER_ID: user.id,
    USER_NAME: user.name,
    USER_EMAIL: user.email,
    USER_ROLE: user.role,
    USER_GROUPS: groups?.names.join(','),
    USER_GROUP_IDS: groups?.ids.join(','),
    USER_AGENT: caller?.userAgent ?? metadata.user_agent,
    AUTH_TYPE: kind === undefined ? undefined : kind === 'api_key' ? 'api_key' : 'jwt',
  };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, textOf(value)]));
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
