import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Socket } from 'socket.io-client';
import { missingRedis } from '../../../tests/support/databases.ts';
import { collect, flush, redisBus, type SocketNode, startNode } from '../../../tests/support/socket-node.ts';
import { until } from '../../../tests/support/wait.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { LiveSocket } from '../../kernel/realtime/index.ts';
import { createDirectChannels, type DirectChannel } from './direct-channels.ts';
import { createEventCallers } from './event-calls.ts';
import type { Sessions } from './sessions.ts';

const RESUME_MS = 400;
const target = { userId: 'ann', chatId: 'c', messageId: 'm' };

/** A tab of somebody, with chat `c` open in it or not. */
async function tab(node: SocketNode, user: string, opensChat = false): Promise<Socket & { id: string }> {
  const socket = await node.client();
  await socket.emitWithAck('name', user);
  await socket.emitWithAck('join', `user:${user}`);
  if (opensChat) await socket.emitWithAck('join', `chat:c:user:${user}`);
  return socket as Socket & { id: string };
}

type Asked = { data: { type: string; data: Record<string, unknown> } };
type Answer = (...values: unknown[]) => void;

describe('questions to tabs', () => {
  let node: SocketNode;
  before(async () => {
    node = await startNode();
  });
  after(() => node.stop());
  const caller = (sessionId: string, timeout: number | null = null) =>
    createEventCallers({ realtime: node.realtime, timeout, resumeMs: RESUME_MS })({ ...target, sessionId });

  it('gives what the tab acknowledges', async () => {
    const socket = await tab(node, 'ann');
    const asked: unknown[] = [];
    socket.on('events', (event: Asked, answer: Answer) => {
      asked.push(event);
      if (event.data.data.many) answer(1, 2);
      else if (event.data.data.none) answer();
      else answer({ ok: true });
    });
    const ask = caller(socket.id);
    assert.deepEqual(await ask.call('execute', { code: '1' }), { ok: true });
    assert.deepEqual(await ask.call('execute', { many: true }), [1, 2]);
    assert.equal(await ask.call('execute', { none: true }), null);
    assert.deepEqual(asked[0], { chat_id: 'c', message_id: 'm', data: { type: 'execute', data: { code: '1' } } });
  });

  it('does not ask the tab of somebody else', async () => {
    const socket = await tab(node, 'bob');
    const asked = collect(socket, 'events');
    assert.deepEqual(await caller(socket.id).call('execute', {}), { error: 'Client session disconnected.' });
    await flush(socket);
    assert.deepEqual(asked, []);
  });

  it('ends when time is over, and when the run is stopped', async () => {
    const socket = await tab(node, 'ann');
    const late = await caller(socket.id, 0.05).call('execute', {});
    assert.deepEqual(late, { error: 'Event call timed out. The browser tab may be inactive or closed.' });
    const controller = new AbortController();
    const stopped = caller(socket.id).call('execute', {}, { signal: controller.signal });
    controller.abort(new Error('stopped'));
    await assert.rejects(stopped, /stopped/);
  });

  it('asks the tab that is open in place of one that has gone, and closes the dialog there', async () => {
    const first = await tab(node, 'ann', true);
    const questions = collect(first, 'events') as Asked[];
    const ask = caller(first.id);
    const answer = ask.call('confirmation', { title: 'Sure?' });
    await until(() => questions.length === 1);
    first.close();
    const second = await tab(node, 'ann', true);
    const seen: Asked[] = [];
    second.on('events', (event: Asked, reply?: Answer) => {
      seen.push(event);
      reply?.(true);
    });
    assert.equal(await answer, true);
    assert.equal(ask.sessionId, second.id);
    await flush(second);
    const id = questions[0]?.data.data.interaction_id;
    assert.ok(id);
    assert.deepEqual(
      seen.map(({ data }) => [data.type, data.data.interaction_id]),
      [
        ['confirmation', id],
        ['request:interaction:done', id],
      ],
    );
    second.close();
  });

  it('does not move what is meant for one tab, and does not wait for ever', async () => {
    const [first, second] = [await tab(node, 'ann', true), await tab(node, 'ann', true)];
    const ask = caller(first.id);
    const bound = ask.call('input', { title: 'x', session_id: first.id });
    const plain = ask.call('execute:python', { code: '1' });
    await flush(first);
    first.close();
    assert.deepEqual(await bound, { error: 'Client session disconnected.' });
    assert.deepEqual(await plain, { error: 'Client session disconnected.' });
    second.close();
    const started = performance.now();
    await until(() => !node.realtime.isConnected(second.id));
    assert.deepEqual(await ask.call('input', { title: 'x' }), { error: 'Client session disconnected.' });
    assert.ok(performance.now() - started >= RESUME_MS);
  });
});

describe('what clients stream', { skip: await missingRedis() }, () => {
  let here: SocketNode;
  let there: SocketNode;
  let open: (userId: string, sessionId: string) => DirectChannel;
  before(async () => {
    const makeBus = (log: Parameters<typeof redisBus>[1]) => redisBus(`loggia-live-${process.pid}`, log);
    [here, there] = await Promise.all([startNode({ makeBus }), startNode({ makeBus })]);
    const sessions = {
      check: async (socket: LiveSocket) => socket.user as User | null,
    } as unknown as Sessions;
    open = createDirectChannels({ ...here, sessions });
    createDirectChannels({ ...there, sessions });
  });
  after(async () => {
    await here?.stop();
    await there?.stop();
  });

  async function read(channel: DirectChannel): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of channel.lines()) lines.push(line);
    return lines;
  }
  async function known(socket: Socket & { id: string }): Promise<Socket & { id: string }> {
    await until(() => here.realtime.isConnected(socket.id));
    return socket;
  }

  for (const where of ['this process', 'another process']) {
    it(`comes in order from a client of ${where}`, async () => {
      const socket = await known(await tab(where === 'this process' ? here : there, 'ann'));
      const channel = open('ann', socket.id);
      assert.match(channel.channel, new RegExp(`^ann:${socket.id}:[^:]+$`));
      const lines = read(channel);
      await new Promise((resolve) => setImmediate(resolve));
      // The other process has heard of the channel when it hears of what was sent after.
      const heard = new Promise((resolve) => socket.once('go', resolve));
      here.realtime.emit({ rooms: [socket.id] }, 'go', {});
      await heard;
      for (const line of ['data: {"a":1}', '{"b":2}', { c: 3 }]) socket.emit(channel.channel, line);
      for (let index = 0; index < 200; index += 1) socket.emit(channel.channel, `data: ${index}`);
      socket.emit(channel.channel, { done: true });
      const numbers = Array.from({ length: 200 }, (_, index) => `data: ${index}\n\n`);
      const expected = ['data: {"a":1}\n\n', 'data: {"b":2}\n\n', 'data: {"c":3}\n\n', ...numbers];
      assert.deepEqual(await lines, expected);
      assert.equal(await socket.emitWithAck(channel.channel, 'too late'), undefined);
    });
  }

  it('is not taken from others, and fails when the client goes', async () => {
    const [socket, thief] = [await known(await tab(there, 'ann')), await known(await tab(here, 'bob'))];
    const channel = open('ann', socket.id);
    await thief.emitWithAck(channel.channel, 'data: forged');
    const lines = read(channel);
    socket.close();
    await assert.rejects(lines, /disconnected/);
  });
});
