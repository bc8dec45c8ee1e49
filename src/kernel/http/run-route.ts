import type { FastifyReply, FastifyRequest } from 'fastify';
import { admit, examine } from './access.ts';
import { sendJson } from './answer.ts';
import { HttpError, ValidationError } from './errors.ts';
import { type ParsedBody, parseBody } from './json-body.ts';
import { type MultipartForm, type MultipartOptions, readMultipart } from './multipart.ts';
import type { Authenticator, Credential, PermissionCheck, User } from './principal.ts';
import type { Route } from './route.ts';
import type { TSchema } from './shapes.ts';
import { validate, validateAll } from './validate.ts';

interface Ports {
  authenticator: Authenticator;
  permissions: PermissionCheck;
  settled?: () => Promise<void> | null;
  limits?: RequestLimits | null;
}

/** How often routes may be called. */
export interface RequestLimits {
  /** What counts a call of the route, and throws 429 past its limit; null where it has none. */
  of(route: Route): ((request: FastifyRequest, user: User | null) => Promise<void>) | null;
}

/** The handler Fastify runs: broken JSON first, then caller and role, then the fields, then permission and object (note 20.2). */
export function createHandler(route: Route, ports: Ports) {
  const count = ports.limits?.of(route) ?? null;
  return async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (route.headers) reply.headers(route.headers);
    if (route.status !== undefined) reply.code(route.status);
    try {
      const parsed = route.body ? parseBody(request.headers['content-type'], rawBody(request)) : undefined;
      const params = request.params as Record<string, string>;
      const admitted = await admit(route.access, request, ports.authenticator);
      if (count) await count(request, admitted.user ?? null);
      const [query, body] = readInput(route, request, parsed);
      const target = await examine(route.access, admitted, params, ports.permissions);
      const input = new RouteInput(request, reply, params, admitted.credential, query, body);
      input.user = admitted.user;
      input.target = target;
      const result = await route.handler(input as never);
      if (result === reply || reply.sent) return reply;
      // Whoever is told that a right is gone may ask any process next.
      const settling = request.method === 'GET' ? null : ports.settled?.();
      if (settling) await settling;
      return sendJson(reply, result);
    } catch (error) {
      if (route.invalidDetail !== undefined && error instanceof ValidationError) {
        throw new HttpError(422, route.invalidDetail, { code: 'validation', cause: error });
      }
      throw error;
    }
  };
}

class RouteInput {
  user: unknown;
  target: unknown;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly params: Record<string, string>;
  readonly credential: Credential | null;
  readonly query: unknown;
  readonly body: unknown;
  #signal: AbortSignal | undefined;

  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    params: Record<string, string>,
    credential: Credential | null,
    query: unknown,
    body: unknown,
  ) {
    this.request = request;
    this.reply = reply;
    this.params = params;
    this.credential = credential;
    this.query = query;
    this.body = body;
  }

  get signal(): AbortSignal {
    this.#signal ??= disconnectSignal(this.reply);
    return this.#signal;
  }

  readonly form = async (options?: MultipartOptions): Promise<MultipartForm> => readMultipart(this.request, options);
}

/** `request.signal` fires once a POST body has been read; the response's `close` before its end is the real disconnect. */
function disconnectSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('The client closed the connection.'));
  });
  return controller.signal;
}

function rawBody(request: FastifyRequest): Buffer | undefined {
  return Buffer.isBuffer(request.body) ? request.body : undefined;
}

function readInput(route: Route, request: FastifyRequest, parsed: ParsedBody | undefined): [unknown, unknown] {
  if (route.query && route.body && parsed?.kind === 'json' && parsed.value !== null) {
    const sources = [
      { schema: route.query, value: queryValues(route.query, request), loc: ['query'] },
      { schema: route.body, value: parsed.value, loc: ['body'] },
    ];
    const [query, body] = validateAll(sources);
    return [query, body];
  }
  const query = route.query ? validate(route.query, queryValues(route.query, request), ['query']) : undefined;
  return [query, route.body && parsed ? readBody(route.body, parsed) : undefined];
}

function readBody(schema: TSchema, parsed: ParsedBody): unknown {
  if (parsed.kind === 'json' && parsed.value !== null) return validate(schema, parsed.value, ['body']);
  if (parsed.kind === 'text') return validate(schema, parsed.text, ['body']);
  if ('default' in schema) return structuredClone(schema.default);
  throw new ValidationError([{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }]);
}

/** Query members with the last value where one is wanted; `input` of a missing member is the whole query. */
function queryValues(schema: TSchema, request: FastifyRequest): Record<string, unknown> {
  const properties = (schema as { properties?: Record<string, { type?: string }> }).properties ?? {};
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(request.query as Record<string, string | string[]>)) {
    if (properties[key]?.type === 'array') values[key] = [value].flat();
    else values[key] = Array.isArray(value) ? value.at(-1) : value;
  }
  return values;
}
