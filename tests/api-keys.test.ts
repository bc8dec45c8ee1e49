import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Account, type Answer, addAccount, apiClient, signUp } from './support/client.ts';
import { type DatabaseKind, freshDatabase, missingDatabase, missingRedis, redisUrl } from './support/databases.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

const KEYS = '/api/v1/auths/api_keys';
const EXPIRED = 'Your session has expired or the token is invalid. Please sign in again.';
const now = () => Math.floor(Date.now() / 1_000);

interface Key {
  id: string;
  name: string;
  hint: string;
  scopes: string[] | null;
  expires_at: number | null;
  last_used_at: number | null;
  api_key: string;
}

const outcome = ({ status, body }: Answer) => [status, (body as { detail?: unknown } | null)?.detail];

for (const database of ['sqlite', 'postgresql', 'mysql'] as const satisfies readonly DatabaseKind[]) {
  describe(`API keys with a name on ${database}`, { skip: await missingDatabase(database) }, () => {
    let server: TestServer;
    let admin: Account;
    before(async () => {
      server = await startServer({
        database,
        env: { ENABLE_API_KEYS: 'true', USER_PERMISSIONS_FEATURES_API_KEYS: 'true' },
      });
      admin = await signUp(server);
    });
    after(() => server?.stop());

    const create = (owner: Account, form: Record<string, unknown>) => owner.ok<Key>('POST', KEYS, { json: form });
    const chats = (key: string) => apiClient(server.base, key).call('GET', '/api/v1/chats/');

    it('are several for an account, shown once, and stored as a hash', async () => {
      const first = await create(admin, { name: ' backup ' });
      const second = await create(admin, { name: 'ci', scopes: ['chats:read'], expires_at: now() + 3_600 });
      assert.match(first.api_key, /^sk-loggia-[\w-]{43}$/);
      assert.notEqual(first.api_key, second.api_key);
      const listed = await admin.ok<Key[]>('GET', KEYS);
      assert.deepEqual(listed.map(({ name }) => name).toSorted(), ['backup', 'ci']);
      const text = JSON.stringify(listed);
      assert.ok(!text.includes(first.api_key) && !text.includes('hash'));
      assert.equal(listed.find(({ id }) => id === first.id)?.hint, first.api_key.slice(-4));
      assert.equal((await chats(first.api_key)).status, 200);
      assert.equal((await chats(second.api_key)).status, 200);
    });

    it('leave the one plain key of the client as it is', async () => {
      const { api_key: plain } = await admin.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
      assert.match(plain, /^sk-[0-9a-f]{32}$/);
      assert.equal((await admin.ok<{ api_key: string }>('GET', '/api/v1/auths/api_key')).api_key, plain);
      assert.equal((await chats(plain)).status, 200);
      assert.equal(await admin.ok('DELETE', '/api/v1/auths/api_key'), true);
      assert.deepEqual(outcome(await chats(plain)), [401, EXPIRED]);
      assert.equal((await admin.ok<Key[]>('GET', KEYS)).length, 2);
    });

    it('expire, can be changed, and end at once when they are deleted', async () => {
      const { api_key: key, id } = await create(admin, { name: 'short', expires_at: now() + 2 });
      assert.equal((await chats(key)).status, 200);
      await until(async () => (await chats(key)).status === 401, { what: 'the end of the key' });
      assert.deepEqual(outcome(await chats(key)), [401, EXPIRED]);
      const longer = await admin.ok<Key>('POST', `${KEYS}/${id}/update`, { json: { expires_at: null, name: 'long' } });
      assert.deepEqual([longer.name, longer.expires_at, longer.scopes], ['long', null, null]);
      assert.equal((await chats(key)).status, 200);
      await admin.ok('POST', `${KEYS}/${id}/update`, { json: { scopes: ['files:read'] } });
      assert.equal((await chats(key)).status, 403);
      await admin.ok('DELETE', `${KEYS}/${id}`);
      assert.deepEqual(outcome(await chats(key)), [401, EXPIRED]);
      assert.equal((await admin.call('DELETE', `${KEYS}/${id}`)).status, 404);
    });

    it('go with their account, and mean nothing while it waits for approval', async () => {
      const user = await addAccount(admin, 'leaver');
      const { api_key: key } = await create(user, { name: 'mine' });
      await admin.ok('POST', `/api/v1/users/${user.id}/update`, { json: { role: 'pending' } });
      assert.equal((await chats(key)).status, 401);
      await admin.ok('POST', `/api/v1/users/${user.id}/update`, { json: { role: 'user' } });
      assert.equal((await chats(key)).status, 200);
      await admin.ok('DELETE', `/api/v1/users/${user.id}`);
      assert.deepEqual(outcome(await chats(key)), [401, EXPIRED]);
    });

    it('say when they were last used', async () => {
      const { api_key: key, id } = await create(admin, { name: 'used' });
      const used = async () => (await admin.ok<Key[]>('GET', KEYS)).find((one) => one.id === id)?.last_used_at ?? null;
      assert.equal(await used(), null);
      await apiClient(server.base, key).call('GET', '/api/v1/chats/');
      const at = await used();
      assert.ok(at !== null && Math.abs(at - now()) < 5);
    });

    // What does not depend on the database is looked at on one.
    if (database === 'sqlite') {
      it('work on every carrier of a credential, and their scopes hold on each', async () => {
        const { api_key: key } = await create(admin, { name: 'carriers', scopes: ['chats:read'] });
        const carriers: Record<string, Record<string, string>> = {
          bearer: { authorization: `Bearer ${key}` },
          'another scheme': { authorization: `Token ${key}` },
          bare: { authorization: key },
          cookie: { cookie: `token=${key}` },
          header: { 'x-api-key': key },
          'header behind a gateway': { 'x-api-key': key, authorization: 'Basic Z2F0ZTp3YXk=' },
        };
        for (const [carrier, headers] of Object.entries(carriers)) {
          const call = (method: string, path: string) => apiClient(server.base).call(method, path, { headers });
          assert.equal((await call('GET', '/api/v1/chats/')).status, 200, carrier);
          assert.deepEqual(
            outcome(await call('GET', '/api/v1/files/')),
            [403, 'The key lacks the scope files:read.'],
            carrier,
          );
          assert.deepEqual(
            outcome(await call('DELETE', '/api/v1/chats/')),
            [403, 'The key lacks the scope chats:write.'],
            carrier,
          );
        }
      });

      it('cannot make, widen or read keys, nor pass for a session', async () => {
        const { api_key: key, id } = await create(admin, { name: 'everything' });
        const client = apiClient(server.base, key);
        for (const [method, path] of [
          ['POST', '/api/v1/auths/api_key'],
          ['GET', '/api/v1/auths/api_key'],
          ['DELETE', '/api/v1/auths/api_key'],
          ['GET', KEYS],
          ['POST', KEYS],
          ['POST', `${KEYS}/${id}/update`],
          ['DELETE', `${KEYS}/${id}`],
          ['GET', '/api/v1/auths/'],
        ] as const) {
          const answer = await client.call(method, path, method === 'POST' ? { json: { name: 'x' } } : {});
          assert.deepEqual(outcome(answer), [403, 'A human session is required.'], `${method} ${path}`);
        }
      });

      it('obey the restriction of keys to some addresses, and the switches', async () => {
        const { api_key: key } = await create(admin, { name: 'restricted' });
        const form = await admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
        const set = (json: Record<string, unknown>) =>
          admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...form, ...json } });
        await set({ ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: true, API_KEYS_ALLOWED_ENDPOINTS: '/api/v1/files' });
        assert.equal((await chats(key)).status, 403);
        assert.equal((await apiClient(server.base, key).call('GET', '/api/v1/files/')).status, 200);
        await set({ ENABLE_API_KEYS: false });
        assert.deepEqual(outcome(await chats(key)), [403, 'Use of API key is not enabled in the environment.']);
        assert.equal((await admin.call('POST', KEYS, { json: { name: 'x' } })).status, 403);
        await set({});
        assert.equal((await chats(key)).status, 200);
      });

      it('are refused with a reason where the form makes no sense', async () => {
        for (const json of [
          { name: '' },
          { name: 'x'.repeat(101) },
          { name: 'past', expires_at: now() - 1 },
          { name: 'none', scopes: [] },
          { name: 'odd', scopes: ['chats:everything'] },
        ]) {
          const answer = await admin.call('POST', KEYS, { json });
          assert.equal(answer.status, 400, JSON.stringify(json));
          assert.equal(typeof (answer.body as { detail: unknown }).detail, 'string');
        }
        assert.equal((await admin.call('POST', KEYS, { json: {} })).status, 422);
      });

      it('are the business of their owner, and of administrators who may end them', async () => {
        const user = await addAccount(admin, 'keyholder');
        const { api_key: key, id } = await create(user, { name: 'mine' });
        assert.equal((await chats(key)).status, 200);
        const other = await addAccount(admin, 'stranger');
        assert.equal((await other.call('DELETE', `${KEYS}/${id}`)).status, 404);
        assert.equal((await other.call('POST', `${KEYS}/${id}/update`, { json: { name: 'stolen' } })).status, 404);
        assert.equal((await other.call('GET', `/api/v1/users/${user.id}/api_keys`)).status, 401);
        assert.equal((await admin.ok<Key[]>('GET', `/api/v1/users/${user.id}/api_keys`))[0]?.name, 'mine');
        await admin.ok('DELETE', `/api/v1/users/${user.id}/api_keys/${id}`);
        assert.deepEqual(outcome(await chats(key)), [401, EXPIRED]);
      });
    }
  });
}

