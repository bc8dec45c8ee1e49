import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

interface Asked {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What a path answers; `hang`: nothing, ever. */
interface ToolAnswer {
  status?: number;
  json?: unknown;
  text?: string | Buffer;
  type?: string;
  headers?: Record<string, string>;
  hang?: boolean;
}

/** A real HTTP server for tools. */
export interface ToolServer {
  url: string;
  /** What it was asked since the last look, its document apart. */
  take(): Asked[];
  /** How often its document was asked for. */
  documents(): number;
  /** Changes what it answers from now on. */
  answer(answers: (asked: Asked) => ToolAnswer | undefined): void;
  stop(): Promise<void>;
}

export async function startToolServer(document: unknown): Promise<ToolServer> {
  let answers: (asked: Asked) => ToolAnswer | undefined = () => undefined;
  let asked: Asked[] = [];
  let documents = 0;
  const server = createServer(async (request, response) => {
    const one = await read(request);
    const isDocument = one.path === '/openapi.json';
    if (isDocument) documents += 1;
    else asked.push(one);
    send(response, answers(one) ?? (isDocument ? { json: document } : { status: 404, json: { detail: 'none' } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    take() {
      const taken = asked;
      asked = [];
      return taken;
    },
    documents: () => documents,
    answer(next) {
      answers = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers } = request;
  return { method, path: url, headers, body: Buffer.concat(chunks).toString() };
}

function send(response: ServerResponse, { status = 200, json, text, type, headers = {}, hang }: ToolAnswer): void {
  if (hang) return;
  const body = text ?? JSON.stringify(json);
  const kind = type ?? (text === undefined ? 'application/json' : 'text/plain');
  response.writeHead(status, { 'content-type': kind, ...headers }).end(body);
}

/** An OpenAPI document. */
export function openApi(title: string, paths: Record<string, unknown>, components: Record<string, unknown> = {}) {
  return { openapi: '3.1.0', info: { title, version: '1' }, paths, components };
}
