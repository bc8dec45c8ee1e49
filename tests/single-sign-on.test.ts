import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import SqliteFile from 'better-sqlite3';
import { type Account, addAccount, apiClient, signUp } from './support/client.ts';
import { type IdentityProvider, startIdentityProvider } from './support/identity-provider.ts';
import { startServer, type TestServer } from './support/server.ts';
import { newVisitor, type Sent, type Visitor } from './support/visitor.ts';
import { until } from './support/wait.ts';

const FAILED = 'Sign-in with your identity provider failed. Please contact your administrator for assistance.';
const PROHIBITED =
  'You do not have permission to access this resource. Please contact your administrator for assistance.';
const TAKEN =
  'Uh-oh! This email is already registered. Sign in with your existing account or choose another email to start anew.';
const CONFIG = '/api/v1/auths/admin/config/oauth';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

interface Shown {
  id: string;
  email: string;
  name: string;
  role: string;
  profile_image_url: string;
}

/** A server, its administrator, and the provider its people sign in at. */
interface Site {
  server: TestServer;
  idp: IdentityProvider;
  admin: Account;
}

async function openSite(env: Record<string, string> = {}): Promise<Site> {
  const idp = await startIdentityProvider();
  const server = await startServer({ env: { ...idp.env, OAUTH_TIMEOUT: '1', ...env } });
  return { server, idp, admin: await signUp(server) };
}

async function closeSite(site: Site | undefined): Promise<void> {
  await site?.server.stop();
  await site?.idp.stop();
}

/** One whole sign-in; the provider is set up by the test before. */
async function signInAt({ server, idp }: Site, visitor = newVisitor(server)): Promise<Visitor & { sent: Sent }> {
  const sent = await visitor.comeBack(idp.agree(await visitor.leave()));
  return { ...visitor, sent };
}

const me = (visitor: Visitor) => visitor.signedIn().ok<Shown>('GET', '/api/v1/auths/');

async function accountsLike({ admin }: Site, text: string): Promise<number> {
  const { total } = await admin.ok<{ total: number }>('GET', `/api/v1/users/?query=${encodeURIComponent(text)}`);
  return total;
}

/** The browser is told on the sign-in page, gets no session, and there is no account. */
async function assertRefused(site: Site, sent: Sent, shown = FAILED): Promise<void> {
  const query = new URLSearchParams({ error: shown });
  assert.deepEqual([sent.status, sent.location], [307, `${site.server.base}/auth?${query}`]);
  const { 'owui-session': _flow, ...cookies } = sent.cookies;
  assert.deepEqual(cookies, {});
  assert.equal(await accountsLike(site, String(site.idp.person.email)), 0);
}

/** Changes settings of the administrator's form; gives what puts them back. */
async function settings({ admin }: Site, change: Record<string, unknown>): Promise<() => Promise<unknown>> {
  const old = await admin.ok<Record<string, unknown>>('GET', CONFIG);
  await admin.ok('POST', CONFIG, { json: change });
  const back = Object.fromEntries(Object.keys(change).map((key) => [key, old[key]]));
  return () => admin.ok('POST', CONFIG, { json: back });
}

