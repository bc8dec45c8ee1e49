import { verified } from '../../kernel/http/access.ts';
import { sendJson } from '../../kernel/http/answer.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Dict, List, Obj, Str } from '../../kernel/http/shapes.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { pluginsEnabled } from '../../kernel/settings/index.ts';
import { reachableConnections } from '../tool-servers/index.ts';
import type { PluginsDeps } from './tool-routes.ts';

const Terminal = Obj({ id: Str(), url: Str(), name: Str(), contexts: Dict(), config: Dict() });
const PROXIED = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** Terminal servers a user may use (plugins note, 9). Reaching through to them is not there yet, and says so. */
export function terminalRoutes(deps: PluginsDeps): Route[] {
  const { settings, config } = deps;
  return [
    route({
      method: 'GET',
      url: '/api/v1/terminals/',
      access: verified,
      reply: List(Terminal),
      handler: async ({ user }) =>
        (await reachableConnections(deps, user, 'terminal_server.connections'))
          .filter((connection) => connection.enabled !== false)
          .map(presentTerminal),
    }),
    route({
      method: [...PROXIED],
      url: '/api/v1/terminals/:server_id/*',
      access: verified,
      rawBody: true,
      handler: async ({ user, params, reply }) => {
        const refuse = (status: number, error: string) => sendJson(reply.code(status), { error });
        if (!pluginsEnabled(settings, 'TOOL_SERVERS')) return refuse(403, 'Tool servers are disabled');
        const is = (connection: JsonObject) => connection.id === params.server_id;
        if (!config.get('terminal_server.connections').some((one) => isObject(one) && is(one))) {
          return refuse(404, `Terminal server '${params.server_id}' not found`);
        }
        const mine = await reachableConnections(deps, user, 'terminal_server.connections');
        const found = mine.find(is);
        if (!found) return refuse(403, 'Access denied');
        if (found.enabled === false) return refuse(403, 'Terminal server disabled');
        return refuse(502, 'This server does not pass requests on to terminals');
      },
    }),
  ];
}

function presentTerminal(connection: JsonObject) {
  const options = isObject(connection.config) ? connection.config : {};
  return {
    id: textOf(connection.id),
    url: textOf(connection.url),
    name: textOf(connection.name),
    contexts: contextsOf(connection, options),
    config: { chat_uploads: options.chat_uploads === 'filesystem' ? 'filesystem' : 'default' },
  };
}

/** Only orchestrators tell contexts apart; `false` takes one away. */
function contextsOf(connection: JsonObject, options: JsonObject): JsonObject {
  if (connection.server_type !== 'orchestrator' && !connection.policy_id) return {};
  return isObject(options.contexts) ? options.contexts : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
