import type { FastifyRequest } from 'fastify';
import { type Access, anyone } from '../../kernel/http/access.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import type { Route } from '../../kernel/http/route.ts';
import { scimRoute } from './errors.ts';
import { BASE, baseOf, presentList } from './present.ts';
import { fullSchemas, resourceTypes, SHORT_SCHEMAS } from './schemas.ts';

const PROVIDER_CONFIG = {
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
  patch: { supported: true },
  bulk: { supported: false, maxOperations: 1000, maxPayloadSize: 1_048_576 },
  filter: { supported: true, maxResults: 200 },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: false },
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'OAuth Bearer Token',
      description: 'The token set by the operator as SCIM_TOKEN',
    },
  ],
};

/**
 * What the API can do; open, as providers ask before they have a token. Open WebUI answers with bare lists: so do we, except
 * to clients that ask for the protocol's own media type.
 */
export function discoveryRoutes(access: Access<undefined, undefined>): Route[] {
  const discovery = (path: string, find: (request: FastifyRequest, id: string) => unknown): Route =>
    scimRoute({
      method: 'GET',
      url: `${BASE}/${path}`,
      access: anyone,
      handler({ request, params }) {
        const found = find(request, params.id ?? '');
        if (found === undefined) throw notFound(`Resource ${params.id ?? params['*']} not found`);
        return found;
      },
    });
  return [
    discovery('ServiceProviderConfig', () => PROVIDER_CONFIG),
    discovery('ResourceTypes', (request) => listOf(request, resourceTypes(baseOf(request)))),
    discovery('ResourceTypes/:id', (request, id) => resourceTypes(baseOf(request)).find((one) => one.id === id)),
    discovery('Schemas', (request) => listOf(request, fullSchemas(baseOf(request)), SHORT_SCHEMAS)),
    discovery('Schemas/:id', (request, id) => fullSchemas(baseOf(request)).find((one) => one.id === id)),
    scimRoute({
      method: 'POST',
      url: `${BASE}/.search`,
      access,
      handler() {
        throw new HttpError(501, 'Users and groups are searched one kind at a time.');
      },
    }),
    // Clients of the protocol expect its errors below its address.
    discovery('*', () => undefined),
  ];
}

function listOf(request: FastifyRequest, resources: unknown[], bare: unknown[] = resources): unknown {
  if (!request.headers.accept?.includes('application/scim+json')) return bare;
  return presentList(resources, resources.length, { startIndex: 1, count: resources.length });
}
