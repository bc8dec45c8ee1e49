import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { signUp } from './support/client.ts';
import { type DatabaseKind, freshDatabase, missingDatabase } from './support/databases.ts';
import { gateText, replyOf, textOf } from './support/replies.ts';
import { startServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

/** A way to a database server that can be cut. */
async function cuttable(url: string) {
  const target = new URL(url);
  const place = { host: target.hostname, port: Number(target.port) };
  const open = new Set<Socket>();
  let cut = false;
  const server = createServer((client) => {
    if (cut) return void client.destroy();
    const upstream = connect(place);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  target.port = String((server.address() as AddressInfo).port);
  return {
    url: target.href,
    cut() {
      cut = true;
      for (const one of open) one.destroy();
    },
    mend() {
      cut = false;
    },
    async close() {
      for (const one of open) one.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

for (const kind of ['postgresql', 'mysql'] satisfies DatabaseKind[]) {
  describe(`a reply while ${kind} is away`, { skip: await missingDatabase(kind) }, () => {
    it('goes on, and is stored when the database is back', async () => {
      await using made = new AsyncDisposableStack();
      const database = await freshDatabase(kind);
      made.defer(() => database.drop());
      const way = await cuttable(database.url);
      made.defer(() => way.close());
      const server = await startServer({ env: { DATABASE_URL: way.url } });
      made.defer(() => server.stop());
      const ada = await signUp(server);
      const socket = await connectSocket(server.base, ada);
      made.defer(() => socket.close());
      const finishes = await sendTurn(ada, socket, { model: 'gate-50', wait: false });
      const lasts = await sendTurn(ada, socket, { model: 'stream-2000-100', wait: false });
      await until(() => textOf(socket, finishes.replyId) === gateText(50).first);
      await until(() => textOf(socket, lasts.replyId).length > 0);
      way.cut();
      server.provider.release();
      await until(() => textOf(socket, finishes.replyId).trim() === gateText(50).all);
      await until(() => server.output().includes('a reply cannot be stored now'), {
        ms: 30_000,
        what: 'the first try',
      });
      const heard = textOf(socket, lasts.replyId).length;
      await until(() => textOf(socket, lasts.replyId).length > heard, { what: 'the other reply to go on' });
      way.mend();
      await socket.done(finishes.replyId, 40_000);
      const stored = await replyOf(ada, finishes.chatId, finishes.replyId);
      assert.deepEqual([stored.content, stored.done, stored.error ?? null], [gateText(50).all, true, null]);
      await ada.ok('POST', `/api/tasks/chat/${lasts.chatId}/stop`);
      const stopped = await replyOf(ada, lasts.chatId, lasts.replyId);
      assert.equal(stopped.done, true);
      assert.equal(textOf(socket, lasts.replyId).trim(), stopped.content.trim());
    });
  });
}
