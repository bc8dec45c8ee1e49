import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SentTurn, sendTurn } from '../support/chat.ts';
import { type Account, apiClient, signUp } from '../support/client.ts';
import { freshDatabase, missingDatabase, missingRedis, redisUrl } from '../support/databases.ts';
import { startProvider } from '../support/provider.ts';
import { gateText, replyOf } from '../support/replies.ts';
import { freePort, startServer, type TestServer } from '../support/server.ts';
import { connectSocket, type TestSocket } from '../support/socket.ts';
import { until } from '../support/wait.ts';

const PROCESSES = 3;
const RUNNING = 100;
const WAITING = 10;
/** 40 words in four seconds. */
const MODEL = 'stream-40-10';
const TEXT = gateText(20).all;
const PLAN = JSON.stringify([[{ name: 'calculate_timestamp', arguments: { days_ago: 1 } }]]);

const noPostgres = await missingDatabase('postgresql');
const noRedis = noPostgres || (await missingRedis());
const variants = [
  { name: 'PostgreSQL alone', env: {}, skip: noPostgres },
  {
    name: 'PostgreSQL and Redis',
    env: { REDIS_URL: redisUrl, WEBSOCKET_MANAGER: 'redis', REDIS_KEY_PREFIX: `loggia-rolling-${process.pid}` },
    skip: noRedis,
  },
];

for (const { name, env, skip } of variants) {
  describe(`a rolling restart of ${PROCESSES} processes over ${name}`, { skip }, () => {
    it(`loses none of ${RUNNING} running answers and ${WAITING} questions, and doubles none`, {
      timeout: 180_000,
    }, async () => {
      await using made = new AsyncDisposableStack();
      const provider = await startProvider({ models: [MODEL, 'plan'] });
      made.defer(() => provider.stop());
      const database = await freshDatabase('postgresql');
      made.defer(() => database.drop());
      const ports = await Promise.all(Array.from({ length: PROCESSES }, freePort));
      const shared = {
        ...(env as Record<string, string>),
        DATABASE_URL: database.url,
        ENABLE_TOOL_PERMISSIONS: 'true',
      };
      const start = (port: number) => startServer({ provider, port, env: shared });
      const servers: TestServer[] = [];
      made.defer(async () => void (await Promise.all(servers.map((server) => server.stop()))));
      for (const port of ports) servers.push(await start(port));
      const owner = await signUp(servers[0] as TestServer);
      const accounts = servers.map(
        (server): Account => ({ ...owner, ...apiClient(server.base, owner.token), token: owner.token }),
      );
      const sockets: TestSocket[] = [];
      for (const { base } of servers) sockets.push(await connectSocket(base, owner));
      made.defer(() => {
        for (const socket of sockets) socket.close();
      });
      const at = <T>(list: readonly T[], index: number) => list[index % list.length] as T;

      const turns: SentTurn[] = [];
      const ask = async (index: number, model = MODEL, content = 'Count', extra = {}) => {
        const turn = await sendTurn(at(accounts, index), at(sockets, index), { model, content, extra, wait: false });
        assert.equal(turn.answer.status, 200, JSON.stringify(turn.answer.body));
        return turn;
      };
      const questions = await Promise.all(
        Array.from({ length: WAITING }, (_, n) => ask(n, 'plan', PLAN, { params: { tool_approval_mode: 'ask' } })),
      );
      turns.push(...(await Promise.all(Array.from({ length: RUNNING }, (_, n) => ask(n)))));

      for (const [index, port] of ports.entries()) {
        const ending = (servers[index] as TestServer).terminate();
        // The others serve meanwhile.
        turns.push(await ask(index + 1), await ask(index + 2));
        await ending;
        servers.push(await start(port));
        sockets[index]?.close();
        sockets[index] = await connectSocket(`http://127.0.0.1:${port}`, owner);
      }

      for (const [n, { chatId, replyId }] of questions.entries()) {
        const path = `/api/v1/chats/${chatId}/messages/${replyId}/resolve`;
        await at(accounts, n + 1).ok('POST', path, { json: { call_id: 'call_0_0', action: 'approve' } });
      }
      const [api] = accounts as [Account];
      for (const { chatId, replyId } of turns) {
        await until(async () => (await replyOf(api, chatId, replyId)).done === true, { what: 'the end of an answer' });
        const reply = await replyOf(api, chatId, replyId);
        assert.deepEqual([reply.content, reply.error ?? null], [TEXT, null]);
      }
      for (const { chatId, replyId } of questions) {
        await until(async () => (await replyOf(api, chatId, replyId)).done === true, { what: 'the end of a question' });
        assert.match((await replyOf(api, chatId, replyId)).content, /^Tools said: .*calculated/s);
      }
      assert.equal(provider.chats().length, turns.length + 2 * questions.length, 'no model was asked twice');
    });
  });
}