const noDatabase = await missingDatabase('postgresql');
for (const bus of ['Redis', 'PostgreSQL'] as const) {
  const skip = noDatabase || (bus === 'Redis' && (await missingRedis()));
  it(`a deleted key is refused by every process that shares ${bus}`, { skip }, async () => {
    const database = await freshDatabase('postgresql');
    const env = {
      DATABASE_URL: database.url,
      ENABLE_API_KEYS: 'true',
      ...(bus === 'Redis' ? { REDIS_URL: redisUrl, REDIS_KEY_PREFIX: `loggia-test-${process.pid}` } : {}),
    };
    await using stack = new AsyncDisposableStack();
    stack.defer(() => database.drop());
    const first = stack.use(await startServer({ env }));
    const second = stack.use(await startServer({ env }));
    const admin = await signUp(first);
    const key = await admin.ok<Key>('POST', KEYS, { json: { name: 'shared' } });
    const elsewhere = apiClient(second.base, key.api_key);
    assert.equal((await elsewhere.call('GET', '/api/v1/chats/')).status, 200);
    await admin.ok('DELETE', `${KEYS}/${key.id}`);
    // The message and the first request may cross each other on their way.
    await elsewhere.call('GET', '/api/v1/chats/');
    assert.deepEqual(outcome(await elsewhere.call('GET', '/api/v1/chats/')), [401, EXPIRED]);
  });
}
