import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import SqliteFile from 'better-sqlite3';
import { createFernet, fernetKeyOf } from '../src/kernel/fernet.ts';
import { addAccount, apiClient } from './support/client.ts';
import { closeSite, me, openSite, PROHIBITED, type Site, settings, signInAt } from './support/sign-in-site.ts';
import { newVisitor } from './support/visitor.ts';
import { until } from './support/wait.ts';

const TAKEN =
  'Uh-oh! This email is already registered. Sign in with your existing account or choose another email to start anew.';
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

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

  it('gives connections that want it the token of the person who asks, renewed in time', async () => {
    const form = {
      OPENAI_API_BASE_URLS: [site.server.provider.url],
      OPENAI_API_KEYS: ['shared-key'],
      ENABLE_OPENAI_API: true,
    };
    const json = {
      ...form,
      OPENAI_API_CONFIGS: { 0: { enable: true, auth_type: 'system_oauth', model_ids: ['hello'] } },
    };
    await site.admin.ok('POST', '/openai/config/update', { json });
    site.idp.reset();
    site.idp.person = { sub: 'asking', email: 'asking@example.com', name: 'Asking', roles: ['admin'] };
    const back = await settings(site, { ENABLE_OAUTH_ROLE_MANAGEMENT: true });
    site.idp.tokens = { access_token: 'at-asking', expires_in: 200 };
    const visitor = await signInAt(site);
    const ask = async () => {
      const question = { model: 'hello', stream: false, messages: [{ role: 'user', content: 'Hi' }] };
      await visitor
        .signedIn()
        .ok('POST', '/api/chat/completions', { json: question, headers: { cookie: visitor.cookie() } });
      return site.server.provider.chats().at(-1)?.headers.authorization;
    };
    assert.equal(await ask(), 'Bearer at-asking');
    // Five minutes before their end, tokens that are no longer new are renewed.
    const file = new SqliteFile(join(site.server.dataDir, 'webui.db'));
    const { token, id } = file
      .prepare('SELECT token, oauth_session.id FROM oauth_session JOIN user ON user.id = user_id WHERE email = ?')
      .get('asking@example.com') as { token: string; id: string };
    const fernet = createFernet(fernetKeyOf('test-secret-key-0123456789abcdef'));
    const old = { ...JSON.parse(fernet.decrypt(token) ?? '{}'), issued_at: 1 };
    file.prepare('UPDATE oauth_session SET token = ? WHERE id = ?').run(fernet.encrypt(JSON.stringify(old)), id);
    file.close();
    site.idp.tokens = { access_token: 'at-renewed', expires_in: 3_600 };
    assert.equal(await ask(), 'Bearer at-renewed');
    assert.equal(await ask(), 'Bearer at-renewed');
    assert.equal(site.idp.asked.filter(({ form }) => form.grant_type === 'refresh_token').length, 1);
    await back();
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
    const told = 'OAUTH_TOKEN_ENDPOINT_AUTH_METHOD names no method';
    await until(() => site.server.output().includes(told), { what: 'the line in the log' });
    await site.admin.ok('POST', '/api/v1/auths/admin/config/oauth', {
      json: { OAUTH_TOKEN_ENDPOINT_AUTH_METHOD: 'client_secret_post' },
    });
    site.idp.reset();
    await signInAt(site);
    const sent = site.idp.asked.find(({ path }) => path === '/token');
    assert.deepEqual([sent?.authorization, sent?.form.client_secret], [undefined, site.idp.clientSecret]);
    await back();
  });
});
