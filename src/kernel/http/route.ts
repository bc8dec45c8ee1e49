import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from './access.ts';
import type { MultipartForm, MultipartOptions } from './multipart.ts';
import type { Credential } from './principal.ts';
import type { Static, TSchema } from './shapes.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';

type Read<S> = S extends TSchema ? Static<S> : undefined;

/** What a handler gets. */
export interface Input<U, T, B, Q> {
  user: U;
  /** The object an `on()` policy loaded and checked. */
  target: T;
  credential: Credential | null;
  body: B;
  query: Q;
  params: Record<string, string>;
  request: FastifyRequest;
  reply: FastifyReply;
  /** Aborted when the client goes away before the answer is complete. */
  signal: AbortSignal;
  /** The multipart body (routes with `multipart: true`). */
  form: (options?: MultipartOptions) => Promise<MultipartForm>;
}

interface RouteOptions {
  url: string;
  /** Wire shape of the answer: for OpenAPI, and asserted by tests. Answers are never reshaped by it. */
  reply?: TSchema;
  /** Success status, default 200. */
  status?: number;
  /** Sent with every answer of the route, errors too. */
  headers?: Record<string, string>;
  /** Sent as `{detail}` with 422 in place of the item list. */
  invalidDetail?: string;
  multipart?: boolean;
  /** The body is neither parsed nor validated; `request.body` is the raw Buffer. */
  rawBody?: boolean;
  /** Bytes; default is the server's. */
  bodyLimit?: number;
  /** OpenAPI group; default is the first path segment after /api/v1. */
  tag?: string;
  /** Left out of /openapi.json. */
  hidden?: boolean;
}

export interface RouteDefinition<U, T, B extends TSchema | undefined, Q extends TSchema | undefined>
  extends RouteOptions {
  method: Method | Method[];
  access: Access<U, T>;
  body?: B;
  query?: Q;
  handler: (input: Input<U, T, Read<B>, Read<Q>>) => unknown;
}

/** A route with its types closed: what the server, OpenAPI, `loggia routes` and the matrix test read. */
export interface Route extends RouteOptions {
  methods: Method[];
  access: Access;
  body: TSchema | undefined;
  query: TSchema | undefined;
  handler: (input: Input<never, never, never, never>) => unknown;
}

/** Declares a route. */
export function route<
  U,
  T,
  const B extends TSchema | undefined = undefined,
  const Q extends TSchema | undefined = undefined,
>(definition: RouteDefinition<U, T, B, Q>): Route {
  const { method, body, query, access, handler, ...rest } = definition;
  return {
    ...rest,
    methods: Array.isArray(method) ? method : [method],
    access: access as Access,
    body,
    query,
    handler: handler as Route['handler'],
  };
}
