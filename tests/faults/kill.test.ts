import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sendTurn } from '../support/chat.ts';
import { type Account, apiClient, signUp } from '../support/client.ts';
import { startProvider } from '../support/provider.ts';
import { replyOf } from '../support/replies.ts';
import { freePort, startServer } from '../support/server.ts';
import { connectSocket, type TestSocket } from '../support/socket.ts';

const ROUNDS = 20;
const ANSWERS = 5;
/** Milliseconds. */
const LATEST_KILL = 4_000;
const SHOWN_FOR = 1_000;

interface Watched {
  chatId: string;
  replyId: string;
  /** What had been shown for at least a second at a moment. */
  shownBefore(moment: number): string;
}

async function ask(account: Account, socket: TestSocket): Promise<Watched> {
  const replyId = randomUUID();
  const pieces: { at: number; text: string }[] = [];
  socket.raw.on('events', (event: { message_id?: string; data: { type: string; data?: { delta?: string } } }) => {
    const text = event.data.data?.delta;
    if (event.message_id === replyId && event.data.type === 'response:completion' && text) {
      pieces.push({ at: performance.now(), text });
    }
  });
  const { chatId } = await sendTurn(account, socket, { model: 'stream-500-50', wait: false, extra: { id: replyId } });
  return {
    chatId,
    replyId,
    shownBefore: (moment) =>
      pieces
        .filter(({ at }) => at <= moment - SHOWN_FOR)
        .map(({ text }) => text)
        .join(''),
  };
}

describe('a server that is killed at random moments', () => {
  it(`keeps what was shown for a second, of ${ANSWERS} answers ${ROUNDS} times`, { timeout: 300_000 }, async () => {
    await using made = new AsyncDisposableStack();
    const provider = await startProvider();
    made.defer(() => provider.stop());
    const dataDir = await mkdtemp(join(tmpdir(), 'loggia-kill-'));
    made.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));
    const port = await freePort();
    let server = await startServer({ provider, dataDir, port });
    made.defer(async () => void (await server.terminate()));
    const account = await signUp(server);
    let checked = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const socket = await connectSocket(server.base, account);
      const watched = await Promise.all(Array.from({ length: ANSWERS }, () => ask(account, socket)));
      const wait = Math.random() * LATEST_KILL;
      await new Promise((resolve) => setTimeout(resolve, wait));
      const moment = performance.now();
      await server.kill();
      socket.close();
      server = await startServer({ provider, dataDir, port });
      const api = { ...account, ...apiClient(server.base, account.token), token: account.token };
      for (const { chatId, replyId, shownBefore } of watched) {
        const reply = await replyOf(api, chatId, replyId);
        const shown = shownBefore(moment);
        const where = `round ${round}, killed after ${Math.round(wait)} ms`;
        assert.ok(reply.content.startsWith(shown.trimEnd()), `${where}: ${reply.content.length} of ${shown.length}`);
        assert.equal(reply.done, true, where);
        assert.deepEqual(await api.ok('GET', `/api/tasks/chat/${chatId}`), { task_ids: [] });
        checked += 1;
      }
    }
    assert.equal(checked, ROUNDS * ANSWERS);
  });
});
