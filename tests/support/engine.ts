import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type WebSocket, WebSocketServer } from 'ws';

export interface EngineRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage['headers'];
  raw: Buffer;
  /** Of a JSON body, else empty. */
  json: Record<string, unknown>;
  /** Of a multipart body. */
  form: FormData | null;
}

export interface EngineAnswer {
  status?: number;
  type?: string;
  headers?: Record<string, string>;
  json?: unknown;
  bytes?: Uint8Array;
  /** Never answers. */
  hangs?: boolean;
  /** Sends this many bytes of zeros. */
  zeros?: number;
}

/** A scripted engine for pictures or sound: HTTP, and WebSockets where the script takes them. */
export interface Engine {
  base: string;
  /** In order, WebSockets as method `SOCKET`. */
  requests: EngineRequest[];
  /** Requests of a path. */
  of(path: string): EngineRequest[];
  /** How many requests that hang were given up by the caller. */
  givenUp(): number;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Script {
  answer(request: EngineRequest): EngineAnswer | null;
  socket?(socket: WebSocket, request: EngineRequest): void;
  /** Whether an upgrade is let in; else its status. */
  refuse?(request: EngineRequest): number | null;
}

export async function startEngine({ answer, socket, refuse }: Script): Promise<Engine> {
  const requests: EngineRequest[] = [];
  let givenUp = 0;
  const server = createServer(async (request, response) => {
    const read = await readRequest(request, request.method ?? 'GET');
    requests.push(read);
    const said = answer(read) ?? { status: 404, json: { error: { message: `no script for ${read.path}` } } };
    if (said.hangs) {
      response.on('close', () => {
        givenUp += 1;
      });
      return;
    }
    const type = said.type ?? (said.json === undefined ? 'application/octet-stream' : 'application/json');
    response.writeHead(said.status ?? 200, { 'content-type': type, ...said.headers });
    if (said.zeros !== undefined) {
      const block = Buffer.alloc(1024 * 1024);
      const blocks = Array.from({ length: Math.ceil(said.zeros / block.length) }, () => block);
      // Who has read enough leaves.
      return void pipeline(Readable.from(blocks), response).catch(() => {});
    }
    response.end(said.bytes ?? JSON.stringify(said.json));
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', async (request, connection, head) => {
    const read = await readRequest(request, 'SOCKET');
    requests.push(read);
    const status = socket ? (refuse?.(read) ?? null) : 404;
    if (status !== null) return void connection.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\n\r\n`);
    sockets.handleUpgrade(request, connection, head, (opened) => socket?.(opened, read));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    for (const one of sockets.clients) one.terminate();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    of: (path) => requests.filter((one) => one.path === path),
    givenUp: () => givenUp,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function readRequest(request: IncomingMessage, method: string): Promise<EngineRequest> {
  const chunks: Buffer[] = [];
  if (method !== 'SOCKET') for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks);
  const url = new URL(request.url ?? '/', 'http://engine');
  const type = request.headers['content-type'] ?? '';
  return {
    method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    raw,
    json: type.startsWith('application/json') ? (JSON.parse(raw.toString()) as Record<string, unknown>) : {},
    form: type.startsWith('multipart/')
      ? await new Response(new Uint8Array(raw), { headers: { 'content-type': type } }).formData()
      : null,
  };
}
