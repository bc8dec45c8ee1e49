import type { Actor } from './actors.ts';
import type { Credential } from './expected.ts';

type Headers = Record<string, string>;

/** One way a credential travels. */
interface Carrier {
  name: string;
  credential: Credential;
  /** `admin` is for carriers that name two people at once. */
  headers(actor: Actor, admin: Actor): Headers;
}

/** Every place a credential is taken from, and pairs of places: the first must win. */
export const CARRIERS: readonly Carrier[] = [
  { name: 'Bearer', credential: 'session', headers: ({ session }) => ({ authorization: `Bearer ${session}` }) },
  { name: 'bearer', credential: 'session', headers: ({ session }) => ({ authorization: `bearer ${session}` }) },
  { name: 'another scheme', credential: 'session', headers: ({ session }) => ({ authorization: `Token ${session}` }) },
  { name: 'cookie', credential: 'session', headers: ({ session }) => ({ cookie: `a=b; token=${session}; c=d` }) },
  { name: 'custom header', credential: 'session', headers: ({ session }) => ({ 'x-api-key': session }) },
  { name: 'key as Bearer', credential: 'key', headers: ({ key }) => ({ authorization: `Bearer ${key}` }) },
  { name: 'bare key', credential: 'key', headers: ({ key }) => ({ authorization: key }) },
  { name: 'key of another scheme', credential: 'key', headers: ({ key }) => ({ authorization: `Token ${key}` }) },
  { name: 'key as cookie', credential: 'key', headers: ({ key }) => ({ cookie: `token=${key}` }) },
  { name: 'x-api-key', credential: 'key', headers: ({ key }) => ({ 'x-api-key': key }) },
  {
    name: 'x-api-key behind a gateway with a password',
    credential: 'key',
    headers: ({ key }) => ({ authorization: `Basic ${Buffer.from('gate:way').toString('base64')}`, 'X-API-Key': key }),
  },
  {
    name: "Bearer before an administrator's cookie and key",
    credential: 'session',
    headers: ({ session }, admin) => ({
      authorization: `Bearer ${session}`,
      cookie: `token=${admin.session}`,
      'x-api-key': admin.key,
    }),
  },
  {
    name: "cookie before an administrator's key",
    credential: 'session',
    headers: ({ session }, admin) => ({ cookie: `token=${session}`, 'x-api-key': admin.key }),
  },
];

/** Places that carry nothing, with good credentials in them. */
export const NOT_CARRIERS: readonly { name: string; query?: string; headers?(actor: Actor): Headers }[] = [
  { name: 'nothing' },
  {
    name: 'other headers',
    headers: ({ session, key }) => ({
      'x-auth-token': session,
      'x-access-token': session,
      'proxy-authorization': `Bearer ${session}`,
      'x-forwarded-user': 'ada@example.com',
      'x-webauth-email': 'ada@example.com',
      'api-key': key,
    }),
  },
  {
    name: 'other cookies',
    headers: ({ session }) => ({ cookie: `session=${session}; Token=${session}; auth=${session}` }),
  },
  { name: 'the query', query: 'the query' },
];

/** The query that must carry nothing. */
export function credentialsInQuery({ session, key }: Actor): string {
  return `token=${session}&access_token=${session}&auth=${session}&api_key=${key}&key=${key}&authorization=Bearer%20${session}`;
}
