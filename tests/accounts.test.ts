import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { type Account, addAccount, apiClient, signIn, signUp } from './support/client.ts';
import { freshDatabase, missingDatabase } from './support/databases.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const noPostgres = await missingDatabase('postgresql');
const SECRET = 'test-secret-key-0123456789abcdef';
const PROHIBITED =
  'You do not have permission to access this resource. Please contact your administrator for assistance.';

const statusOf = async (base: string, token: string | null, path = '/api/v1/auths/') => {
  const { status, body } = await apiClient(base, token).call('GET', path);
  return [status, (body as { detail?: unknown }).detail];
};

describe('sign-up', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  it('makes one administrator of many who come first at once, and is closed then', async () => {
    const people = Array.from({ length: 6 }, (_, at) => ({
      name: `P${at}`,
      email: `p${at}@example.com`,
      password: 'Correct-horse-1',
    }));
    const answers = await Promise.all(
      people.map((json) => apiClient(server.base).call('POST', '/api/v1/auths/signup', { json })),
    );
    const made = answers.filter(({ status }) => status === 200);
    assert.equal(made.length, 1);
    assert.equal((made[0]?.body as { role: string } | undefined)?.role, 'admin');
    assert.deepEqual(
      new Set(answers.filter(({ status }) => status !== 200).map(({ status }) => status)),
      new Set([403]),
    );
    const config = await apiClient(server.base).ok<{ features: { enable_signup: boolean }; onboarding?: boolean }>(
      'GET',
      '/api/config',
    );
    assert.deepEqual([config.features.enable_signup, config.onboarding], [false, undefined]);
  });
});

