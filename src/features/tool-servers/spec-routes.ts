import { verified } from '../../kernel/http/access.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import type { Call } from '../providers/index.ts';
import { needsSignIn, reachableServers, type ServerConnection } from './connections.ts';
import { readToolId } from './server-tools.ts';
import * as shapes from './shapes.ts';
import type { ToolServersDeps } from './tool-servers.ts';

/** What a person waits for a list at most. */
const BUDGET_MS = 15_000;

/** Which tools an MCP server has (plugins note, 2.2). */
export function specRoutes(deps: ToolServersDeps): Route[] {
  return [
    route({
      method: 'GET',
      url: '/api/v1/tools/id/:id/specs',
      access: verified,
      reply: shapes.SpecList,
      handler: async ({ user, params, credential, request, signal }) => {
        const id = readToolId(params.id ?? '');
        const mine = id?.type === 'mcp' ? await reachableServers(deps, user) : [];
        const connection = mine.find((one) => one.type === 'mcp' && one.isNamed && one.id === id?.id);
        if (!connection) throw notFound('Tool not found');
        if (needsSignIn(connection) && !(await deps.signedIn(user.id)).has(connection.id)) {
          throw new HttpError(401, 'Auth required');
        }
        const late = AbortSignal.timeout(BUDGET_MS);
        const { cookie, 'user-agent': userAgent } = request.headers;
        const caller = { credential, cookie, userAgent };
        const call = { user, signal: AbortSignal.any([signal, late]), metadata: {}, caller };
        return { specs: await listTools(deps, connection, call, late) };
      },
    }),
  ];
}

async function listTools(
  { connect }: Pick<ToolServersDeps, 'connect'>,
  connection: ServerConnection,
  call: Call,
  late: AbortSignal,
) {
  try {
    const session = await connect(connection, call, null);
    const { tools } = session;
    // Nobody waits for the server to say goodbye.
    void session.close();
    return tools
      .filter(({ name }) => connection.allows(`${connection.id}_${name}`))
      .map(({ name, description }) => ({ name, description }));
  } catch (cause) {
    if (late.aborted) throw new HttpError(504, 'Tool discovery timed out', { cause });
    throw new HttpError(502, 'Unable to load tools', { cause });
  }
}
