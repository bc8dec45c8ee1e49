import { anyone } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { BASE, baseOf, GROUP_SCHEMA, USER_SCHEMA } from './present.ts';

const CORE = 'urn:ietf:params:scim:schemas:core:2.0:';

const PROVIDER_CONFIG = {
  schemas: [`${CORE}ServiceProviderConfig`],
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

const SCHEMAS = [
  {
    schemas: [`${CORE}Schema`],
    id: USER_SCHEMA,
    name: 'User',
    description: 'An account',
    attributes: [
      { name: 'userName', type: 'string', required: true, uniqueness: 'server' },
      { name: 'displayName', type: 'string', required: true },
      { name: 'emails', type: 'complex', multiValued: true, required: true },
      { name: 'active', type: 'boolean', required: false },
    ],
  },
  {
    schemas: [`${CORE}Schema`],
    id: GROUP_SCHEMA,
    name: 'Group',
    description: 'A group of accounts',
    attributes: [
      { name: 'displayName', type: 'string', required: true },
      { name: 'members', type: 'complex', multiValued: true, required: false },
    ],
  },
];

/** What the API can do; open, as providers ask before they have a token. */
export function discoveryRoutes(): Route[] {
  const resourceType = (name: string, schema: string, base: string) => ({
    schemas: [`${CORE}ResourceType`],
    id: name,
    name,
    endpoint: `/${name}s`,
    schema,
    meta: { location: `${base}/ResourceTypes/${name}`, resourceType: 'ResourceType' },
  });
  return [
    route({
      method: 'GET',
      url: `${BASE}/ServiceProviderConfig`,
      access: anyone,
      tag: 'scim',
      handler: () => PROVIDER_CONFIG,
    }),
    route({
      method: 'GET',
      url: `${BASE}/ResourceTypes`,
      access: anyone,
      tag: 'scim',
      handler: ({ request }) =>
        [
          ['User', USER_SCHEMA],
          ['Group', GROUP_SCHEMA],
        ].map(([name = '', schema = '']) => resourceType(name, schema, baseOf(request))),
    }),
    route({ method: 'GET', url: `${BASE}/Schemas`, access: anyone, tag: 'scim', handler: () => SCHEMAS }),
  ];
}
