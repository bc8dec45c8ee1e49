import { randomUUID } from 'node:crypto';
import type { RequestListener, Server } from 'node:http';
import compress from '@fastify/compress';
import cookie from '@fastify/cookie';
import multipart from '@fastify/multipart';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Audit } from '../audit/index.ts';
import { admit } from './access.ts';
import { sendJson } from './answer.ts';
import { type CorsPolicy, registerCors } from './cors.ts';
import { answerError } from './error-answer.ts';
import type { HttpError } from './errors.ts';
import { createPacking } from './large-answer.ts';
import { createMethodIndex, type MethodIndex } from './method-index.ts';
import type { Authenticator, PermissionCheck } from './principal.ts';
import type { Route } from './route.ts';
import { createHandler, type RequestLimits } from './run-route.ts';
import { trustedPeers } from './trusted-peers.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route that a request met; absent where there is none. */
    route?: Route;
  }
}

export interface HttpOptions {
  log: FastifyBaseLogger;
  authenticator: Authenticator;
  permissions: PermissionCheck;
  /** What the answer to a change waits for: that other processes know of it. Null, or absent: for nothing. */
  settled?: () => Promise<void> | null;
  cors: CorsPolicy;
  /** Sent with every answer; they win over a route's own header of the same name. */
  securityHeaders: Record<string, string>;
  compression: boolean;
  /** Peers whose X-Forwarded-* headers count: `*`, or a comma list of addresses, CIDR ranges and proxy-addr names. */
  forwardedAllowIps: string;
  /** Bytes of a request body where the route sets no limit of its own; strangers get no more than ANONYMOUS_BODY_LIMIT. */
  bodyLimit: number;
  /** Foreign errors that have a better answer than 500 (database gone, unique violation), or null. */
  translateError: (error: unknown) => HttpError | null;
  /** Gives the server that requests come from; without it one is made, and opened by `fastify.listen`. */
  serverFactory?: (handler: RequestListener) => Server;
  /** How often routes may be called; null: as often as one likes. */
  limits?: RequestLimits | null;
  /** Looks at requests and answers before those are packed; null: nobody does. */
  audit?: Pick<Audit, 'observe' | 'readsAnswers'> | null;
}

export interface HttpServer {
  fastify: FastifyInstance;
  routes: readonly Route[];
  /** Which methods exist for a path: to tell 405 from 404. */
  methods: MethodIndex;
}

const ANONYMOUS_BODY_LIMIT = 16 * 1024 * 1024;
/** Bytes from which on the caller is asked for before the body is taken in. */
const LARGE_BODY = 1024 * 1024;

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Builds the HTTP server with its hooks and all routes; it does not listen yet. */
export async function createHttpServer(options: HttpOptions, routes: readonly Route[]): Promise<HttpServer> {
  const isTrusted = trustedPeers(options.forwardedAllowIps);
  const fastify = Fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimit,
    trustProxy: (address: string) => isTrusted(address),
    genReqId(request) {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: 65_000,
    ...(options.serverFactory ? { serverFactory: options.serverFactory } : {}),
    routerOptions: {
      maxParamLength: 2_000,
      ignoreTrailingSlash: false,
      querystringParser: (text) => parseQuery(text),
    },
  });
  fastify.removeAllContentTypeParsers();
  await fastify.register(cookie);
  await fastify.register(multipart, { throwFileSizeLimit: true });
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, payload, done) => done(null, payload));
  refuseHalfUpgrades(fastify);
  registerCors(fastify, options.cors);
  registerStandardHeaders(fastify, options.securityHeaders);
  options.audit?.observe(fastify);
  fastify.decorate('packing', options.compression && !options.audit?.readsAnswers ? createPacking() : null);
  if (options.compression) await registerCompression(fastify);
  fastify.setErrorHandler((error, request, reply) => answerError(error, request, reply, options.translateError));

  for (const one of routes) {
    const handler = createHandler(one, options);
    const open = one.access.kind === 'anyone' || one.access.kind === 'optional';
    const bodyLimit = one.bodyLimit ?? (open ? Math.min(options.bodyLimit, ANONYMOUS_BODY_LIMIT) : options.bodyLimit);
    for (const method of one.methods) {
      fastify.route({
        method,
        url: one.url,
        handler,
        bodyLimit,
        config: { route: one },
        ...(open ? {} : { onRequest: (request: FastifyRequest) => knowSender(one, request, options.authenticator) }),
      });
    }
  }
  return { fastify, routes, methods: createMethodIndex(routes) };
}

/** Nobody fills the memory without an account: who sends much is asked for before it is read, all others after. */
async function knowSender(one: Route, request: FastifyRequest, authenticator: Authenticator): Promise<void> {
  const { 'content-length': length, 'transfer-encoding': transfer } = request.headers;
  if (transfer === undefined && Number(length ?? 0) <= LARGE_BODY) return;
  await admit(one.access, request, authenticator);
}

/** A WebSocket connection that some proxy made an ordinary request of (configuration note, 7.2). */
function refuseHalfUpgrades(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!request.url.includes('/ws/socket.io') || !request.url.includes('transport=websocket')) return done();
    if (new URLSearchParams(request.url.split('?')[1]).get('transport') !== 'websocket') return done();
    const { upgrade, connection } = request.headers;
    if (upgrade?.toLowerCase() === 'websocket' && /\bupgrade\b/i.test(connection ?? '')) return done();
    sendJson(reply.code(400), { detail: 'Invalid WebSocket upgrade request' });
  });
}

/** Request id, time taken until the answer starts (seconds), and the operator's security headers. */
function registerStandardHeaders(fastify: FastifyInstance, securityHeaders: Record<string, string>): void {
  const fixed = Object.entries(securityHeaders);
  fastify.addHook('onSend', (request: FastifyRequest, reply: FastifyReply, payload: unknown, done) => {
    reply.header('x-process-time', (reply.elapsedTime / 1_000).toFixed(6));
    reply.header('x-request-id', request.id);
    for (const [name, value] of fixed) reply.header(name, value);
    done(null, payload);
  });
}

const COMPRESSIBLE =
  /^(?:text\/(?:html|css|plain|javascript|markdown|xml|vtt|calendar)|application\/(?:[\w.-]+\+)?(?:json|xml|javascript|wasm)|application\/(?:manifest\+json|x-javascript|x-font-ttf|vnd\.ms-fontobject)|font\/|image\/(?:svg\+xml|x-icon|bmp))/;

async function registerCompression(fastify: FastifyInstance): Promise<void> {
  const { constants } = await import('node:zlib');
  await fastify.register(compress, {
    globalDecompression: false,
    threshold: 500,
    encodings: ['zstd', 'br', 'gzip'],
    customTypes: COMPRESSIBLE,
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } },
    zlibOptions: { level: 4 },
  });
}

/** Query text to members; a member given several times becomes a list (the reader of a single value takes the last). */
function parseQuery(text: string): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = Object.create(null);
  if (text === '') return result;
  for (const [key, value] of new URLSearchParams(text)) {
    const before = result[key];
    result[key] = before === undefined ? value : [before, value].flat();
  }
  return result;
}
