import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { type Account, addAccount, addSession, apiClient, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

// Each of these was a weakness of earlier servers of this API.
describe('accounts', () => {
  let server: TestServer;
  let admin: Account;
  before(async () => {
    server = await startServer({ provider: null, env: { ENABLE_SIGNUP: 'true', ENABLE_API_KEYS: 'true' } });
    admin = await signUp(server);
    const form = await admin.ok('GET', '/api/v1/auths/admin/config');
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...form, ENABLE_SIGNUP: true } });
  });
  after(() => server.stop());

  /** Looks into, or writes into, the server's database behind its back. */
  function inDatabase<T>(work: (db: Sqlite.Database) => T): T {
    const db = new Sqlite(join(server.dataDir, 'webui.db'), { timeout: 10_000 });
    try {
      return work(db);
    } finally {
      db.close();
    }
  }
  const countOf = (table: string, column: string, value: string): unknown =>
    inDatabase((db) => db.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${column} = ?`).pluck().get(value));

  it('that are gone are strangers to /api/config, and their sockets stay anonymous', async () => {
    const user = await addSession(admin, 'gone');
    await admin.ok('DELETE', `/api/v1/users/${user.id}`);
    const strange = await apiClient(server.base).ok('GET', '/api/config');
    assert.deepEqual(await apiClient(server.base, user.token).ok('GET', '/api/config'), strange);
    const socket = await connectSocket(server.base, null);
    const joined = await socket.raw.timeout(5_000).emitWithAck('user-join', { auth: { token: user.token } });
    assert.ok(!joined, 'it was let in');
    assert.ok(socket.raw.connected);
    socket.close();
  });

  it('leave no key, token, grant or provider session behind when they are deleted', async () => {
    const user = await addSession(admin, 'leaving', 'admin');
    await user.ok('POST', '/api/v1/auths/api_key');
    const note = await admin.ok<{ id: string }>('POST', '/api/v1/notes/create', {
      json: { title: 'n', access_grants: [{ principal_type: 'user', principal_id: user.id, permission: 'read' }] },
    });
    inDatabase((db) => {
      const session = ['s', user.id, 'oidc', 'secret', 1, 1, 1];
      db.prepare('INSERT INTO oauth_session VALUES (?, ?, ?, ?, ?, ?, ?)').run(...session);
    });
    const left = () => [
      countOf('api_key', 'user_id', user.id),
      countOf('oauth_session', 'user_id', user.id),
      countOf('access_grant', 'principal_id', user.id),
      countOf('auth', 'id', user.id),
    ];
    assert.deepEqual(left(), [1, 1, 1, 1], note.id);
    await admin.ok('DELETE', `/api/v1/users/${user.id}`);
    assert.deepEqual(left(), [0, 0, 0, 0]);
  });

  it('do not give their tokens at identity providers to administrators', async () => {
    const user = await addSession(admin, 'federated');
    inDatabase((db) => {
      const session = ['t', user.id, 'oidc', 'secret-of-the-provider', 1, 1, 1];
      db.prepare('INSERT INTO oauth_session VALUES (?, ?, ?, ?, ?, ?, ?)').run(...session);
    });
    const [session] = await admin.ok<{ token: unknown }[]>('GET', `/api/v1/users/${user.id}/oauth/sessions`);
    assert.deepEqual(session?.token, {});
  });

  it('have one of three roles, however they are made and changed', async () => {
    const form = { name: 'K', email: 'king@example.com', password: 'Correct-horse-1', role: 'king' };
    assert.equal((await admin.call('POST', '/api/v1/auths/add', { json: form })).status, 400);
    assert.equal(countOf('user', 'email', form.email), 0);
  });

  it('have an address that is one to its very end', async () => {
    for (const email of ['a@b.example@c', 'a@b.example\nbcc: c@d.example', 'a b@c.example', 'a@example']) {
      const json = { name: 'A', email, password: 'Correct-horse-1' };
      assert.equal((await apiClient(server.base).call('POST', '/api/v1/auths/signup', { json })).status, 400, email);
    }
  });

  it('take no pictures of other types, whatever stands before the type', async () => {
    const user = await addSession(admin, 'painted');
    for (const type of [
      'data:image/svg+xml',
      'aimage/png',
      'tdata:image/png',
      ' image/svg+xml',
      'text/html;image/png',
    ]) {
      const json = { name: 'P', profile_image_url: `data:${type};base64,PHN2Zy8+` };
      assert.equal((await user.call('POST', '/api/v1/auths/update/profile', { json })).status, 422, type);
    }
  });

  it('are never changed halfway by two who change them at once', async () => {
    const user = await addAccount(admin, 'raced');
    const change = (password: string) => admin.call('POST', `/api/v1/users/${user.id}/update`, { json: { password } });
    const own = (password: string) =>
      user.call('POST', '/api/v1/auths/update/password', { json: { password: user.password, new_password: password } });
    const answers = await Promise.all([change('Changed-pass-1'), own('Changed-pass-2'), change('Changed-pass-3')]);
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.includes(200), statuses.join());
    for (const status of statuses) assert.ok([200, 400, 401, 409].includes(status), statuses.join());
  });

  it('keep keys, tokens and passwords out of the log, however they come', async () => {
    const { api_key: key } = await admin.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
    const secret = 'Never-logged-pass-9';
    const carriers: Record<string, string>[] = [
      { authorization: `Bearer ${key}` },
      { authorization: key },
      { cookie: `token=${key}` },
      { 'x-api-key': key },
      { authorization: `Bearer ${admin.token}` },
    ];
    for (const headers of carriers) {
      await apiClient(server.base).call('GET', '/api/v1/users/all', { headers });
      await apiClient(server.base).call('POST', '/api/v1/users/none/update', { headers, json: { password: secret } });
      await apiClient(server.base).call('GET', '/api/v1/none', { headers, query: { key, token: admin.token } });
    }
    const json = { email: admin.email, password: secret };
    await apiClient(server.base).call('POST', '/api/v1/auths/signin', { json });
    const output = server.output();
    for (const text of [key, admin.token, secret, admin.password]) assert.ok(!output.includes(text), 'it was logged');
    await admin.ok('DELETE', '/api/v1/auths/api_key');
  });

  it('cannot be made in numbers by one address', async () => {
    const json = { name: 'S', email: 'many@example.com', password: '' };
    const statuses = new Set<number>();
    for (let at = 0; at < 20; at += 1) {
      statuses.add((await apiClient(server.base).call('POST', '/api/v1/auths/signup', { json })).status);
    }
    assert.ok(statuses.has(429), [...statuses].join());
  });

  it('see which groups are not to be shared with', async () => {
    const make = (name: string, share: unknown) =>
      admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
        json: { name, description: '', data: { config: { share } } },
      });
    const [closed] = [await make('closed', false), await make('open', true)];
    const user = await addSession(admin, 'sharing');
    const listed = await user.ok<{ id: string }[]>('GET', '/api/v1/groups/', { query: { share: 'false' } });
    assert.deepEqual(
      listed.map(({ id }) => id),
      [closed.id],
    );
  });

  it('have open pages take up other default permissions', async () => {
    const user = await addSession(admin, 'waiting');
    const socket = await connectSocket(server.base, user);
    const tree = '/api/v1/users/default/permissions';
    await admin.ok('POST', tree, { json: await admin.ok('GET', tree) });
    const told = () => socket.received.filter(([name]) => name === 'access:updated');
    await until(() => told().length > 0, { ms: 1_000 });
    assert.deepEqual(told(), [['access:updated', {}]]);
    assert.ok(socket.raw.connected, 'what is being written for it goes on');
    socket.close();
  });
});

it('the first account stays the protected one, however soon others follow', async () => {
  await using server = await startServer({ provider: null });
  const first = await signUp(server);
  const others = await Promise.all(['b', 'c', 'd', 'e'].map((label) => addSession(first, label, 'admin')));
  const [other] = others as [Account];
  const remove = (actor: Account, id: string) => actor.call('DELETE', `/api/v1/users/${id}`);
  assert.equal((await remove(other, first.id)).status, 403);
  for (const { id } of others.slice(1)) assert.equal((await remove(other, id)).status, 200);
  assert.equal((await remove(first, other.id)).status, 200);
});

it('a proxy that names nobody signs nobody in', async () => {
  await using server = await startServer({ provider: null, env: { WEBUI_AUTH_TRUSTED_EMAIL_HEADER: 'X-User-Email' } });
  const json = { email: '', password: '' };
  for (const name of ['', ' ']) {
    const headers = { 'X-User-Email': name };
    assert.equal((await apiClient(server.base).call('POST', '/api/v1/auths/signin', { json, headers })).status, 400);
  }
  const named = { 'X-User-Email': 'Ada@example.com' };
  const { email } = await apiClient(server.base).ok('POST', '/api/v1/auths/signin', { json, headers: named });
  assert.equal(email, 'ada@example.com');
});

it('groups of one name are all joined, and the log says so', async () => {
  const env = {
    WEBUI_AUTH_TRUSTED_EMAIL_HEADER: 'X-User-Email',
    WEBUI_AUTH_TRUSTED_GROUPS_HEADER: 'X-User-Groups',
  };
  await using server = await startServer({ provider: null, env });
  const json = { email: '', password: '' };
  const enter = async (email: string) => {
    const headers = { 'X-User-Email': email, 'X-User-Groups': 'staff' };
    const session = await apiClient(server.base).ok<{ token: string }>('POST', '/api/v1/auths/signin', {
      json,
      headers,
    });
    return apiClient(server.base, session.token);
  };
  const admin = await enter('ada@example.com');
  const form = { name: 'staff', description: '' };
  for (let at = 0; at < 2; at += 1) await admin.ok('POST', '/api/v1/groups/create', { json: form });
  const groups = await (await enter('ada@example.com')).ok<unknown[]>('GET', '/api/v1/users/groups');
  assert.equal(groups.length, 2);
  await until(() => server.output().includes('several groups have the name'), { what: 'the line in the log' });
});

it('a lifetime of sessions that is none stops the start', async () => {
  await assert.rejects(startServer({ provider: null, env: { JWT_EXPIRES_IN: 'soon' } }), /JWT_EXPIRES_IN/);
});
