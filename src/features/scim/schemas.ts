import { GROUP_SCHEMA, USER_SCHEMA } from './present.ts';

const CORE = 'urn:ietf:params:scim:schemas:core:2.0:';

interface Attribute {
  name: string;
  type: 'string' | 'boolean' | 'complex' | 'reference';
  description: string;
  multiValued: boolean;
  required: boolean;
  caseExact: boolean;
  mutability: 'readWrite' | 'readOnly' | 'immutable';
  returned: 'default';
  uniqueness: 'none' | 'server';
  subAttributes?: Attribute[];
  referenceTypes?: string[];
  canonicalValues?: string[];
}

type Facts = Partial<Omit<Attribute, 'name' | 'type' | 'description'>>;

function attribute(name: string, type: Attribute['type'], description: string, facts: Facts = {}): Attribute {
  return {
    name,
    type,
    description,
    multiValued: false,
    required: false,
    caseExact: false,
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
    ...facts,
  };
}

const fixed: Facts = { mutability: 'readOnly' };
const unchanged: Facts = { mutability: 'immutable' };
const NEVER = 'Not kept';
const place = (description: string) => attribute('value', 'string', description, { required: true });

const USER_ATTRIBUTES: readonly Attribute[] = [
  attribute('userName', 'string', 'The address the account signs in with', { required: true, uniqueness: 'server' }),
  attribute('displayName', 'string', 'The name shown to others', { required: true }),
  attribute('name', 'complex', 'The parts of the name', {
    subAttributes: [
      attribute('formatted', 'string', 'The whole name'),
      attribute('givenName', 'string', 'The name up to its first blank'),
      attribute('familyName', 'string', 'What follows the first blank'),
      ...['middleName', 'honorificPrefix', 'honorificSuffix'].map((part) => attribute(part, 'string', NEVER, fixed)),
    ],
  }),
  attribute('emails', 'complex', 'The address the account signs in with', {
    multiValued: true,
    required: true,
    subAttributes: [
      place('The address'),
      attribute('type', 'string', 'Always "work"', fixed),
      attribute('primary', 'boolean', 'Which one of several counts'),
      attribute('display', 'string', NEVER, fixed),
    ],
  }),
  attribute('active', 'boolean', 'Whether the account may do anything'),
  attribute('photos', 'complex', 'The picture', {
    multiValued: true,
    subAttributes: [
      attribute('value', 'reference', 'Where it is', { referenceTypes: ['external'], caseExact: true }),
      attribute('type', 'string', 'Always "photo"', fixed),
      attribute('primary', 'boolean', 'Always true', fixed),
      attribute('display', 'string', NEVER, fixed),
    ],
  }),
  attribute('groups', 'complex', 'The groups the account is a direct member of', {
    ...fixed,
    multiValued: true,
    subAttributes: [
      attribute('value', 'string', 'The id of the group', fixed),
      attribute('$ref', 'reference', 'Where the group is', { ...fixed, referenceTypes: ['Group'], caseExact: true }),
      attribute('display', 'string', 'The name of the group', fixed),
      attribute('type', 'string', 'Always "direct"', fixed),
    ],
  }),
];

const GROUP_ATTRIBUTES: readonly Attribute[] = [
  attribute('displayName', 'string', 'The name of the group', { required: true }),
  attribute('members', 'complex', 'The direct members', {
    multiValued: true,
    subAttributes: [
      attribute('value', 'string', 'The id of the account', unchanged),
      attribute('$ref', 'reference', 'Where the account is', {
        ...unchanged,
        referenceTypes: ['User'],
        caseExact: true,
      }),
      attribute('type', 'string', 'Always "User"', { ...unchanged, canonicalValues: ['User'] }),
      attribute('display', 'string', 'The name of the account', fixed),
    ],
  }),
];

const head = (id: string, name: string, description: string) => ({
  schemas: [`${CORE}Schema`],
  id,
  name,
  description,
});
const USER_HEAD = head(USER_SCHEMA, 'User', 'An account');
const GROUP_HEAD = head(GROUP_SCHEMA, 'Group', 'A group of accounts');

/** What clients of Open WebUI are told of the resources. */
export const SHORT_SCHEMAS = [
  {
    ...USER_HEAD,
    attributes: [
      { name: 'userName', type: 'string', required: true, uniqueness: 'server' },
      { name: 'displayName', type: 'string', required: true },
      { name: 'emails', type: 'complex', multiValued: true, required: true },
      { name: 'active', type: 'boolean', required: false },
    ],
  },
  {
    ...GROUP_HEAD,
    attributes: [
      { name: 'displayName', type: 'string', required: true },
      { name: 'members', type: 'complex', multiValued: true, required: false },
    ],
  },
];

/** The resources as RFC 7643 has them described. */
export function fullSchemas(base: string) {
  return [
    { ...USER_HEAD, attributes: USER_ATTRIBUTES },
    { ...GROUP_HEAD, attributes: GROUP_ATTRIBUTES },
  ].map((schema) => ({
    ...schema,
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${schema.id}` },
  }));
}

export function resourceTypes(base: string) {
  return [
    { name: 'User', schema: USER_SCHEMA },
    { name: 'Group', schema: GROUP_SCHEMA },
  ].map(({ name, schema }) => ({
    schemas: [`${CORE}ResourceType`],
    id: name,
    name,
    endpoint: `/${name}s`,
    schema,
    meta: { location: `${base}/ResourceTypes/${name}`, resourceType: 'ResourceType' },
  }));
}
