import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Account, addAccount, apiClient, signUp } from './support/client.ts';
import { freshDatabase, missingDatabase, missingRedis, redisUrl } from './support/databases.ts';
import { startServer, type TestServer } from './support/server.ts';

const SEARCH = '/api/v1/search';
const find = (account: Account) => account.call('GET', SEARCH, { query: { query: 'x' } });
const statuses = async (times: number, call: () => Promise<{ status: number }>) => {
  const found: number[] = [];
  for (let round = 0; round < times; round += 1) found.push((await call()).status);
  return found;
};

describe('limits of costly calls', () => {
  let server: TestServer;
  let admin: Account;
  before(async () => {
    server = await startServer({
      env: {
        RATE_LIMIT_SEARCHES: '3/30m',
        RATE_LIMIT_SEARCHES_PER_ADDRESS: '8/1h',
        RATE_LIMIT_SIGN_IN_PER_ADDRESS: '6/1h',
        RATE_LIMIT_COMPLETIONS: '2/30m',
      },
    });
    admin = await signUp(server);
  });
  after(() => server?.stop());

  it('hold for an account on whatever credential, and say when to come again', async () => {
    assert.deepEqual(await statuses(3, () => find(admin)), [200, 200, 200]);
    const { status, body, headers } = await find(admin);
    assert.deepEqual([status, body], [429, { detail: 'API rate limit exceeded' }]);
    const wait = Number(headers.get('retry-after'));
    assert.ok(wait >= 1 && wait <= 60, String(wait));
    const cookie = { cookie: `token=${admin.token}` };
    const other = await apiClient(server.base).call('GET', SEARCH, { query: { query: 'x' }, headers: cookie });
    assert.equal(other.status, 429);
    // Other kinds of calls are counted apart, and those that cost nothing not at all.
    assert.equal((await admin.call('GET', '/api/v1/chats/')).status, 200);
  });

  it('count models for API clients too, before anything is asked of a provider', async () => {
    const json = { model: 'echo', messages: [{ role: 'user', content: 'hello' }] };
    const ask = () => admin.call('POST', '/api/chat/completions', { json });
    assert.deepEqual(await statuses(2, ask), [200, 200]);
    const asked = server.provider.chats().length;
    assert.equal((await ask()).status, 429);
    assert.equal((await admin.call('POST', '/openai/chat/completions', { json })).status, 429);
    assert.equal(server.provider.chats().length, asked);
  });

  it('hold for an address over accounts, and other accounts have limits of their own', async () => {
    const user = await addAccount(admin, 'searcher');
    assert.deepEqual(await statuses(3, () => find(user)), [200, 200, 200]);
    // 3 and 2 of the administrator, 3 of the user: the next one is the ninth.
    assert.equal((await find(await addAccount(admin, 'third'))).status, 429);
  });

  it('hold for sign-ins by whatever way, right ones too', async () => {
    // Two have signed in above, one has signed up.
    const json = { email: 'nobody@example.com', password: 'wrong', name: 'x', user: 'x' };
    const attempt = (path: string) => apiClient(server.base).call('POST', `/api/v1/auths/${path}`, { json });
    assert.deepEqual(
      [await attempt('signin'), await attempt('ldap'), await attempt('signup')].map(({ status }) => status),
      [400, 400, 403],
    );
    for (const path of ['signin', 'ldap', 'signup']) {
      const { status, headers } = await attempt(path);
      assert.equal(status, 429, path);
      assert.ok(headers.get('retry-after'));
    }
    const { email, password } = admin;
    const right = await apiClient(server.base).call('POST', '/api/v1/auths/signin', { json: { email, password } });
    assert.equal(right.status, 429);
  });

  it('are refused at the start where they make no sense', async () => {
    for (const value of ['many', '0/1m', '5/2h', '5/30s']) {
      await assert.rejects(startServer({ env: { RATE_LIMIT_MEDIA: value } }), /RATE_LIMIT_MEDIA/);
    }
  });
});

const noPostgres = await missingDatabase('postgresql');
for (const place of ['Redis', 'the database'] as const) {
  const skip = noPostgres || (place === 'Redis' && (await missingRedis()));
  it(`several processes count together in ${place}`, { skip }, async () => {
    const database = await freshDatabase('postgresql');
    await using stack = new AsyncDisposableStack();
    stack.defer(() => database.drop());
    const env = {
      DATABASE_URL: database.url,
      RATE_LIMIT_SEARCHES: '4/30m',
      ...(place === 'Redis' ? { REDIS_URL: redisUrl, REDIS_KEY_PREFIX: `loggia-limits-${process.pid}` } : {}),
    };
    const first = stack.use(await startServer({ env }));
    const second = stack.use(await startServer({ env }));
    const here = await signUp(first);
    const there = { ...here, ...apiClient(second.base, here.token), token: here.token };
    assert.deepEqual(await statuses(2, () => find(here)), [200, 200]);
    assert.deepEqual(await statuses(2, () => find(there)), [200, 200]);
    assert.equal((await find(here)).status, 429);
    assert.equal((await find(there)).status, 429);
  });
}
