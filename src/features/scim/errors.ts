import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type Access, token } from '../../kernel/http/access.ts';
import { HttpError, ValidationError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';

type ScimType =
  | 'invalidFilter'
  | 'invalidPath'
  | 'invalidSyntax'
  | 'invalidValue'
  | 'mutability'
  | 'noTarget'
  | 'uniqueness';

const TYPES: ReadonlySet<string> = new Set([
  'invalidFilter',
  'invalidPath',
  'invalidSyntax',
  'invalidValue',
  'mutability',
  'noTarget',
  'uniqueness',
]);
const DEFAULT_TYPES: Record<number, ScimType> = { 400: 'invalidSyntax', 404: 'invalidValue', 409: 'uniqueness' };

/** An answer in the protocol's error shape; its `detail` also serves clients that know no other. */
export function scimError(
  status: number,
  detail: string,
  { type, ...options }: { type?: ScimType; headers?: Record<string, string>; cause?: unknown } = {},
): HttpError {
  const scimType = type ?? DEFAULT_TYPES[status];
  return new HttpError(status, detail, {
    ...options,
    ...(scimType && { code: scimType }),
    body: {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: String(status),
      detail,
      ...(scimType && { scimType }),
    },
  });
}

export const invalid = (detail: string, type: ScimType = 'invalidValue'): HttpError => scimError(400, detail, { type });

/** Like `route`; whatever its handler throws is answered in the protocol's shape. */
export const scimRoute: typeof route = (definition) => {
  const made: Route = route(definition);
  return {
    ...made,
    tag: 'scim',
    async handler(input) {
      try {
        return await made.handler(input);
      } catch (error) {
        if (!(error instanceof HttpError) || error instanceof ValidationError || error.body !== undefined) throw error;
        const type = error.code !== undefined && TYPES.has(error.code) ? (error.code as ScimType) : undefined;
        throw scimError(error.status, String(error.detail), { cause: error.cause, ...(type && { type }) });
      }
    },
  };
};

/** Who holds the operator's SCIM token (identity note, 17.1). */
export function scimToken(secret: string): Access<undefined, undefined> {
  return token('scim', (request) => assertToken(request, secret));
}

function assertToken(request: FastifyRequest, secret: string): void {
  const header = request.headers.authorization;
  const refuse = (detail: string) => scimError(401, detail, { headers: { 'www-authenticate': 'Bearer' } });
  if (!header) throw refuse('Authorization header required');
  const parts = header.trim().split(/\s+/);
  const [scheme = '', given = ''] = parts;
  if (parts.length !== 2) throw refuse('Invalid authorization format. Expected: Bearer <token>');
  if (scheme.toLowerCase() !== 'bearer') throw refuse('Invalid authentication scheme');
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  if (secret === '' || a.length !== b.length || !timingSafeEqual(a, b)) throw refuse('Invalid SCIM token');
}
