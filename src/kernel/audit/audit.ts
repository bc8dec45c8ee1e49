import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator, Principal, User } from '../http/principal.ts';
import { nowSeconds } from '../time.ts';
import { bodyText, catchStream } from './bodies.ts';
import { openLogFile } from './log-file.ts';
import type { AuditOptions } from './options.ts';
import { redactQuery } from './redact.ts';

/** Who did what, when, from where (identity note, 18). */
export interface Audit {
  /** Remembers whom a request was found to come from. */
  watch(authenticator: Authenticator): Authenticator;
  /** Looks at the requests of a server. Call it before anything packs its answers. */
  observe(fastify: FastifyInstance): void;
  /** Answers must be seen before they are packed. */
  readonly readsAnswers: boolean;
  /** A model was called; told apart from the request that led to it, and joined to it where there is one. */
  modelUsed(user: User | null, modelId: string, usage: Usage): void;
  /** Something that is no request of its own. */
  happened(verb: string, uri: string, user: Partial<Who>, extra: Record<string, unknown>): void;
  close(): Promise<void>;
}

export interface Usage {
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
}

/** Of whom an entry speaks. */
export type Who = Pick<User, 'id' | 'name' | 'email' | 'role'>;

interface Noted {
  id: string;
  user: Who | null;
  /** Of the API key with a name that was sent. */
  keyId: string | undefined;
  request: string | null;
  response: (() => string | null) | null;
}

const METHODS: ReadonlySet<string> = new Set(['PUT', 'PATCH', 'DELETE', 'POST']);
const ALWAYS = ['signin', 'signout', 'signup', 'mfa', 'ldap', 'oauth'].map((name) => `/api/v1/auths/${name}`);
/** Whatever is sent here is a credential or leads to one. */
const WITHOUT_BODIES = ['/api/v1/auths', '/oauth/'];
const QUIET_MS = 60_000;

/** Opens the audit log. Throws when its file cannot be written. */
export async function createAudit(options: AuditOptions, log: FastifyBaseLogger): Promise<Audit> {
  const empty = { user: {}, audit_level: options.level };
  const file =
    options.file &&
    (await openLogFile({
      ...options.file,
      onError: throttled((error, what) => log.error({ err: error }, what)),
      lostLine: (count) => lineOf({ ...empty, verb: 'AUDIT', extra: { event: 'entries_lost', count } }),
    }));
  // Whatever the application log leaves out, this was asked for.
  const out = options.stdout ? log.child({}, { level: 'info' }) : null;
  const requests = new WeakMap<FastifyRequest, Noted>();
  const current = new AsyncLocalStorage<string>();

  function write(entry: Entry): void {
    const line = lineOf({ ...empty, ...entry });
    file?.write(line);
    out?.info(line);
  }

  function note(request: FastifyRequest, { user, credential }: Principal): void {
    const noted = requests.get(request);
    if (!noted) return;
    noted.user = user;
    noted.keyId = credential.keyId;
  }

  return {
    readsAnswers: options.level === 'REQUEST_RESPONSE',
    watch: (authenticator) => ({
      async authenticate(request) {
        const principal = await authenticator.authenticate(request);
        note(request, principal);
        return principal;
      },
      async identify(request) {
        const principal = await authenticator.identify(request);
        if (principal) note(request, principal);
        return principal;
      },
    }),
    observe(fastify) {
      fastify.addHook('onRequest', (request, reply, done) => {
        if (!isAudited(options, request)) return done();
        const noted: Noted = { id: randomUUID(), user: null, keyId: undefined, request: null, response: null };
        requests.set(request, noted);
        // Also where the client goes away before the answer has ended.
        reply.raw.once('close', () => write(entryOf(noted, request, reply)));
        done();
      });
      fastify.addHook('preHandler', (request, _reply, done) => {
        const noted = requests.get(request);
        if (!noted) return done();
        if (options.level !== 'METADATA' && hasBodies(request)) {
          noted.request = bodyText(request.body, request.headers['content-type'], options.maxBody);
        }
        current.run(noted.id, done);
      });
      if (options.level !== 'REQUEST_RESPONSE') return;
      fastify.addHook('onSend', (request, reply, payload, done) => {
        const noted = requests.get(request);
        // What is packed already says nothing to a reader.
        if (!noted || !hasBodies(request) || reply.hasHeader('content-encoding')) return done(null, payload);
        const caught = catchStream(payload, String(reply.getHeader('content-type') ?? ''), options.maxBody);
        noted.response = caught.text;
        done(null, caught.payload);
      });
    },
    modelUsed(user, modelId, usage) {
      const requestId = current.getStore();
      const extra = { event: 'model_usage', ...(requestId === undefined ? {} : { request_id: requestId }) };
      write({ user: user ? shown(user) : {}, model_id: modelId, usage, extra });
    },
    happened(verb, uri, user, extra) {
      write({ user: shown(user), verb, request_uri: uri, extra });
    },
    close: async () => file?.close(),
  };
}

