import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** The listening socket. It is open from the first moment; what comes before the server behind it is built waits a while. */
export interface Door {
  server: Server;
  /** `http://127.0.0.1:8080`; empty while it takes no connections. */
  readonly address: string;
  /** Takes connections; until `open()` they wait, for a while. */
  listen(host: string, port: number): Promise<void>;
  /** From now on requests go to the handler given to `lead`, those that waited first. */
  open(): void;
  /** Fastify's `serverFactory`: where requests will lead. */
  lead(handler: RequestListener): Server;
  /** Takes no more connections, lets running requests finish, and ends those that take longer than `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const KEEP_ALIVE_MS = 65_000;
const IDLE_CHECK_MS = 50;
/** How long a request waits for the end of the start, and how many may; others are told to come again. */
const WAIT_MS = 30_000;
const MAX_WAITING = 1_000;
/** Probes ask for what is true now. */
const PROBES = ['/health', '/ready'];

/** A door nobody has opened yet (configuration note, 21: "listen early"). */
export function createDoor(): Door {
  let handler: RequestListener | undefined;
  let isOpen = false;
  let taken = '';
  let closed: Promise<void> | undefined;
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    if (isOpen && handler) handler(request, response);
    else if (PROBES.includes(pathOf(request)) || waiting.size >= MAX_WAITING) answerStarting(request, response);
    else wait(request, response);
  });

  function wait(request: IncomingMessage, response: ServerResponse): void {
    const leave = (): void => {
      clearTimeout(timer);
      waiting.delete(go);
    };
    const go = (): void => {
      leave();
      if (isOpen && handler) handler(request, response);
      else answerStarting(request, response);
    };
    const timer = setTimeout(go, WAIT_MS);
    waiting.add(go);
    response.once('close', leave);
  }

  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  async function close(graceMs: number): Promise<void> {
    if (!server.listening) return;
    const over = new Promise<void>((resolve) => server.close(() => resolve()));
    // Connections kept alive become idle one by one as their requests end.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    const grace = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    await over;
    clearInterval(idle);
    clearTimeout(grace);
  }

  return {
    server,
    get address() {
      return taken;
    },
    async listen(host, port) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => {
          server.off('error', reject);
          resolve();
        });
      });
      const { address, family, port: own } = server.address() as AddressInfo;
      taken = `http://${family === 'IPv6' ? `[${address}]` : address}:${own}`;
    },
    open() {
      isOpen = true;
      for (const go of waiting) go();
    },
    lead(given) {
      handler = given;
      return server;
    },
    close(graceMs) {
      closed ??= close(graceMs);
      return closed;
    },
  };
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split('?', 1)[0] ?? '';
}

/** /health tells that the process lives; everything else has to come again. */
function answerStarting(request: IncomingMessage, response: ServerResponse): void {
  const lives = pathOf(request) === '/health';
  const body = lives ? '{"status":true}' : '{"detail":"Startup not complete"}';
  response.writeHead(lives ? 200 : 503, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    connection: 'close',
    ...(lives ? {} : { 'retry-after': '1' }),
  });
  response.end(body);
}
