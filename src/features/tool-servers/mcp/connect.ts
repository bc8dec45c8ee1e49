import { createHash } from 'node:crypto';
import type { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Egress } from '../../../kernel/egress/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Call } from '../../providers/index.ts';
import { needsSignIn, type ServerConnection } from '../connections.ts';
import type { ToolHeaders } from '../headers.ts';
import { reaching } from '../problems.ts';
import type { ServerTool } from '../server-tools.ts';
import { readCallResult } from './content.ts';
import { type Ask, elicit } from './elicitation.ts';
import { egressFetch, type FetchLike } from './fetch.ts';

export interface McpDeps {
  egress: Pick<Egress, 'request'>;
  headers: ToolHeaders;
  /** As which program this one presents itself. */
  client: { name: string; version: string };
  /** Seconds for each request but a tool call. */
  initializeTimeout: number;
  /** Seconds of a tool call; null: no limit. */
  callTimeout: number | null;
}

export interface McpTool {
  name: string;
  description: string;
  parameters: JsonObject;
}

/** An open connection to an MCP server. */
export interface McpSession {
  /** What the server wants the model to know of its tools. */
  instructions: string;
  tools: readonly McpTool[];
  call(name: string, args: JsonObject, signal: AbortSignal): Promise<JsonObject>;
  /** Says goodbye; never throws, never waits long. */
  close(): Promise<void>;
}

/** Opens a connection and asks for the tools. `ask` null: nobody can be asked anything. Throws what went wrong. */
export type McpConnect = (connection: ServerConnection, call: Call, ask: Ask | null) => Promise<McpSession>;

const NEVER_MS = 2 ** 31 - 1;
const GOODBYE_MS = 2_000;
const MOST_TOOLS = 1_000;
/** How long it is remembered that a server speaks the older protocol only. */
const LEGACY_MS = 600_000;
const MOST_LEGACY = 1_000;

export function createMcpConnect(deps: McpDeps): McpConnect {
  const legacyUntil = new Map<string, number>();
  const timeout = deps.initializeTimeout * 1_000;

  return async (connection, call, ask) => {
    if (needsSignIn(connection) && !(await deps.headers(connection, call)).Authorization)
      throw new Error('Auth required');
    const sdk = await import('@modelcontextprotocol/client');
    const client = new sdk.Client(deps.client, {
      capabilities: ask ? { elicitation: { form: {}, url: {} } } : {},
      versionNegotiation: { mode: 'auto' },
    });
    if (ask) {
      client.setRequestHandler('elicitation/create', async (request, { mcpReq }) => {
        const params: JsonObject = { ...request.params };
        const signal = AbortSignal.any([call.signal, mcpReq.signal]);
        return elicit(params, { ask, serverName: connection.id, signal });
      });
    }
    const transport = new sdk.StreamableHTTPClientTransport(new URL(connection.url), {
      fetch: withHeaders(deps, connection, call),
      reconnectionOptions: RECONNECTION,
    });
    const close = closer(client, transport);
    try {
      const known = (legacyUntil.get(connection.url) ?? 0) > performance.now();
      const options = { timeout, signal: call.signal };
      await client.connect(transport, known ? { ...options, prior: { kind: 'legacy' } } : options);
      if (client.getProtocolEra() === 'legacy') {
        if (legacyUntil.size >= MOST_LEGACY) legacyUntil.clear();
        legacyUntil.set(connection.url, performance.now() + LEGACY_MS);
      }
      const listed = client.getServerCapabilities()?.tools ? await client.listTools(undefined, options) : { tools: [] };
      return {
        instructions: client.getInstructions() ?? '',
        tools: listed.tools.slice(0, MOST_TOOLS).map(readTool),
        async call(name, args, signal) {
          const limit = deps.callTimeout === null ? NEVER_MS : deps.callTimeout * 1_000;
          const result: unknown = await client.callTool(
            { name, arguments: args },
            { signal: AbortSignal.any([signal, call.signal]), timeout: limit, maxTotalTimeout: limit },
          );
          return isObject(result) ? result : {};
        },
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  };
}

const RECONNECTION = {
  initialReconnectionDelay: 1_000,
  maxReconnectionDelay: 10_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 2,
};

function closer(client: Client, transport: StreamableHTTPClientTransport): () => Promise<void> {
  let closing: Promise<void> | null = null;
  const goodbye = async () => {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GOODBYE_MS);
    // What the server makes of it does not matter any more.
    await Promise.race([transport.terminateSession().catch(() => {}), late]);
    clearTimeout(timer);
    await client.close().catch(() => {});
  };
  return () => {
    closing ??= goodbye();
    return closing;
  };
}

/** Tokens that are renewed while a connection lives are looked up for each request. */
const CHANGING = new Set(['system_oauth', 'oauth_2.1', 'oauth_2.1_static']);

function withHeaders({ egress, headers }: McpDeps, connection: ServerConnection, call: Call): FetchLike {
  const send = egressFetch(egress);
  let fixed: Promise<Record<string, string>> | null = null;
  const own = () => {
    if (CHANGING.has(connection.authType)) return headers(connection, call);
    fixed ??= headers(connection, call);
    return fixed;
  };
  return async (url, init = {}) => {
    const merge = (more: Record<string, string>) => {
      const merged = new Headers(init.headers);
      for (const [name, value] of Object.entries(more)) merged.set(name, value);
      return { ...init, headers: merged };
    };
    const used = await own();
    const answer = await send(url, merge(used));
    if (answer.status !== 401 || !CHANGING.has(connection.authType)) return answer;
    const again = await own();
    if (again.Authorization === used.Authorization) return answer;
    await answer.body?.cancel();
    return send(url, merge(again));
  };
}

function readTool({ name, description, inputSchema }: { name: string; description?: string; inputSchema: unknown }) {
  return { name, description: description ?? '', parameters: isObject(inputSchema) ? inputSchema : {} };
}

const LONGEST_NAME = 64;
const KEPT_OF_LONG = 55;

/** The name of a server's tool for the model: unique, and no longer than providers take. */
export function mcpToolName(serverId: string, name: string): string {
  const full = `${serverId}_${name}`.replace(/[^\w-]/g, '_');
  if (full.length <= LONGEST_NAME) return full;
  const hash = createHash('sha256').update(full).digest('hex').slice(0, 8);
  return `${full.slice(0, KEPT_OF_LONG)}_${hash}`;
}

/** Tools of an open connection for a turn; `functions` null: all that the connection lets through. */
export function mcpTools(
  { id, allows }: ServerConnection,
  session: McpSession,
  functions: ReadonlySet<string> | null,
): ServerTool[] {
  return session.tools
    .filter(({ name }) => allows(`${id}_${name}`) && (functions === null || functions.has(name)))
    .map(({ name, description, parameters }) => {
      const shown = mcpToolName(id, name);
      return {
        name: shown,
        toolId: `server:mcp:${id}`,
        spec: { name: shown, description, parameters },
        takesAnything: true,
        run: async (args, signal) => readCallResult(await reaching(session.call(name, args, signal), signal)),
      };
    });
}