describe('accounts', () => {
  let server: TestServer;
  let admin: Account;
  before(async () => {
    server = await startServer({ env: { ENABLE_SIGNUP: 'true', ENABLE_API_KEYS: 'true' } });
    admin = await signUp(server);
    const form = await admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...form, ENABLE_SIGNUP: true } });
  });
  after(() => server.stop());

  const sign = (claims: Record<string, unknown>, key = SECRET) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(key));

  it('wait for an administrator and then work with the token they have', async () => {
    const pending = await signUp(server, { name: 'Wanda', email: 'Wanda@Example.com' });
    assert.equal(pending.role, 'pending');
    assert.equal(pending.email, 'wanda@example.com');
    assert.deepEqual(await statusOf(server.base, pending.token), [200, undefined]);
    assert.deepEqual(await statusOf(server.base, pending.token, '/api/v1/users/search'), [401, PROHIBITED]);
    await admin.ok('POST', `/api/v1/users/${pending.id}/update`, { json: { role: 'user' } });
    assert.deepEqual(await statusOf(server.base, pending.token, '/api/v1/users/search'), [200, undefined]);
    assert.deepEqual(await statusOf(server.base, pending.token, '/api/v1/users/all'), [401, PROHIBITED]);
  });

  it('are one per address, whatever its case', async () => {
    const again = await apiClient(server.base).call('POST', '/api/v1/auths/signup', {
      json: { name: 'Second', email: 'ADA@example.com', password: 'Correct-horse-1' },
    });
    assert.equal(again.status, 400);
    const twice = await Promise.all(
      [1, 2, 3].map(() =>
        apiClient(server.base).call('POST', '/api/v1/auths/signup', {
          json: { name: 'Twin', email: 'twin@example.com', password: 'Correct-horse-1' },
        }),
      ),
    );
    assert.deepEqual(twice.map(({ status }) => status).toSorted(), [200, 400, 400]);
  });

  it('take only tokens that are signed here, in time, with our algorithm', async () => {
    const claims = JSON.parse(Buffer.from(admin.token.split('.')[1] ?? '', 'base64url').toString()) as {
      exp: number;
      iat: number;
    };
    const [head = '', body = '', signature = ''] = admin.token.split('.');
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    const changed = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 1 })).toString('base64url');
    const bad: Record<string, string> = {
      'alg none': `${none}.${body}.`,
      'alg none with a signature': `${none}.${body}.${signature}`,
      'changed claims': `${head}.${changed}.${signature}`,
      'another key': await sign({ ...claims }, 'another-key-0123456789'),
      expired: await sign({ ...claims, exp: Math.floor(Date.now() / 1000) - 1 }),
      'from the future': await sign({ ...claims, iat: Math.floor(Date.now() / 1000) + 3_600 }),
      'no token': 'abc',
      'two parts': `${head}.${body}`,
    };
    for (const [what, token] of Object.entries(bad)) {
      assert.deepEqual(await statusOf(server.base, token), [401, '401 Unauthorized'], what);
    }
    assert.deepEqual(await statusOf(server.base, await sign({ ...claims, session_stamp: 'other' })), [
      401,
      'Invalid token',
    ]);
    assert.deepEqual(await statusOf(server.base, await sign({ ...claims, typ: 'other' })), [401, 'Invalid token']);
    assert.deepEqual(await statusOf(server.base, await sign({ ...claims, id: 'nobody' })), [
      401,
      'Invalid authentication request.',
    ]);
    assert.deepEqual(await statusOf(server.base, await sign({ ...claims })), [200, undefined]);
  });

  it('end one session at sign-out, all at a new password, and the sockets with them', async () => {
    const first = await addAccount(admin, 'sam');
    const second = await signIn(server, first.email, first.password);
    await first.ok('POST', '/api/v1/auths/signout');
    assert.deepEqual(await statusOf(server.base, first.token), [401, 'Invalid token']);
    assert.deepEqual(await statusOf(server.base, second.token), [200, undefined]);
    const socket = await connectSocket(server.base, second);
    await second.ok('POST', '/api/v1/auths/update/password', {
      json: { password: first.password, new_password: 'Entirely-new-3' },
    });
    assert.deepEqual(await statusOf(server.base, second.token), [401, 'Invalid token']);
    await until(() => !socket.raw.connected, { what: 'the end of the socket' });
    socket.close();
    assert.equal((await signIn(server, first.email, 'Entirely-new-3')).id, first.id);
  });

  it('are protected from each other and from themselves', async () => {
    const other = await addAccount(admin, 'otto', 'admin');
    assert.equal((await other.call('DELETE', `/api/v1/users/${admin.id}`)).status, 403);
    assert.equal(
      (await other.call('POST', `/api/v1/users/${admin.id}/update`, { json: { role: 'user' } })).status,
      403,
    );
    assert.equal((await other.call('POST', `/api/v1/users/${admin.id}/sessions/revoke`)).status, 403);
    assert.equal(
      (await admin.call('POST', `/api/v1/users/${admin.id}/update`, { json: { role: 'user' } })).status,
      403,
    );
    assert.equal((await admin.call('DELETE', `/api/v1/users/${admin.id}`)).status, 403);
    assert.equal(
      (await admin.call('POST', `/api/v1/users/${other.id}/update`, { json: { role: 'king' } })).status,
      400,
    );
    await admin.ok('DELETE', `/api/v1/users/${other.id}`);
    assert.deepEqual(await statusOf(server.base, other.token), [401, 'Invalid authentication request.']);
  });

  it('limit how often a password is tried', async () => {
    const victim = await addAccount(admin, 'vera');
    const tries = [];
    for (let at = 0; at < 15; at += 1) {
      const json = { email: victim.email.toUpperCase(), password: 'wrong' };
      tries.push((await apiClient(server.base).call('POST', '/api/v1/auths/signin', { json })).status);
    }
    assert.equal(tries.filter((status) => status === 400).length, 14);
    assert.equal(tries.at(-1), 429);
    const right = { email: victim.email, password: victim.password };
    assert.equal((await apiClient(server.base).call('POST', '/api/v1/auths/signin', { json: right })).status, 429);
  });

  it('have API keys that reach what they may, and no human routes', async () => {
    const user = await addAccount(admin, 'kim');
    assert.equal((await user.call('POST', '/api/v1/auths/api_key')).status, 403);
    const { api_key: key } = await admin.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
    assert.match(key, /^sk-[0-9a-f]{32}$/);
    assert.deepEqual(await statusOf(server.base, key, '/api/v1/users/all'), [200, undefined]);
    assert.deepEqual(await statusOf(server.base, key), [403, 'A human session is required.']);
    const byHeader = await apiClient(server.base).call('GET', '/api/v1/users/all', { headers: { 'x-api-key': key } });
    assert.equal(byHeader.status, 200);
    const basic = { authorization: 'Basic dXNlcjpwYXNz', 'x-api-key': key };
    assert.equal((await apiClient(server.base).call('GET', '/api/v1/users/all', { headers: basic })).status, 200);

    const form = await admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
    const restrict = (allowed: string, on = true) =>
      admin.ok('POST', '/api/v1/auths/admin/config', {
        json: { ...form, ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: on, API_KEYS_ALLOWED_ENDPOINTS: allowed },
      });
    await restrict(' /api/v1/users/all , /api/models');
    assert.deepEqual(await statusOf(server.base, key, '/api/v1/users/all?x=1'), [200, undefined]);
    assert.deepEqual(await statusOf(server.base, key, '/api/v1/users/search'), [403, PROHIBITED]);
    assert.deepEqual(await statusOf(server.base, key, '/api/v1/users/allx'), [403, PROHIBITED]);
    assert.deepEqual(await statusOf(server.base, key, '/api/v1/users/../users/search'), [403, PROHIBITED]);
    await restrict('', false);

    const { api_key: replaced } = await admin.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
    assert.equal((await statusOf(server.base, key, '/api/v1/users/all'))[0], 401);
    await admin.ok('DELETE', '/api/v1/auths/api_key');
    assert.equal((await statusOf(server.base, replaced, '/api/v1/users/all'))[0], 401);
  });

  it('keep pictures that may be shown, and refuse others', async () => {
    const user = await addAccount(admin, 'pia');
    const save = (url: string) =>
      user.call('POST', '/api/v1/auths/update/profile', { json: { name: 'Pia', profile_image_url: url } });
    const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    assert.equal((await save(`data:image/png;base64,${pixel}`)).status, 200);
    const image = await fetch(`${server.base}/api/v1/users/${user.id}/profile/image`, {
      headers: { authorization: `Bearer ${user.token}` },
    });
    assert.equal(image.headers.get('content-type'), 'image/png');
    assert.equal(image.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(Buffer.from(await image.arrayBuffer()).toString('base64'), pixel);
    for (const url of [
      'data:image/svg+xml;base64,PHN2Zy8+',
      'javascript:alert(1)',
      '//evil.example/x.png',
      '/etc/passwd',
    ]) {
      assert.equal((await save(url)).status, 422, url);
    }
  });
});