describe('hostile and broken sign-ins', () => {
  let site: Site;
  before(async () => {
    site = await openSite();
  });
  after(() => closeSite(site));

  const person = (name: string) => {
    site.idp.reset();
    site.idp.person = { sub: `${name}-sub`, email: `${name}@example.com`, name };
  };
  const logged = (reason: string) =>
    until(() => site.server.output().includes(reason), { what: `"${reason}" in the log` });

  // First: keys are fetched anew only every ten seconds.
  it('takes keys that were replaced under the same id, for the same id token', async () => {
    person('rotated');
    await signInAt(site);
    site.idp.rotate();
    const visitor = await signInAt(site);
    assert.equal(visitor.sent.location, `${site.server.base}/auth`);
    assert.equal(site.idp.asked.filter(({ path }) => path === '/token').length, 2);
  });

  it('refuses a state this browser has not begun, or another one has', async () => {
    person('forged');
    const [own, other] = [newVisitor(site.server), newVisitor(site.server)];
    const query = site.idp.agree(await other.leave());
    await own.leave();
    await assertRefused(site, await own.comeBack(query));
    await assertRefused(site, await newVisitor(site.server).comeBack(query));
    await assertRefused(site, await own.comeBack({ ...query, state: '' }));
    await assertRefused(site, await own.comeBack({ code: query.code ?? '' }));
    own.cookies.set('owui-session', 'eyJhbGciOiJub25lIn0.e30.');
    await assertRefused(site, await own.comeBack(query));
    await logged('this browser has begun no sign-in with this state');
    assert.equal(site.idp.asked.filter(({ path }) => path === '/token').length, 0);
  });

  it('takes each return once, even where the provider takes codes twice', async () => {
    person('replayed');
    site.idp.sloppy = true;
    const visitor = newVisitor(site.server);
    const query = site.idp.agree(await visitor.leave());
    const copied = new Map(visitor.cookies);
    assert.equal((await visitor.comeBack(query)).location, `${site.server.base}/auth`);
    const thief = newVisitor(site.server);
    for (const [name, value] of copied) thief.cookies.set(name, value);
    const sent = await thief.comeBack(query);
    assert.match(sent.location, /\/auth\?error=/);
    assert.equal(thief.cookies.has('token'), false);
    await logged('this sign-in has come back before');
  });

  it('lets two returns at once through once', async () => {
    person('twice');
    site.idp.sloppy = true;
    const visitor = newVisitor(site.server);
    const query = site.idp.agree(await visitor.leave());
    const both = [newVisitor(site.server), newVisitor(site.server)];
    for (const one of both) for (const [name, value] of visitor.cookies) one.cookies.set(name, value);
    const sent = await Promise.all(both.map((one) => one.comeBack(query)));
    assert.deepEqual(sent.map(({ location }) => location.includes('error')).sort(), [false, true]);
  });

  it('keeps the tabs of one browser apart', async () => {
    person('tabs');
    const visitor = newVisitor(site.server);
    const first = site.idp.agree(await visitor.leave());
    const second = site.idp.agree(await visitor.leave());
    assert.equal((await visitor.comeBack(first)).location, `${site.server.base}/auth`);
    assert.equal((await visitor.comeBack(second)).location, `${site.server.base}/auth`);
  });

  it('gives a code without its PKCE verifier no tokens', async () => {
    person('pkce');
    const [victim, thief] = [newVisitor(site.server), newVisitor(site.server)];
    const { code = '' } = site.idp.agree(await victim.leave());
    const { state = '' } = site.idp.agree(await thief.leave());
    await assertRefused(site, await thief.comeBack({ code, state }));
    await logged('the provider answered invalid_grant');
  });

  it('says nothing of what a provider or a browser sends', async () => {
    person('declined');
    const visitor = newVisitor(site.server);
    const { state = '' } = site.idp.agree(await visitor.leave());
    const query = { error: 'access_denied', error_description: 'secret-description', state };
    await assertRefused(site, await visitor.comeBack(query));
    await logged('the provider answered access_denied');
    assert.doesNotMatch(site.server.output(), /secret-description|code-[0-9a-f]{16}|provider-client-secret|@example/);
  });

  const forge = (alg: string, signature: (head: string) => string) => (claims: Record<string, unknown>) => {
    const head = `${encode({ alg, typ: 'JWT', kid: 'key' })}.${encode(claims)}`;
    return `${head}.${signature(head)}`;
  };
  const CASES: Record<string, (idp: IdentityProvider) => void> = {
    'another nonce': (idp) => {
      idp.tweak = (claims) => ({ ...claims, nonce: 'other' });
    },
    'no nonce': (idp) => {
      idp.tweak = ({ nonce: _nonce, ...claims }) => claims;
    },
    'the issuer of somebody else': (idp) => {
      idp.tweak = (claims) => ({ ...claims, iss: 'https://accounts.google.com' });
    },
    'another audience': (idp) => {
      idp.tweak = (claims) => ({ ...claims, aud: 'another-client' });
    },
    'several audiences and another party': (idp) => {
      idp.tweak = (claims) => ({ ...claims, aud: [idp.clientId, 'another'], azp: 'another' });
    },
    'its time over': (idp) => {
      idp.tweak = (claims) => ({ ...claims, iat: 1_000_000, exp: 1_003_600 });
    },
    'no subject': (idp) => {
      idp.tweak = ({ sub: _sub, ...claims }) => claims;
    },
    'the hash of another access token': (idp) => {
      idp.tweak = (claims) => ({ ...claims, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' });
    },
    'alg none': (idp) => {
      idp.makeIdToken = forge('none', () => '');
    },
    'alg none and a signature': (idp) => {
      idp.makeIdToken = forge('none', () => 'AAAA');
    },
    'a signature made with the client secret': (idp) => {
      idp.makeIdToken = forge('HS256', (head) =>
        createHmac('sha256', idp.clientSecret).update(head).digest('base64url'),
      );
    },
    'the signature of another token': (idp) => {
      idp.makeIdToken = (claims) => {
        const [head, body] = idp.sign(claims).split('.');
        return `${head}.${body}.${idp.sign({ ...claims, sub: 'x' }).split('.')[2]}`;
      };
    },
    'a key that is not published': (idp) => {
      idp.makeIdToken = (claims) => idp.sign(claims, { kid: 'unknown' });
    },
    'nothing of a token': (idp) => {
      idp.makeIdToken = () => 'abc';
    },
  };
  for (const [what, prepare] of Object.entries(CASES)) {
    it(`refuses an id token with ${what}`, async () => {
      person('hostile');
      prepare(site.idp);
      await assertRefused(site, (await signInAt(site)).sent);
    });
  }

  it('refuses a response that says it is of another issuer', async () => {
    person('mixed-up');
    const visitor = newVisitor(site.server);
    const query = { ...site.idp.agree(await visitor.leave()), iss: 'https://attacker.example' };
    await assertRefused(site, await visitor.comeBack(query));
    assert.equal(site.idp.asked.filter(({ path }) => path === '/token').length, 0);
  });

  it('refuses userinfo about somebody else than the id token', async () => {
    person('mixed');
    site.idp.person = { sub: 'mixed-sub', email: 'mixed@example.com' };
    site.idp.userinfo = { sub: 'another', email: 'mixed@example.com', name: 'Another' };
    await assertRefused(site, (await signInAt(site)).sent);
    await logged('userinfo is about another subject than the id token');
  });

  for (const [what, status, type, body] of [
    ['an error', 500, 'text/html', '<h1>broken</h1>'],
    ['no JSON', 200, 'application/json', '{"access_token": "at-secret'],
    ['an endless answer', 200, 'application/json', `{"access_token": "${'x'.repeat(2_000_000)}"}`],
    ['a redirect', 302, 'text/plain', ''],
  ] as const) {
    it(`refuses a token endpoint that answers ${what}`, async () => {
      person('broken');
      site.idp.handlers.set('/token', (_request, response) => {
        response.writeHead(status, { 'content-type': type, location: 'http://127.0.0.1:9/' }).end(body);
      });
      await assertRefused(site, (await signInAt(site)).sent);
      assert.doesNotMatch(site.server.output(), /at-secret/);
    });
  }

  it('waits for a slow provider no longer than it may', async () => {
    person('slow');
    site.idp.handlers.set('/token', () => {});
    const began = performance.now();
    await assertRefused(site, (await signInAt(site)).sent);
    assert.ok(performance.now() - began < 10_000);
    person('trickling');
    site.idp.handlers.set('/token', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{');
    });
    await assertRefused(site, (await signInAt(site)).sent);
    await logged('"reason":"OAUTH_TIMEOUT"');
  });

  it('sends nobody anywhere but to its own sign-in page', async () => {
    person('redirected');
    const own = `${site.server.base}/auth?error=`;
    const visitor = newVisitor(site.server);
    const hostile = { 'x-forwarded-host': 'evil.example' };
    const to = await visitor.get(
      '/oauth/oidc/login?redirect=https://evil.example&redirect_uri=https://evil.example',
      hostile,
    );
    const asked = new URL(to.location).searchParams;
    assert.equal(asked.get('redirect_uri'), `${site.server.base}/oauth/oidc/callback`);
    assert.doesNotMatch(to.location, /evil/);
    const query = new URLSearchParams({
      code: 'x',
      state: 'x',
      redirect: 'https://evil.example',
      next: '//evil.example',
    });
    const back = await visitor.get(`/oauth/oidc/callback?${query}`, hostile);
    assert.ok(back.location.startsWith(own), back.location);
    for (const path of ['/oauth/%2F%2Fevil.example/login', '/oauth/constructor/login', '/oauth/__proto__/callback']) {
      assert.equal((await visitor.get(path)).status, 404, path);
    }
  });
});

describe('a provider that is dead', () => {
  it('is told on the sign-in page, and asked anew by the next sign-in', async () => {
    const idp = await startIdentityProvider();
    const server = await startServer({ env: { ...idp.env, OAUTH_TIMEOUT: '1' } });
    try {
      idp.handlers.set('/.well-known/openid-configuration', () => {});
      const dead = await newVisitor(server).get('/oauth/oidc/login');
      assert.equal(dead.location, `${server.base}/auth?${new URLSearchParams({ error: FAILED })}`);
      idp.reset();
      assert.ok((await newVisitor(server).leave()).startsWith(`${idp.url}/authorize?`));
      // What is known of it by now serves on; its tokens cannot be had.
      const visitor = newVisitor(server);
      const query = idp.agree(await visitor.leave());
      await idp.stop();
      assert.match((await visitor.comeBack(query)).location, /\/auth\?error=/);
      await until(() => server.output().includes('ECONNREFUSED'));
    } finally {
      await server.stop();
    }
  });
});

describe('who gets which account', () => {
  let site: Site;
  before(async () => {
    site = await openSite({
      ENABLE_LOCAL_WEB_FETCH: 'true',
      WEBUI_AUTH_SIGNOUT_REDIRECT_URL: 'https://bye.example/a?b=c&d',
    });
  });
  after(() => closeSite(site));

  it('links accounts by address only where the provider vouches for it', async () => {
    const back = await settings(site, { OAUTH_MERGE_ACCOUNTS_BY_EMAIL: true });
    const account = await addAccount(site.admin, 'merged');
    site.idp.reset();
    const theft = { sub: 'thief', email: account.email, name: 'Thief' };
    for (const verified of [false, 'false']) {
      site.idp.person = { ...theft, email_verified: verified };
      const sent = (await signInAt(site)).sent;
      assert.equal(sent.location, `${site.server.base}/auth?${new URLSearchParams({ error: TAKEN })}`);
    }
    site.idp.person = { sub: 'owner', email: account.email.toUpperCase(), name: 'Owner', email_verified: true };
    assert.equal((await me(await signInAt(site))).id, account.id);
    await back();
    // The link stays; the address counts no more.
    site.idp.person = { sub: 'owner', email: 'elsewhere@example.com', name: 'Owner' };
    assert.equal((await me(await signInAt(site))).id, account.id);
  });

  it('links no account of somebody who is not let in', async () => {
    const account = await addAccount(site.admin, 'unlinked');
    const change = { OAUTH_MERGE_ACCOUNTS_BY_EMAIL: true, ENABLE_OAUTH_ROLE_MANAGEMENT: true };
    const back = await settings(site, { ...change, OAUTH_ALLOWED_ROLES: 'staff' });
    site.idp.reset();
    site.idp.person = { sub: 'refused', email: account.email, name: 'Refused', roles: ['guest'] };
    const { sent } = await signInAt(site);
    assert.equal(sent.location, `${site.server.base}/auth?${new URLSearchParams({ error: PROHIBITED })}`);
    const { oauth } = await site.admin.ok<{ oauth: unknown }>('GET', `/api/v1/users/${account.id}`);
    assert.equal(oauth, null);
    await back();
  });

  it('changes nothing of an account whose roles are refused', async () => {
    site.idp.reset();
    site.idp.person = { sub: 'demoted', email: 'demoted@example.com', name: 'Before' };
    const first = await signInAt(site);
    const back = await settings(site, {
      ENABLE_OAUTH_ROLE_MANAGEMENT: true,
      OAUTH_ALLOWED_ROLES: 'staff',
      OAUTH_UPDATE_NAME_ON_LOGIN: true,
    });
    site.idp.person = { ...site.idp.person, name: 'After', roles: ['guest'] };
    const sent = (await signInAt(site)).sent;
    assert.equal(sent.location, `${site.server.base}/auth?${new URLSearchParams({ error: PROHIBITED })}`);
    await back();
    assert.deepEqual([(await me(first)).name, (await me(first)).role], ['Before', 'user']);
  });

  it('asks userinfo about people of providers that make no id tokens', async () => {
    for (const id of [undefined, null]) {
      site.idp.reset();
      site.idp.tokens = { id_token: id };
      site.idp.userinfo = { sub: 'plain', email: 'plain@example.com', name: 'Plain' };
      assert.equal((await me(await signInAt(site))).name, 'Plain');
    }
    site.idp.tokens = { id_token: '' };
    assert.match((await signInAt(site)).sent.location, /\/auth\?error=/);
    site.idp.tokens = { id_token: undefined, token_type: 'mac' };
    assert.match((await signInAt(site)).sent.location, /\/auth\?error=/);
  });

  it('knows subjects that earlier releases stored as numbers, and turns nobody in who is switched off', async () => {
    site.idp.reset();
    const account = await addAccount(site.admin, 'numbered');
    const file = new SqliteFile(join(site.server.dataDir, 'webui.db'));
    const set = (oauth: object) =>
      file.prepare('UPDATE user SET oauth = ? WHERE id = ?').run(JSON.stringify(oauth), account.id);
    set({ github: { sub: 'kept' }, oidc: { sub: 4711, extra: 1 } });
    site.idp.person = { sub: '4711', email: 'numbered-elsewhere@example.com', name: 'Numbered' };
    assert.equal((await me(await signInAt(site))).id, account.id);
    const row = file.prepare('SELECT oauth FROM user WHERE id = ?').get(account.id) as { oauth: string };
    assert.deepEqual(JSON.parse(row.oauth), { github: { sub: 'kept' }, oidc: { sub: '4711', extra: 1 } });
    file.prepare('UPDATE auth SET active = 0 WHERE id = ?').run(account.id);
    file.close();
    const { sent } = await signInAt(site);
    assert.equal(sent.location, `${site.server.base}/auth?${new URLSearchParams({ error: PROHIBITED })}`);
  });

  it('makes one account of two first sign-ins at once', async () => {
    site.idp.reset();
    site.idp.person = { sub: 'racing', email: 'racing@example.com', name: 'Racing' };
    const visitors = await Promise.all([signInAt(site), signInAt(site), signInAt(site)]);
    const ids = await Promise.all(visitors.map(async (one) => (await me(one)).id));
    assert.equal(new Set(ids).size, 1);
  });

  it('tells what happened', async () => {
    const got: Record<string, unknown>[] = [];
    const receiver = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on('end', () => {
        got.push(JSON.parse(text) as Record<string, unknown>);
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await until(() => receiver.address());
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const webhook = { name: 'all', url, enabled: true, events: ['user.*', 'auth.*', 'group.*'], targets: null };
    await site.admin.ok('POST', '/api/events/webhooks', { json: webhook });
    const back = await settings(site, {
      ENABLE_OAUTH_GROUP_MANAGEMENT: true,
      ENABLE_OAUTH_GROUP_CREATION: true,
      ENABLE_OAUTH_ROLE_MANAGEMENT: true,
      OAUTH_UPDATE_NAME_ON_LOGIN: true,
    });
    site.idp.reset();
    site.idp.person = { sub: 'told', email: 'told@example.com', name: 'Told', groups: ['Blue'] };
    const { id } = await me(await signInAt(site));
    await until(() => got.some(({ event }) => event === 'auth.login'));
    site.idp.person = { ...site.idp.person, name: 'Retold', roles: ['admin'], groups: ['Red'] };
    await signInAt(site);
    await until(() => got.filter(({ event }) => event === 'auth.login').length === 2);
    assert.deepEqual(got.map(({ event }) => event).sort(), [
      ...['auth.login', 'auth.login', 'group.created', 'group.created'],
      ...['group.member_added', 'group.member_added', 'group.member_removed'],
      ...['user.created', 'user.role_updated', 'user.updated'],
    ]);
    assert.ok(got.every((one) => JSON.stringify(one).includes(id)));
    assert.doesNotMatch(JSON.stringify(got), /at-[0-9a-f]{16}/);
    await back();
    receiver.closeAllConnections();
    receiver.close();
  });

  it('lets a changed role and lost groups count at once', async () => {
    const back = await settings(site, { ENABLE_OAUTH_ROLE_MANAGEMENT: true });
    site.idp.reset();
    site.idp.person = { sub: 'chief', email: 'chief@example.com', name: 'Chief', roles: ['admin'] };
    const before = await signInAt(site);
    await before.signedIn().ok('GET', '/api/v1/users/');
    site.idp.person = { ...site.idp.person, roles: ['user'] };
    await signInAt(site);
    assert.equal((await before.signedIn().call('GET', '/api/v1/users/')).status, 401);
    await back();
  });

  it('takes pictures, and shows its token to nobody but the provider', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere: Server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      const type = request.url === '/a.svg' ? 'image/svg+xml' : 'image/png';
      response.writeHead(request.url === '/gone' ? 404 : 200, { 'content-type': type }).end(PNG);
    }).listen(0, '127.0.0.1');
    await until(() => elsewhere.address());
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    const back = await settings(site, { OAUTH_UPDATE_PICTURE_ON_LOGIN: true });
    site.idp.reset();
    const base = { sub: 'pictured', email: 'pictured@example.com', name: 'Pictured' };
    const shown = async (picture: string) => {
      site.idp.person = { ...base, picture };
      return (await me(await signInAt(site))).profile_image_url;
    };
    const data = `data:image/png;base64,${PNG.toString('base64')}`;
    assert.equal(await shown(`${url}/a.svg`), '/user.png');
    assert.equal(await shown(`${url}/a.png`), data);
    assert.deepEqual(seen, [undefined, undefined]);
    assert.equal(await shown(`${url}/gone`), data, 'a picture that cannot be had replaces none');
    assert.equal(await shown('file:///etc/passwd'), data);
    assert.equal(await shown('http://169.254.169.254/latest'), data);
    let token: string | undefined;
    site.idp.handlers.set('/me.png', (request, response) => {
      token = request.headers.authorization;
      response.writeHead(200, { 'content-type': 'image/png' }).end(PNG);
    });
    await shown(`${site.idp.url}/me.png`);
    assert.match(String(token), /^Bearer at-/);
    await back();
    elsewhere.closeAllConnections();
    elsewhere.close();
  });

  it('ends the session at the provider too, where there is a place for it', async () => {
    site.idp.reset();
    const visitor = await signInAt(site);
    const { token } = visitor.signedIn();
    const answer = await apiClient(site.server.base).call('POST', '/api/v1/auths/signout', {
      headers: { cookie: visitor.cookie() },
    });
    const { redirect_url: address } = answer.body as { redirect_url: string };
    const url = new URL(address);
    assert.equal(url.origin + url.pathname, `${site.idp.url}/logout`);
    assert.equal(url.searchParams.get('kept'), '1');
    assert.equal(url.searchParams.get('id_token_hint')?.split('.').length, 3);
    assert.equal(url.searchParams.get('post_logout_redirect_uri'), 'https://bye.example/a?b=c&d');
    assert.equal((await apiClient(site.server.base, token).call('GET', '/api/v1/auths/')).status, 401);
  });

  it('offers what the administrator saved a moment ago', async () => {
    const offered = async () =>
      (await apiClient(site.server.base).ok<{ oauth: { providers: object } }>('GET', '/api/config')).oauth.providers;
    assert.deepEqual(await offered(), { oidc: 'Example ID' });
    const back = await settings(site, {
      OAUTH_PROVIDER_NAME: 'Renamed',
      OAUTH_CLIENT_ID: 'renamed',
      OAUTH_AUDIENCE: 'api',
    });
    assert.deepEqual(await offered(), { oidc: 'Renamed' });
    const asked = new URL(await newVisitor(site.server).leave()).searchParams;
    assert.deepEqual([asked.get('client_id'), asked.get('audience')], ['renamed', 'api']);
    await back();
    assert.deepEqual(await offered(), { oidc: 'Example ID' });
  });

  it('comes back to the address the operator names', async () => {
    const old = await site.admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
    await site.admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...old, WEBUI_URL: 'https://chat.example/' } });
    const asked = new URL(await newVisitor(site.server).leave()).searchParams;
    assert.equal(asked.get('redirect_uri'), 'https://chat.example/oauth/oidc/callback');
    const back = await newVisitor(site.server).comeBack({ state: 'x' });
    assert.match(back.location, /^https:\/\/chat\.example\/auth\?error=/);
    await site.admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...old, WEBUI_URL: 'chat.example' } });
    const own = await newVisitor(site.server).comeBack({ state: 'x' });
    assert.ok(
      own.location.startsWith(`${site.server.base}/auth?error=`),
      'no address: it would be a place on this server',
    );
    await site.admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...old, WEBUI_URL: '' } });
  });

  it('refuses an authentication method that it does not know', async () => {
    const back = await settings(site, { OAUTH_TOKEN_ENDPOINT_AUTH_METHOD: 'private_key_jwt' });
    assert.match((await newVisitor(site.server).get('/oauth/oidc/login')).location, /\/auth\?error=/);
    assert.ok(site.server.output().includes('OAUTH_TOKEN_ENDPOINT_AUTH_METHOD names no method'));
    await site.admin.ok('POST', CONFIG, { json: { OAUTH_TOKEN_ENDPOINT_AUTH_METHOD: 'client_secret_post' } });
    site.idp.reset();
    await signInAt(site);
    const sent = site.idp.asked.find(({ path }) => path === '/token');
    assert.deepEqual([sent?.authorization, sent?.form.client_secret], [undefined, site.idp.clientSecret]);
    await back();
  });
});