interface Entry {
  id?: string;
  user?: Record<string, unknown>;
  audit_level?: string;
  verb?: string;
  request_uri?: string;
  response_status_code?: number | null;
  source_ip?: string;
  user_agent?: string | null;
  model_id?: string;
  usage?: Usage;
  request_object?: string | null;
  response_object?: string | null;
  extra?: Record<string, unknown>;
}

function lineOf(entry: Entry): string {
  return JSON.stringify({
    id: entry.id ?? randomUUID(),
    timestamp: nowSeconds(),
    user: entry.user ?? {},
    audit_level: entry.audit_level ?? null,
    verb: entry.verb ?? null,
    request_uri: entry.request_uri ?? null,
    response_status_code: entry.response_status_code ?? null,
    source_ip: entry.source_ip ?? null,
    user_agent: entry.user_agent ?? null,
    model_id: entry.model_id ?? null,
    usage: entry.usage ?? null,
    request_object: entry.request_object ?? null,
    response_object: entry.response_object ?? null,
    extra: entry.extra ?? {},
  });
}

function entryOf(noted: Noted, request: FastifyRequest, reply: FastifyReply): Entry {
  const [path = '', query] = request.url.split(/\?(.*)/s);
  return {
    id: noted.id,
    user: noted.user ? shown(noted.user) : {},
    verb: request.method,
    request_uri: `${request.protocol}://${request.host ?? ''}${path}${query === undefined ? '' : `?${redactQuery(query)}`}`,
    // Nothing was answered when the client went before the answer began.
    response_status_code: reply.raw.headersSent ? reply.statusCode : null,
    source_ip: request.ip,
    user_agent: request.headers['user-agent'] ?? null,
    request_object: noted.request,
    response_object: noted.response?.() ?? null,
    ...(noted.keyId === undefined ? {} : { extra: { api_key: noted.keyId } }),
  };
}

function shown({ id, name, email, role }: Partial<Who>): Record<string, unknown> {
  return { id, name, email, role };
}

function isAudited(options: AuditOptions, request: FastifyRequest): boolean {
  if (!METHODS.has(request.method) && !(options.reads && request.method === 'GET')) return false;
  const path = pathOf(request);
  if (path.startsWith('/ws/socket.io')) return false;
  if (ALWAYS.some((prefix) => path.startsWith(prefix))) return true;
  return carriesCredential(request, options.apiKeyHeader) && options.covers(path);
}

function carriesCredential({ headers }: FastifyRequest, apiKeyHeader: string | null): boolean {
  return (
    Boolean(headers.authorization) ||
    /(?:^|;\s*)token=[^;]/.test(headers.cookie ?? '') ||
    (apiKeyHeader !== null && Boolean(headers[apiKeyHeader]))
  );
}

function hasBodies(request: FastifyRequest): boolean {
  const path = pathOf(request);
  return !WITHOUT_BODIES.some((prefix) => path.startsWith(prefix));
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function throttled(report: (error: unknown, what: string) => void): (error: unknown, what: string) => void {
  const quietUntil = new Map<string, number>();
  return (error, what) => {
    const now = performance.now();
    if ((quietUntil.get(what) ?? 0) > now) return;
    quietUntil.set(what, now + QUIET_MS);
    report(error, what);
  };
}
