import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Server, ServerOptions } from 'socket.io';
import { type CorsPolicy, originAllowed } from '../http/cors.ts';

const PATH = '/ws/socket.io';

export interface EntranceOptions {
  cors: CorsPolicy;
  transport: 'websocket' | 'polling';
  engine: Partial<ServerOptions>;
  /** Who takes upgrades of other paths. */
  upgrades: ReadonlyMap<string, UpgradeTaker>;
}

/** Takes over the connection of an upgrade whose origin has been looked at. */
export type UpgradeTaker = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/** Takes Engine.IO requests from the HTTP server: upgrades as they come in, polling by routes. */
export function attachSockets(fastify: FastifyInstance, io: Server, options: EntranceOptions): void {
  // The engine listens on a server of its own that is never opened; so it sees only what is for it and was let in.
  const inner = createServer();
  io.attach(inner, {
    ...options.engine,
    path: PATH,
    addTrailingSlash: false,
    destroyUpgrade: false,
    serveClient: false,
  });
  let closing = false;

  const { server } = fastify;
  // An `Upgrade` to anything else (h2c from some HTTP clients) is an ordinary request.
  Object.assign(server, {
    shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const taker = options.upgrades.get(pathOf(request));
    if (!taker && !isOurs(request)) {
      if (server.listenerCount('upgrade') === 1) refuseUpgrade(socket, '404 Not Found', '{"detail":"Not Found"}');
      return;
    }
    if (closing) return refuseUpgrade(socket, '503 Service Unavailable', '"The server is going down."');
    if (taker) {
      const { origin } = request.headers;
      if (origin !== undefined && !originAllowed(options.cors, origin)) {
        return refuseUpgrade(
          socket,
          '403 Forbidden',
          JSON.stringify({ detail: `${origin} is not an accepted origin.` }),
        );
      }
      return taker(request, socket, head);
    }
    const refused = refusal(request, io, options);
    if (refused !== null) return refuseUpgrade(socket, '400 Bad Request', JSON.stringify(refused));
    inner.emit('upgrade', request, socket, head);
  });
  fastify.register(async (scope) => {
    // The engine reads the body itself.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const url of [PATH, `${PATH}/`]) {
      scope.route({
        method: ['GET', 'POST'],
        url,
        exposeHeadRoute: false,
        handler(request, reply) {
          const refused = refusal(request.raw, io, options);
          if (refused !== null) {
            const body = Buffer.from(JSON.stringify(refused));
            return reply.code(400).type('text/plain').header('content-length', body.length).send(body);
          }
          reply.hijack();
          for (const [name, value] of Object.entries(corsHeaders(request.raw))) reply.raw.setHeader(name, value);
          inner.emit('request', request.raw, reply.raw);
          return reply;
        },
      });
    }
  });
  fastify.addHook('preClose', (done) => {
    closing = true;
    io.engine.close();
    done();
  });
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function isOurs(request: IncomingMessage): boolean {
  const path = pathOf(request);
  return path === PATH || path === `${PATH}/`;
}

/** Why a request is not let in (realtime note, 1.1), or null. */
function refusal(request: IncomingMessage, io: Server, { cors, transport }: EntranceOptions): string | null {
  const { origin } = request.headers;
  if (origin !== undefined && !originAllowed(cors, origin)) return `${origin} is not an accepted origin.`;
  const query = new URLSearchParams(request.url?.split('?')[1]);
  if ((query.get('transport') ?? 'polling') !== transport) return 'Invalid transport';
  const sid = query.get('sid');
  if (sid !== null) return Object.hasOwn(clientsOf(io), sid) ? null : `Invalid session ${sid}`;
  if (request.method !== 'GET') return 'Invalid session None';
  if (query.get('EIO') === '4') return null;
  return 'The client is using an unsupported version of the Socket.IO or Engine.IO protocols';
}

/** Open connections by engine id; not public in the types. */
function clientsOf(io: Server): object {
  return (io.engine as unknown as { clients: object }).clients;
}

function corsHeaders(request: IncomingMessage): Record<string, string> {
  const { origin } = request.headers;
  if (origin === undefined) return {};
  return { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: 'Origin' };
}

function refuseUpgrade(socket: Socket, status: string, body: string): void {
  socket.on('error', () => {});
  const type = body.startsWith('{') ? 'application/json' : 'text/plain';
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
