import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type SentTurn, sendTurn } from './support/chat.ts';
import { type Account, apiClient, signUp } from './support/client.ts';
import { type DatabaseKind, freshDatabase, missingDatabase } from './support/databases.ts';
import { type Provider, startProvider } from './support/provider.ts';
import { deltasOf, replyOf, textOf } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const KINDS: DatabaseKind[] = ['sqlite', 'postgresql', 'mysql'];
const INTERRUPTED = 'The answer was interrupted because the server stopped.';

/** Servers that come and go on one data folder and one database. */
interface Place {
  provider: Provider;
  start(env?: Record<string, string>): Promise<TestServer>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function placeOn(kind: DatabaseKind): Promise<Place> {
  await using made = new AsyncDisposableStack();
  const provider = await startProvider();
  made.defer(() => provider.stop());
  const dataDir = await mkdtemp(join(tmpdir(), 'loggia-recovery-'));
  made.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));
  const url: Record<string, string> = {};
  if (kind !== 'sqlite') {
    const database = await freshDatabase(kind);
    made.defer(() => database.drop());
    url.DATABASE_URL = database.url;
  }
  const owned = made.move();
  return {
    provider,
    start: (env = {}) => startServer({ provider, dataDir, env: { ...url, ...env } }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The same account at another server of the place. */
function at(server: TestServer, account: Account): Account {
  return { ...account, ...apiClient(server.base, account.token), token: account.token };
}

/** What a socket has been sent of a reply up to a moment, by the moments of its pieces. */
function shownBy(socket: TestSocket, replyId: string) {
  const pieces: { at: number; length: number }[] = [];
  let length = 0;
  socket.raw.on('events', (event: { message_id?: string; data: { type: string; data?: { delta?: string } } }) => {
    if (event.message_id !== replyId || event.data.type !== 'response:completion') return;
    length += event.data.data?.delta?.length ?? 0;
    pieces.push({ at: performance.now(), length });
  });
  return (moment: number) => pieces.findLast(({ at: shown }) => shown <= moment)?.length ?? 0;
}

for (const kind of KINDS) {
  describe(`interrupted replies on ${kind}`, { skip: await missingDatabase(kind) }, () => {
    for (const after of [300, 1_900, 3_400]) {
      it(`have what was shown a second before a kill after ${after} ms`, async () => {
        await using place = await placeOn(kind);
        const server = await place.start();
        const ada = await signUp(server);
        const socket = await connectSocket(server.base, ada);
        const turns: (SentTurn & { shown: (moment: number) => number })[] = [];
        for (let i = 0; i < 5; i += 1) {
          const replyId = crypto.randomUUID();
          const shown = shownBy(socket, replyId);
          const turn = await sendTurn(ada, socket, {
            model: i === 4 ? 'hang' : 'stream-500-50',
            wait: false,
            extra: { id: replyId },
          });
          turns.push({ ...turn, replyId, shown });
        }
        await until(() => turns.slice(0, 4).every(({ replyId }) => deltasOf(socket, replyId).length > 0));
        await new Promise((resolve) => setTimeout(resolve, after));
        const killed = performance.now();
        await server.kill();
        const sent = turns.map(({ replyId }) => textOf(socket, replyId));
        socket.close();

        const next = await place.start();
        const account = at(next, ada);
        for (const [i, { chatId, replyId, shown }] of turns.entries()) {
          const reply = await replyOf(account, chatId, replyId);
          assert.equal(reply.done, true);
          assert.deepEqual(reply.error, { content: INTERRUPTED });
          assert.ok(
            reply.content.length >= shown(killed - 1_000),
            `${reply.content.length} of ${shown(killed - 1_000)}`,
          );
          const whole = sent[i] ?? '';
          assert.ok(
            whole.startsWith(reply.content) || reply.content.startsWith(whole),
            'nothing else than what was said',
          );
          for (const { status } of reply.output ?? []) assert.equal(status, 'incomplete');
          assert.deepEqual(await account.ok('GET', `/api/tasks/chat/${chatId}`), { task_ids: [] });
        }
        const tab = await connectSocket(next.base, account);
        const more = await sendTurn(account, tab, {
          model: 'echo',
          content: 'Again',
          chatId: turns[0]?.chatId ?? '',
          parentId: turns[0]?.replyId ?? '',
        });
        assert.equal((await replyOf(account, more.chatId, more.replyId)).content, 'You said: Again');
        tab.close();
        await next.terminate();
      });
    }

    it('are stored before a server ends in order, and told', async () => {
      await using place = await placeOn(kind);
      const server = await place.start();
      const ada = await signUp(server);
      const socket = await connectSocket(server.base, ada);
      const long = await sendTurn(ada, socket, { model: 'stream-2000-100', wait: false });
      const soon = await sendTurn(ada, socket, { model: 'gate-5', wait: false });
      await until(() => textOf(socket, soon.replyId).length > 0 && textOf(socket, long.replyId).length > 0);
      const ended = server.terminate();
      await until(() => server.output().includes('they get a moment to finish'));
      place.provider.release();
      await socket.done(soon.replyId);
      const told = await socket.wait((name, event) => {
        const { message_id, data } = event as { message_id?: string; data: { type: string } };
        return name === 'events' && message_id === long.replyId && data.type === 'chat:message:error';
      });
      assert.deepEqual((told[1] as { data: { data: unknown } }).data.data, {
        error: { content: INTERRUPTED },
        done: true,
      });
      assert.equal(await ended, 0);
      const next = await place.start();
      const account = at(next, ada);
      const whole = await replyOf(account, soon.chatId, soon.replyId);
      assert.deepEqual([whole.done, whole.error ?? null, whole.content.split(' ').length], [true, null, 10]);
      const cut = await replyOf(account, long.chatId, long.replyId);
      assert.deepEqual([cut.done, cut.error], [true, { content: INTERRUPTED }]);
      assert.ok(cut.content.length > 0);
      assert.ok(textOf(socket, long.replyId).startsWith(cut.content));
      socket.close();
      await next.terminate();
    });
  });
}

describe('several servers on one database', { skip: await missingDatabase('postgresql') }, () => {
  it('do not end each other’s replies; what a dead one left is ended by another', async () => {
    await using place = await placeOn('postgresql');
    const one = await place.start();
    const ada = await signUp(one);
    const socket = await connectSocket(one.base, ada);
    const running = await sendTurn(ada, socket, { model: 'gate-50', wait: false });
    await until(() => textOf(socket, running.replyId).length > 0);

    const two = await place.start();
    const there = at(two, ada);
    const tab = await connectSocket(two.base, there);
    assert.equal((await replyOf(there, running.chatId, running.replyId)).done, false);
    const [taskId] = (running.answer.body as { task_ids: string[] }).task_ids;
    assert.deepEqual(await there.ok('GET', `/api/tasks/chat/${running.chatId}`), { task_ids: [taskId] });
    place.provider.release();
    await socket.done(running.replyId);
    assert.equal((await replyOf(there, running.chatId, running.replyId)).error ?? null, null);

    const stopped = await sendTurn(ada, socket, { model: 'gate-5', wait: false });
    await until(() => textOf(socket, stopped.replyId).length > 0);
    await there.ok('POST', `/api/tasks/chat/${stopped.chatId}/stop`);
    assert.equal((await replyOf(there, stopped.chatId, stopped.replyId)).done, true);

    const left = await sendTurn(ada, socket, { model: 'stream-500-50', wait: false });
    await until(() => textOf(socket, left.replyId).length > 200);
    await one.kill();
    await until(async () => (await replyOf(there, left.chatId, left.replyId)).done, {
      ms: 30_000,
      what: 'the other server to end it',
    });
    const reply = await replyOf(there, left.chatId, left.replyId);
    assert.deepEqual(reply.error, { content: INTERRUPTED });
    socket.close();
    tab.close();
    await two.terminate();
  });
});
