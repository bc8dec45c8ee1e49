import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount, signUp } from './support/client.ts';
import { freshDatabase, missingDatabase, missingRedis, redisUrl } from './support/databases.ts';
import { startProvider } from './support/provider.ts';
import { startServer, type TestServer } from './support/server.ts';
import { type ChatEvent, connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

function isPresence(event: unknown, ids: string[]): boolean {
  const { data } = event as ChatEvent;
  if (data?.type !== 'chat:presence') return false;
  const { users } = data.data as { users: { id: string }[] };
  return users.map(({ id }) => id).join() === ids.join();
}

interface Pair {
  one: TestServer;
  two: TestServer;
  stop(): Promise<void>;
}

async function startPair(env: Record<string, string>): Promise<Pair> {
  const database = await freshDatabase('postgresql');
  const provider = await startProvider();
  const shared = { provider, env: { ...env, DATABASE_URL: database.url } };
  const one = await startServer(shared);
  const two = await startServer(shared);
  return {
    one,
    two,
    async stop() {
      await Promise.all([one.stop(), two.stop()]);
      await provider.stop();
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

    it('streams a reply to tabs of the other process, and shows who looks at the chat', async () => {
      const reader = await addAccount(admin, `reader-${name.toLowerCase()}`);
      const [asking, watching] = [await connectSocket(pair.two.base, admin), await connectSocket(pair.one.base, admin)];
      const first = await sendTurn(admin, asking, { model: 'hello' });
      assert.equal(first.answer.status, 200);
      const { chatId } = first;
      const share = { share_mode: 'continue' };
      await admin.ok('POST', `/api/v1/chats/${chatId}/share`, { json: share });
      const grant = { principal_type: 'user', principal_id: reader.id, permission: 'read' };
      await admin.ok('POST', `/api/v1/chats/shared/${chatId}/access/update`, {
        json: { ...share, access_grants: [grant] },
      });
      const other = await connectSocket(pair.one.base, reader);
      const act = (socket: TestSocket, type: string, data?: object) =>
        socket.raw.timeout(5_000).emitWithAck('events:chat', { chat_id: chatId, data: { type, data } });
      for (const socket of [asking, watching, other]) assert.equal(await act(socket, 'join'), true);
      const people = [admin.id, reader.id].sort();
      for (const socket of [asking, watching, other]) {
        await socket.wait((_event, one) => isPresence(one, people));
      }
      assert.equal(await act(other, 'typing', { typing: true }), true);
      await asking.wait((_event, one) => (one as ChatEvent).data.type === 'typing');

      const second = await sendTurn(admin, asking, { model: 'hello', chatId, parentId: first.replyId });
      await watching.done(second.replyId);
      await other.done(second.replyId);
      const text = (socket: TestSocket): string => JSON.stringify(socket.events(second.replyId).at(-1));
      assert.ok(other.events(second.replyId).every((event) => (event as { shared?: boolean }).shared));
      assert.ok(text(watching).length > 0);

      await admin.ok('DELETE', `/api/v1/chats/${chatId}/share`);
      await other.wait((_event, one) => (one as ChatEvent).data.type === 'chat:access');
      const last = () => asking.events().findLast((event) => event.data.type === 'chat:presence');
      await until(() => isPresence(last(), [admin.id]));
      for (const socket of [asking, watching, other]) socket.close();
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
