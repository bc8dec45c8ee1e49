import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { type Config, pluginsEnabled, type Settings } from '../../kernel/settings/index.ts';
import { announce, type EventSink } from './events.ts';
import { call, type Fetch, passedOn } from './outgoing.ts';
import * as shapes from './shapes.ts';

export interface TerminalRouteDeps {
  settings: Settings;
  config: Config;
  events: EventSink;
  fetch: Fetch;
}

const BASE = '/api/v1/configs/terminal_servers';

interface Server {
  url: string;
  key: string | null;
  auth_type: string | null;
}

/** Terminal servers: their list, a trial, and what an orchestrator offers besides (configuration note, 3.5). */
export function terminalRoutes(deps: TerminalRouteDeps): Route[] {
  return [...listRoutes(deps), ...orchestratorRoutes(deps)];
}

function listRoutes({ config, events }: TerminalRouteDeps): Route[] {
  const stored = () => ({ TERMINAL_SERVER_CONNECTIONS: config.get('terminal_server.connections') });
  return [
    route({ method: 'GET', url: BASE, access: admin, handler: stored }),
    route({
      method: 'POST',
      url: BASE,
      access: admin,
      body: shapes.TerminalServersConfigForm,
      handler: async ({ body, user }) => {
        const list = body.TERMINAL_SERVER_CONNECTIONS.map((connection) => {
          const { policy, lifecycle, ...kept } = connection as Record<string, unknown>;
          return kept;
        });
        await config.set({ 'terminal_server.connections': list });
        announce(events, 'config.terminal_servers.updated', user, 'terminal_server.connections', {
          count: list.length,
        });
        return stored();
      },
    }),
  ];
}

function orchestratorRoutes({ settings, fetch }: TerminalRouteDeps): Route[] {
  const timeout = settings.get('AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA');
  const ask = (server: Server, path: string, method: string, signal: AbortSignal, body?: unknown) => {
    if (!pluginsEnabled(settings, 'TOOL_SERVERS')) throw new HttpError(403, 'Tool servers are disabled');
    const base = server.url.trim().replace(/\/+$/, '');
    if (base === '') throw new HttpError(400, 'Terminal server URL is required');
    const token = server.auth_type === 'bearer' ? server.key : null;
    return call({ fetch, url: `${base}${path}`, method, token, body, timeout, signal });
  };
  const policyPath = (id: string) => `/api/v1/policies/${encodeURIComponent(id)}`;
  return [
    route({
      method: 'POST',
      url: `${BASE}/verify`,
      access: admin,
      body: shapes.TerminalServerConnection,
      handler: async ({ body, signal }) => {
        for (const [path, type] of [
          ['/api/v1/policies', 'orchestrator'],
          ['/api/config', 'terminal'],
        ] as const) {
          if (await answers(ask(body as Server, path, 'GET', signal))) return { status: true, type };
        }
        throw new HttpError(400, 'Failed to connect to the terminal server');
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/policy`,
      access: admin,
      body: shapes.TerminalPolicyForm,
      handler: ({ body, signal }) => {
        const data = body.policy_data ?? undefined;
        const answer = ask(body, policyPath(body.policy_id), data ? 'PUT' : 'GET', signal, data);
        return passedOn(answer, 'Failed to access policy on terminal server');
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/lifecycle`,
      access: admin,
      body: shapes.TerminalLifecycleForm,
      handler: ({ body, signal }) => {
        const data = body.lifecycle_data ?? undefined;
        const answer = ask(body, `${policyPath(body.policy_id)}/lifecycle`, data ? 'PUT' : 'GET', signal, data);
        return passedOn(answer, 'Failed to access lifecycle on terminal server');
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/refresh`,
      access: admin,
      body: shapes.TerminalRefreshForm,
      handler: ({ body, signal }) => {
        const { user_id, policy_id, only_idle, reset } = body;
        const given = { only_idle, reset, ...(user_id && { user_id }), ...(policy_id && { policy_id }) };
        return passedOn(ask(body, '/api/v1/terminals/refresh', 'POST', signal, given), 'Failed to refresh terminals');
      },
    }),
  ];
}

/** Whether a server answers well; one that cannot be reached does not. */
async function answers(answer: ReturnType<Fetch>): Promise<boolean> {
  try {
    const got = await answer;
    await got.text();
    return got.ok;
  } catch (error) {
    if (error instanceof HttpError) throw error;
    return false;
  }
}
