import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Call } from '../providers/index.ts';
import { allServers, needsSignIn, type ReachDeps, reachableServers, type ServerConnection } from './connections.ts';
import { type McpConnect, type McpSession, mcpTools } from './mcp/connect.ts';
import type { Ask } from './mcp/elicitation.ts';
import type { Catalogue } from './openapi/catalogue.ts';
import { type OpenApiToolsDeps, openApiTools } from './openapi/tools.ts';
import { presentServer } from './present.ts';
import { readToolId, type ServerTool, type ServerToolId } from './server-tools.ts';

export interface ToolServersDeps extends ReachDeps {
  log: Pick<Log, 'info'>;
  catalogue: Catalogue;
  connect: McpConnect;
  calls: OpenApiToolsDeps;
  /** Ids of the servers at whose own authorization server the user has signed in. */
  signedIn(userId: string): Promise<ReadonlySet<string>>;
}

/** Tools a turn asks for. */
export interface AskedTools {
  user: User;
  /** As the chat names them; others than those of tool servers are passed over. */
  ids: readonly string[];
  /** On whose behalf servers are asked; its signal ends connections. */
  call: Call;
  /** Puts questions of servers to the person; null: nobody is there. */
  ask: Ask | null;
  /** Told of a server that cannot be reached. */
  failed(serverId: string): void;
}

/** Tools of servers, ready to be called. */
export interface OpenedTools {
  /** Names are unique. */
  tools: ServerTool[];
  /** What servers want the model to know, each with the server's id. */
  instructions: { serverId: string; text: string }[];
  close(): Promise<void>;
}

const NOTHING: OpenedTools = { tools: [], instructions: [], close: async () => {} };

/** Opens what a turn asks for; servers the user may not use, and unknown ones, are passed over (plugins note, 2.6). */
export async function openTools(deps: ToolServersDeps, asked: AskedTools): Promise<OpenedTools> {
  const wanted = asked.ids.map(readToolId).filter((id) => id !== null);
  if (wanted.length === 0) return NOTHING;
  const reachable = await reachableServers(deps, asked.user);
  const pick = (type: ServerToolId['type']) =>
    uniqueById(wanted.filter((id) => id.type === type)).flatMap((id) => {
      const connection = reachable.find(
        (one) => one.type === type && one.id === id.id && (type !== 'mcp' || one.isNamed),
      );
      return connection ? [{ connection, functions: id.functions }] : [];
    });
  const [plain, sessions] = await Promise.all([
    openApi(deps, asked, pick('openapi')),
    openMcp(deps, asked, pick('mcp')),
  ]);
  const close = async () => void (await Promise.all(sessions.map(({ session }) => session.close())));
  const named = new Map(plain.map((tool) => [tool.name, tool]));
  for (const { connection, session, functions } of sessions) {
    for (const tool of mcpTools(connection, session, functions)) named.set(tool.name, tool);
  }
  return {
    tools: [...named.values()],
    instructions: sessions.flatMap(({ connection, session }) =>
      session.instructions.trim() === '' ? [] : [{ serverId: connection.id, text: session.instructions }],
    ),
    close,
  };
}

interface Picked {
  connection: ServerConnection;
  functions: ReadonlySet<string> | null;
}

function uniqueById(ids: readonly ServerToolId[]): ServerToolId[] {
  return [...new Map(ids.map((id) => [id.id, id])).values()];
}

/** A name that is taken gets the id of its server in front. */
async function openApi(
  { catalogue, calls }: ToolServersDeps,
  { call }: AskedTools,
  picked: readonly Picked[],
): Promise<ServerTool[]> {
  if (picked.length === 0) return [];
  const servers = await catalogue.servers(picked.map(({ connection }) => connection));
  const tools = new Map<string, ServerTool>();
  for (const server of servers) {
    const { connection } = server;
    const functions = picked.find((one) => one.connection === connection)?.functions ?? null;
    for (const tool of openApiTools(calls, server, functions, call)) {
      const prefix = `${connection.id.replace(/[^\w-]/g, '_')}_`;
      let { name } = tool;
      while (tools.has(name)) name = prefix + name;
      tools.set(name, name === tool.name ? tool : { ...tool, name, spec: { ...tool.spec, name } });
    }
  }
  return [...tools.values()];
}

/** All at once; one that cannot be reached does not keep the others. */
async function openMcp(
  { connect, log }: ToolServersDeps,
  { call, ask, failed }: AskedTools,
  picked: readonly Picked[],
): Promise<(Picked & { session: McpSession })[]> {
  const oneByOne = ask && inTurn(ask);
  const opened = await Promise.all(
    picked.map(async (one) => {
      try {
        return [{ ...one, session: await connect(one.connection, call, oneByOne) }];
      } catch (error) {
        if (call.signal.aborted) return [];
        log.info({ err: error, server: one.connection.id }, 'an MCP server could not be reached');
        failed(one.connection.id);
        return [];
      }
    }),
  );
  const sessions = opened.flat();
  if (call.signal.aborted) await Promise.all(sessions.map(({ session }) => session.close()));
  call.signal.throwIfAborted();
  return sessions;
}

/** The tab shows one question at a time. */
function inTurn(ask: Ask): Ask {
  let last: Promise<unknown> = Promise.resolve();
  return (question: JsonObject, signal) => {
    const next = last.then(() => ask(question, signal));
    last = next.catch(() => {});
    return next;
  };
}

/** Tool servers as items of the list of tools (plugins note, 2.3); MCP servers are not asked. */
export async function listServers(deps: ToolServersDeps, user: User) {
  const reachable = await reachableServers(deps, user);
  const plain = await deps.catalogue.servers(reachable.filter(({ type }) => type === 'openapi'));
  const items = plain.map(({ connection, title, description }) =>
    presentServer({ id: `server:${connection.id}`, name: title, description }),
  );
  const named = reachable.filter(({ type, isNamed }) => type === 'mcp' && isNamed);
  const signedIn = named.some(needsSignIn) ? await deps.signedIn(user.id) : new Set<string>();
  const mcp = named.map((connection) => {
    const { id, name, description } = connection;
    return presentServer({
      id: `server:mcp:${id}`,
      name: name || 'MCP Tool Server',
      description: description ?? '',
      ...(needsSignIn(connection) && { authenticated: signedIn.has(id) }),
    });
  });
  return [...items, ...mcp];
}

/** The enabled OpenAPI servers of all. */
export function documented(config: ReachDeps['config']): ServerConnection[] {
  return allServers(config).filter(({ type, enabled }) => type === 'openapi' && enabled);
}
