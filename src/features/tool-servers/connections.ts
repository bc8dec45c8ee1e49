import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { type Config, pluginsEnabled, type Settings } from '../../kernel/settings/index.ts';
import { type Access, configuredGrants, grantsAllow } from '../access/index.ts';

export type AuthType = 'none' | 'bearer' | 'session' | 'system_oauth' | 'oauth_2.1' | 'oauth_2.1_static';

/** A tool server an administrator has connected (plugins note, 5.1), read from what is stored. */
export interface ServerConnection {
  type: 'openapi' | 'mcp';
  /** `info.id`, else the place in the list. */
  id: string;
  /** Whether `info.id` was given; MCP servers are not offered without. */
  isNamed: boolean;
  /** Without trailing slashes. */
  url: string;
  path: string;
  authType: AuthType;
  /** Trimmed. */
  key: string;
  headers: JsonObject | null;
  forwardCookies: boolean;
  /** Text of an OpenAPI document that is not fetched. */
  inlineSpec: string | null;
  enabled: boolean;
  name: string;
  description: string | null;
  info: JsonObject;
  allows: (functionName: string) => boolean;
  /** As stored. */
  stored: JsonObject;
}

const AUTH_TYPES = new Set<string>(['none', 'bearer', 'session', 'system_oauth', 'oauth_2.1', 'oauth_2.1_static']);

export function readConnection(stored: JsonObject, index = 0): ServerConnection {
  const info = isObject(stored.info) ? stored.info : {};
  const options = isObject(stored.config) ? stored.config : {};
  const isNamed = typeof info.id === 'string' && info.id !== '';
  const authType = text(stored.auth_type);
  return {
    type: stored.type === 'mcp' ? 'mcp' : 'openapi',
    id: isNamed ? String(info.id) : String(index),
    isNamed,
    url: text(stored.url).replace(/\/+$/, ''),
    path: text(stored.path),
    authType: AUTH_TYPES.has(authType) ? (authType as AuthType) : 'bearer',
    key: text(stored.key).trim(),
    headers: readHeaders(stored.headers),
    forwardCookies: stored.forward_cookies === true,
    inlineSpec: stored.spec_type === 'json' ? text(stored.spec) : null,
    enabled: options.enable !== false,
    name: text(info.name),
    description: typeof info.description === 'string' ? info.description : null,
    info,
    allows: nameFilter(options.function_name_filter_list),
    stored,
  };
}

/** Whether each user signs in at the server's own authorization server. */
export function needsSignIn({ authType }: ServerConnection): boolean {
  return authType === 'oauth_2.1' || authType === 'oauth_2.1_static';
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The form keeps them as an object; older ones are its text. */
function readHeaders(value: unknown): JsonObject | null {
  if (isObject(value)) return value;
  if (typeof value !== 'string' || value.trim() === '') return null;
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** Names match by their end; `!x` blocks; where anything is allowed by name, nothing else is. */
export function nameFilter(list: unknown): (name: string) => boolean {
  const given = typeof list === 'string' ? list.split(',') : Array.isArray(list) ? list : [];
  const entries = given.flatMap((one) => (typeof one === 'string' && one.trim() !== '' ? [one.trim()] : []));
  const blocked = entries.filter((one) => one.startsWith('!')).map((one) => one.slice(1));
  const allowed = entries.filter((one) => !one.startsWith('!'));
  return (name) =>
    !blocked.some((end) => end !== '' && name.endsWith(end)) &&
    (allowed.length === 0 || allowed.some((end) => name.endsWith(end)));
}

export interface ReachDeps {
  settings: Settings;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'groupIds'>;
}

/**
 * Connections of a kind of server that the user may use: bypassing administrators all, others by a grant of the
 * connection, administrators also those without grants (plugins note, 0.3).
 */
export async function reachableConnections(
  { settings, config, access }: ReachDeps,
  user: User,
  key: 'tool_server.connections' | 'terminal_server.connections',
): Promise<JsonObject[]> {
  if (!pluginsEnabled(settings, 'TOOL_SERVERS')) return [];
  const connections: readonly unknown[] = config.get(key);
  const isAdmin = user.role === 'admin';
  const all = isAdmin && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  const groupIds = await access.groupIds(user.id);
  return connections.filter(isObject).filter((connection) => {
    if (all) return true;
    const grants = configuredGrants(connection.config);
    return grants.length === 0 ? isAdmin : grantsAllow(grants, user.id, groupIds, 'read');
  });
}

/** Every connection, of whoever; ids by place count from the whole list. */
export function allServers(config: Pick<Config, 'get'>): ServerConnection[] {
  const stored: readonly unknown[] = config.get('tool_server.connections');
  return stored.flatMap((one, index) => (isObject(one) ? [readConnection(one, index)] : []));
}

/** Enabled tool servers the user may use. */
export async function reachableServers(deps: ReachDeps, user: User): Promise<ServerConnection[]> {
  const mine = new Set(await reachableConnections(deps, user, 'tool_server.connections'));
  return allServers(deps.config).filter(({ stored, enabled }) => enabled && mine.has(stored));
}
