import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { pluginsEnabled } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { configuredGrants, grantsAllow } from '../access/index.ts';
import type { PluginsDeps } from './tool-routes.ts';

/**
 * Connections of a kind of server that the user may use: bypassing administrators all, others by a grant of the
 * connection, administrators also those without grants (plugins note, 0.3).
 */
export async function reachableConnections(
  { settings, config, access }: Pick<PluginsDeps, 'settings' | 'config' | 'access'>,
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

/** MCP servers as items of the tool list; nothing is asked of them. */
export async function listServerTools(deps: PluginsDeps, user: User) {
  const now = nowSeconds();
  const connections = await reachableConnections(deps, user, 'tool_server.connections');
  return connections.flatMap((connection) => {
    const info = isObject(connection.info) ? connection.info : {};
    const options = isObject(connection.config) ? connection.config : {};
    if (connection.type !== 'mcp' || options.enable === false || typeof info.id !== 'string') return [];
    const id = `server:mcp:${info.id}`;
    return [
      {
        version_id: null,
        id,
        user_id: id,
        name: typeof info.name === 'string' && info.name !== '' ? info.name : 'MCP Tool Server',
        meta: { i18n: null, description: textOf(info.description), manifest: {}, has_user_valves: false },
        access_grants: [],
        updated_at: now,
        created_at: now,
        user: null,
      },
    ];
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