describe('sign-out told by the provider', () => {
  let site: Site;
  before(async () => {
    site = await openSite({ ENABLE_OAUTH_BACKCHANNEL_LOGOUT: 'true' });
  });
  after(() => closeSite(site));

  const tell = (token: string) =>
    fetch(`${site.server.base}/oauth/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: token }),
    });
  const claims = (extra: Record<string, unknown>) => {
    const now = Math.floor(Date.now() / 1_000);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    return { iss: site.idp.url, aud: site.idp.clientId, iat: now, exp: now + 120, jti: 'j', events, ...extra };
  };
  const alive = async (visitor: Visitor) => (await visitor.signedIn().call('GET', '/api/v1/auths/')).status === 200;
  const signInAs = (sub: string, extra: Record<string, unknown> = {}) => {
    site.idp.reset();
    site.idp.person = { sub, email: `${sub}@example.com`, name: sub };
    site.idp.tweak = (one) => ({ ...one, ...extra });
    return signInAt(site);
  };

  it('ends every session of the account, without Redis', async () => {
    const [one, two, other] = [await signInAs('gone'), await signInAs('gone'), await signInAs('stays')];
    assert.equal((await tell(site.idp.sign(claims({ sub: 'gone' })))).status, 200);
    assert.deepEqual([await alive(one), await alive(two), await alive(other)], [false, false, true]);
    assert.equal(await alive(await signInAs('gone')), true);
  });

  it('knows sessions by the name the provider gave them', async () => {
    const [one, other] = [await signInAs('by-sid', { sid: 's-1' }), await signInAs('other-sid', { sid: 's-2' })];
    assert.equal((await tell(site.idp.sign(claims({ sid: 's-1' })))).status, 200);
    assert.deepEqual([await alive(one), await alive(other)], [false, true]);
  });

  it('refuses what the provider has not said', async () => {
    const visitor = await signInAs('safe');
    const head = (alg: string) =>
      `${encode({ alg, typ: 'logout+jwt', kid: 'key' })}.${encode(claims({ sub: 'safe' }))}`;
    const forged = [
      `${head('none')}.`,
      `${head('HS256')}.${createHmac('sha256', site.idp.clientSecret).update(head('HS256')).digest('base64url')}`,
      site.idp.sign(claims({ sub: 'safe', aud: 'another' })),
      site.idp.sign(claims({ sub: 'safe', exp: 1_000_000 })),
      site.idp.sign(claims({ sub: 'safe', iat: undefined })),
      site.idp.sign(claims({ sub: 'safe' }), { kid: 'unknown' }),
      `${site.idp
        .sign(claims({ sub: 'other' }))
        .split('.')
        .slice(0, 2)
        .join('.')}.AAAA`,
      site.idp.sign(claims({ sub: 'safe', events: undefined })),
    ];
    for (const token of forged) {
      const answer = await tell(token);
      assert.equal(answer.status, 400, token);
      assert.equal(((await answer.json()) as { error: string }).error, 'invalid_request');
    }
    assert.equal(await alive(visitor), true);
  });
});

describe('a session for a token of the provider', () => {
  let site: Site;
  before(async () => {
    site = await openSite({
      ENABLE_OAUTH_TOKEN_EXCHANGE: 'true',
      OAUTH_TOKEN_EXCHANGE_TRUSTED_CLIENT_IDS: 'desktop, phone',
      OAUTH_TOKEN_EXCHANGE_RATE_LIMIT: '8',
      OAUTH_TOKEN_EXCHANGE_RATE_LIMIT_WINDOW: '3600',
    });
  });
  after(() => closeSite(site));

  it('is given to programs that are trusted, for people who are known, so many times', async () => {
    const exchange = async (token: string) => {
      const path = '/api/v1/auths/oauth/oidc/token/exchange';
      const { status, body } = await apiClient(site.server.base).call('POST', path, { json: { token } });
      const { detail, token: session } = body as { detail?: string; token?: string };
      return session
        ? `session of ${(await apiClient(site.server.base, session).ok<Shown>('GET', '/api/v1/auths/')).email}`
        : `${status} ${detail}`;
    };
    const untold = '400 Unable to determine which client the token was issued to';
    assert.equal(await exchange('at-1'), untold);
    site.idp.introspection = { active: true };
    assert.equal(await exchange('at-1'), untold);
    site.idp.introspection = { active: true, client_id: 'stranger' };
    assert.equal(await exchange('at-1'), `403 ${PROHIBITED}`);
    site.idp.introspection = { active: true, client_id: 'phone' };
    assert.equal(await exchange('at-1'), '403 User not found. Please sign in via the web interface first.');
    assert.equal(await accountsLike(site, 'somebody'), 0);
    const { introspection } = site.idp;
    await signInAt(site);
    assert.equal(await exchange('at-1'), 'session of somebody@example.com');
    site.idp.userinfo = { ...site.idp.person, email: 'other@elsewhere.example' };
    const back = await settings(site, { OAUTH_ALLOWED_DOMAINS: 'example.com' });
    assert.equal(await exchange('at-1'), `403 ${PROHIBITED}`);
    await back();
    const strict = await settings(site, { ENABLE_OAUTH_ROLE_MANAGEMENT: true });
    assert.equal(await exchange('at-1'), `403 ${PROHIBITED}`);
    await strict();
    assert.equal(introspection, site.idp.introspection);
    assert.equal(await exchange('bad'), '400 Invalid token or unable to validate with provider');
    assert.equal(await exchange('at-1'), '429 API rate limit exceeded');
  });
});
