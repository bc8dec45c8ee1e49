import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { freshDatabase, missingDatabase, missingRedis, redisUrl } from './support/databases.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

interface Pair {
  one: TestServer;
  two: TestServer;
  stop(): Promise<void>;
}

async function startPair(env: Record<string, string>): Promise<Pair> {
  const database = await freshDatabase('postgresql');
  const shared = { provider: null, env: { ...env, DATABASE_URL: database.url } };
  const one = await startServer(shared);
  const two = await startServer(shared);
  return {
    one,
    two,
    async stop() {
      await Promise.all([one.stop(), two.stop()]);
      await database.drop();
    },
  };
}

const noPostgres = await missingDatabase('postgresql');
const noRedis = noPostgres || (await missingRedis());
const variants = [
  { name: 'PostgreSQL', env: {}, skip: noPostgres },
  {
    name: 'Redis',
    env: { REDIS_URL: redisUrl, WEBSOCKET_MANAGER: 'redis', REDIS_KEY_PREFIX: `loggia-test-${process.pid}` },
    skip: noRedis,
  },
];

for (const { name, env, skip } of variants) {
  describe(`two processes over ${name}`, { skip }, () => {
    let pair: Pair;
    let admin: Account;
    before(async () => {
      pair = await startPair(env as Record<string, string>);
      admin = await signUp(pair.one);
    });
    after(() => pair?.stop());

    it('shares which models are used', async () => {
      const socket = await connectSocket(pair.one.base, admin);
      await socket.raw.emitWithAck('usage', { action: 'chat', model: 'shared-model', chat_id: 'c' });
      const seen = () => fetch(`${pair.two.base}/api/usage`, { headers: { authorization: `Bearer ${admin.token}` } });
      await until(async () =>
        ((await (await seen()).json()) as { model_ids: string[] }).model_ids.includes('shared-model'),
      );
      socket.close();
    });

    it('ends sockets of the other process when a role changes', async () => {
      const user = await addAccount(admin, `role-${name.toLowerCase()}`);
      const socket = await connectSocket(pair.two.base, user);
      const ended = new Promise((resolve) => socket.raw.once('disconnect', resolve));
      await admin.ok('POST', `/api/v1/users/${user.id}/update`, {
        json: { role: 'admin', name: user.name, email: user.email, profile_image_url: '/user.png' },
      });
      const answered = performance.now();
      assert.equal(await ended, 'io server disconnect');
      assert.ok(performance.now() - answered < 1_000);
    });
  });
}
