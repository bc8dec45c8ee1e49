import assert from 'node:assert/strict';
import { type Account, signUp } from './client.ts';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { startServer, type TestServer } from './server.ts';
import { newVisitor, type Sent, type Visitor } from './visitor.ts';

export const FAILED = 'Sign-in with your identity provider failed. Please contact your administrator for assistance.';
export const PROHIBITED =
  'You do not have permission to access this resource. Please contact your administrator for assistance.';
const CONFIG = '/api/v1/auths/admin/config/oauth';

export const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export interface Shown {
  id: string;
  email: string;
  name: string;
  role: string;
  profile_image_url: string;
}

/** A server, its administrator, and the provider its people sign in at. */
export interface Site {
  server: TestServer;
  idp: IdentityProvider;
  admin: Account;
}

export async function openSite(env: Record<string, string> = {}): Promise<Site> {
  const idp = await startIdentityProvider();
  const server = await startServer({ env: { ...idp.env, OAUTH_TIMEOUT: '1', ...env } });
  return { server, idp, admin: await signUp(server) };
}

export async function closeSite(site: Site | undefined): Promise<void> {
  await site?.server.stop();
  await site?.idp.stop();
}

/** One whole sign-in; the provider is set up by the test before. */
export async function signInAt({ server, idp }: Site, visitor = newVisitor(server)): Promise<Visitor & { sent: Sent }> {
  const sent = await visitor.comeBack(idp.agree(await visitor.leave()));
  return { ...visitor, sent };
}

export const me = (visitor: Visitor) => visitor.signedIn().ok<Shown>('GET', '/api/v1/auths/');

export async function accountsLike({ admin }: Site, text: string): Promise<number> {
  const { total } = await admin.ok<{ total: number }>('GET', `/api/v1/users/?query=${encodeURIComponent(text)}`);
  return total;
}

/** The browser is told on the sign-in page, gets no session, and there is no account. */
export async function assertRefused(site: Site, sent: Sent, shown = FAILED): Promise<void> {
  const query = new URLSearchParams({ error: shown });
  assert.deepEqual([sent.status, sent.location], [307, `${site.server.base}/auth?${query}`]);
  const { 'owui-session': _flow, ...cookies } = sent.cookies;
  assert.deepEqual(cookies, {});
  assert.equal(await accountsLike(site, String(site.idp.person.email)), 0);
}

/** Changes settings of the administrator's form; gives what puts them back. */
export async function settings({ admin }: Site, change: Record<string, unknown>): Promise<() => Promise<unknown>> {
  const old = await admin.ok<Record<string, unknown>>('GET', CONFIG);
  await admin.ok('POST', CONFIG, { json: change });
  const back = Object.fromEntries(Object.keys(change).map((key) => [key, old[key]]));
  return () => admin.ok('POST', CONFIG, { json: back });
}