describe('without accounts (WEBUI_AUTH=false)', () => {
  it('everybody is the administrator, and existing accounts keep it off', async () => {
    await using server = await startServer({ env: { WEBUI_AUTH: 'false' } });
    const [one, two] = await Promise.all([signIn(server, '', ''), signIn(server, '', '')]);
    assert.deepEqual([one.role, two.role, one.id], ['admin', 'admin', two.id]);
    assert.deepEqual(await statusOf(server.base, one.token, '/api/v1/users/all'), [200, undefined]);
    assert.deepEqual(await statusOf(server.base, null, '/api/v1/users/all'), [401, 'Not authenticated']);

    await using own = await startServer();
    await signUp(own);
    assert.equal(await own.terminate(), 0);
    await using open = await startServer({ dataDir: own.dataDir, env: { WEBUI_AUTH: 'false' } });
    const refused = await apiClient(open.base).call('POST', '/api/v1/auths/signin', {
      json: { email: '', password: '' },
    });
    assert.equal(refused.status, 400);
    assert.match(JSON.stringify(refused.body), /existing users/);
  });
});

describe('the environment', () => {
  it('names the first administrator, and hashes with argon2 where it says so', async () => {
    await using server = await startServer({
      env: {
        WEBUI_ADMIN_EMAIL: 'Boss@Example.com',
        WEBUI_ADMIN_PASSWORD: 'Given-by-operator-1',
        PASSWORD_HASH_ALGORITHM: 'argon2',
      },
    });
    const boss = await signIn(server, 'boss@example.com', 'Given-by-operator-1');
    assert.equal(boss.role, 'admin');
    const long = 'x'.repeat(100);
    const user = await addAccount(boss, 'lara');
    await user.ok('POST', '/api/v1/auths/update/password', { json: { password: user.password, new_password: long } });
    await signIn(server, user.email, long);
    const shortened = { email: user.email, password: long.slice(0, 72) };
    assert.equal((await apiClient(server.base).call('POST', '/api/v1/auths/signin', { json: shortened })).status, 400);
  });

  it('keeps old tokens valid when the key file ends in a line break', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'loggia-key-'));
    try {
      await writeFile(`${folder}/.webui_secret_key`, 'kept-in-a-file-0123456789\n');
      await using server = await startServer({ dataDir: folder, env: { WEBUI_SECRET_KEY: '' } });
      const ada = await signUp(server);
      const claims = JSON.parse(Buffer.from(ada.token.split('.')[1] ?? '', 'base64url').toString());
      for (const key of ['kept-in-a-file-0123456789', 'kept-in-a-file-0123456789\n']) {
        const token = await new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
          .sign(new TextEncoder().encode(key));
        assert.deepEqual(await statusOf(server.base, token), [200, undefined], JSON.stringify(key));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('revocation', () => {
  it('outlives a restart', async () => {
    await using first = await startServer();
    const ada = await signUp(first);
    await ada.ok('POST', '/api/v1/auths/signout');
    assert.equal(await first.terminate(), 0);
    await using second = await startServer({ dataDir: first.dataDir });
    assert.deepEqual(await statusOf(second.base, ada.token), [401, 'Invalid token']);
  });

  it('reaches the other process at once', { skip: noPostgres }, async () => {
    const database = await freshDatabase('postgresql');
    try {
      const env = { DATABASE_URL: database.url };
      await using one = await startServer({ env });
      await using two = await startServer({ env });
      const admin = await signUp(one);
      const user = await addAccount(admin, 'uma');
      // Both processes know the session before it ends.
      for (const { base } of [one, two]) assert.deepEqual(await statusOf(base, user.token), [200, undefined]);
      await user.ok('POST', '/api/v1/auths/signout');
      await until(async () => (await statusOf(two.base, user.token))[0] === 401, { ms: 5_000 });
      const again = await signIn(two, user.email, user.password);
      assert.deepEqual(await statusOf(one.base, again.token), [200, undefined]);
      await admin.ok('POST', `/api/v1/users/${user.id}/update`, { json: { role: 'pending' } });
      await until(async () => (await statusOf(two.base, again.token, '/api/v1/users/search'))[0] === 401, {
        ms: 5_000,
      });
      await admin.ok('DELETE', `/api/v1/users/${user.id}`);
      await until(async () => (await statusOf(two.base, again.token))[0] === 401, { ms: 5_000 });
    } finally {
      await database.drop();
    }
  });
});
