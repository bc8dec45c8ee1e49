import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  type CallToolResult,
  createMcpHandler,
  type InputRequiredResult,
  isInitializeRequest,
  Server,
  type ServerContext,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';

/** `sessions`: the protocol of 2025; `stateless`: that of 2026. */
type Era = 'sessions' | 'stateless';
type Result = CallToolResult | InputRequiredResult;

export interface McpTestTool {
  name: string;
  description?: string;
  properties?: Record<string, Record<string, string | number>>;
  run(args: Record<string, unknown>, context: ServerContext, era: Era): Promise<Result> | Result;
}

export interface McpTestServer {
  /** Of its one endpoint. */
  url: string;
  /** Authorization headers of the requests since the last look. */
  takeAuthorizations(): (string | undefined)[];
  /** Sessions that are open; none where the protocol has none. */
  sessions(): number;
  stop(): Promise<void>;
}

interface McpOptions {
  tools: McpTestTool[];
  instructions?: string;
  era?: Era;
  /** Answers a request before the protocol sees it; undefined: lets it through. */
  guard?(request: Request): Response | undefined | Promise<Response | undefined>;
}

/** A real MCP server over streamable HTTP, made with the official library. */
export async function startMcpServer({
  tools,
  instructions,
  era = 'stateless',
  guard,
}: McpOptions): Promise<McpTestServer> {
  let authorizations: (string | undefined)[] = [];
  const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const makeServer = () => protocolServer(tools, era, instructions);
  const stateless = createMcpHandler(makeServer);

  async function inSession(request: Request): Promise<Response> {
    const known = transports.get(request.headers.get('mcp-session-id') ?? '');
    if (known) return known.handleRequest(request);
    const body: unknown = request.method === 'POST' ? await request.clone().json() : null;
    if (!isInitializeRequest(body)) return Response.json({ error: 'no session' }, { status: 400 });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
    });
    await makeServer().connect(transport);
    return transport.handleRequest(request);
  }

  const server = createServer(async (incoming, response) => {
    const request = webRequest(incoming, url);
    if (new URL(request.url).pathname === '/mcp')
      authorizations.push(request.headers.get('authorization') ?? undefined);
    const refused = await guard?.(request);
    await write(refused ?? (await (era === 'sessions' ? inSession(request) : stateless.fetch(request))), response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  return {
    url: `${url}/mcp`,
    takeAuthorizations() {
      const taken = authorizations;
      authorizations = [];
      return taken;
    },
    sessions: () => transports.size,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function protocolServer(tools: readonly McpTestTool[], era: Era, instructions: string | undefined): Server {
  const server = new Server(
    { name: 'test', version: '1.0.0' },
    { capabilities: { tools: {} }, ...(instructions !== undefined && { instructions }) },
  );
  server.setRequestHandler('tools/list', () => ({
    tools: tools.map(({ name, description, properties = {} }) => ({
      name,
      ...(description !== undefined && { description }),
      inputSchema: { type: 'object' as const, properties },
    })),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (!tool) throw new Error('unknown tool');
    return tool.run(params.arguments ?? {}, context, era);
  });
  return server;
}

function webRequest(incoming: IncomingMessage, base: string): Request {
  const { method = 'GET', url = '/', headers } = incoming;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return new Request(new URL(url, base), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]): [string, string][] => [[name, String(value)]]),
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' }),
  } as RequestInit);
}

async function write(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (!answer.body) return void response.end();
  response.flushHeaders();
  const reader = answer.body.getReader();
  response.on('close', () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    response.write(value);
  }
  response.end();
}
