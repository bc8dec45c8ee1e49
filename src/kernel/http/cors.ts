import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Allowed origins: `*`, or the exact list (configuration note, 7.1). */
export interface CorsPolicy {
  origins: '*' | readonly string[];
}

const METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY';

/** Parses CORS_ALLOW_ORIGIN. Throws on an entry that is not an origin of an allowed scheme. */
export function parseCorsOrigins(text: string, customSchemes: string): CorsPolicy {
  const entries = text.split(';').map((entry) => entry.trim());
  if (entries.includes('*')) return { origins: '*' };
  const schemes = new Set(['http', 'https', ...customSchemes.split(';').map((scheme) => scheme.trim())]);
  for (const entry of entries) {
    const parts = /^([a-z][\w+.-]*):\/\/([^/\s]+)\/?$/i.exec(entry);
    if (!parts?.[1] || !schemes.has(parts[1].toLowerCase())) {
      throw new Error(`CORS_ALLOW_ORIGIN: "${entry}" is not an origin (scheme://host) of an allowed scheme`);
    }
  }
  return { origins: entries };
}

export function originAllowed(policy: CorsPolicy, origin: string): boolean {
  return policy.origins === '*' || policy.origins.includes(origin);
}

/** CORS answers as API clients and browsers got them so far: credentials allowed, the origin echoed only if allowed. */
export function registerCors(fastify: FastifyInstance, policy: CorsPolicy): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    reply.header('vary', 'Origin');
    if (origin === undefined) return done();
    reply.header('access-control-allow-credentials', 'true');
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method']) {
      answerPreflight(policy, origin, request, reply);
      return;
    }
    if (originAllowed(policy, origin)) reply.header('access-control-allow-origin', origin);
    done();
  });
}

function answerPreflight(policy: CorsPolicy, origin: string, request: FastifyRequest, reply: FastifyReply): void {
  const wanted = request.headers['access-control-request-headers'];
  const failures = [];
  if (originAllowed(policy, origin)) reply.header('access-control-allow-origin', origin);
  else failures.push('origin');
  const method = request.headers['access-control-request-method'] ?? '';
  if (!METHODS.split(', ').includes(method)) failures.push('method');
  if (request.headers['access-control-request-private-network'] === 'true') failures.push('private-network');
  reply
    .header('vary', VARY_PREFLIGHT)
    .header('access-control-allow-methods', METHODS)
    .header('access-control-max-age', '600')
    .type('text/plain; charset=utf-8');
  if (wanted) reply.header('access-control-allow-headers', wanted);
  if (failures.length === 0) reply.code(200).send('OK');
  else reply.code(400).send(`Disallowed CORS ${failures.join(', ')}`);
}

const VARY_PREFLIGHT =
  'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network';
