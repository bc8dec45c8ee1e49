import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount, signUp } from './support/client.ts';
import { eventOf, gateText, replyOf, settled, textOf } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

describe('replies that do not reach their end', () => {
  let server: TestServer;
  let ada: Account;
  let socket: TestSocket;
  before(async () => {
    server = await startServer({ env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } });
    ada = await signUp(server);
    socket = await connectSocket(server.base, ada);
  });
  after(async () => {
    socket?.close();
    await server?.stop();
  });

  const ask = (model: string) => sendTurn(ada, socket, { model, wait: false });

  for (const [model, pattern] of [
    ['fail-500', /^scripted failure$/],
    ['fail-429', /^slow down$/],
    ['fail-html', /^(?!.*<).*Bad gateway/],
  ] as const) {
    it(`tells and stores what the provider says (${model})`, async () => {
      const turn = await ask(model);
      assert.equal(turn.answer.status, 200);
      const { data } = await eventOf(socket, turn.replyId, 'chat:message:error');
      const { error, done } = data.data as { error: { content: string }; done: boolean };
      assert.match(error.content, pattern);
      assert.equal(done, true);
      await settled(ada, turn.chatId);
      const reply = await replyOf(ada, turn.chatId, turn.replyId);
      assert.deepEqual([reply.error, reply.done, reply.content], [error, true, '']);
    });
  }

  it('keeps what came before a stream broke off', async () => {
    const turn = await ask('gate-5');
    const { first } = gateText(5);
    await until(() => textOf(socket, turn.replyId) === first);
    server.provider.cut();
    const { data } = await eventOf(socket, turn.replyId, 'chat:message:error');
    await settled(ada, turn.chatId);
    const reply = await replyOf(ada, turn.chatId, turn.replyId);
    assert.deepEqual(reply.error, (data.data as { error: unknown }).error);
    assert.equal(reply.content, first.trim());
    assert.equal(reply.done, true);
    assert.deepEqual(
      reply.output?.map(({ status }) => status),
      ['incomplete'],
    );
  });

  it('ends a reply of garbage', async () => {
    const turn = await ask('garbage');
    await settled(ada, turn.chatId);
    assert.equal((await replyOf(ada, turn.chatId, turn.replyId)).done, true);
  });

  it('stops a reply, and answers only when what it had is stored', async () => {
    const turn = await ask('gate-5');
    const { first } = gateText(5);
    await until(() => textOf(socket, turn.replyId) === first);
    const [taskId] = (turn.answer.body as { task_ids: string[] }).task_ids;
    assert.deepEqual(await ada.ok('GET', `/api/tasks/chat/${turn.chatId}`), { task_ids: [taskId] });
    assert.deepEqual((await ada.ok<{ tasks: string[] }>('GET', '/api/tasks')).tasks, [taskId]);
    const stopped = await ada.ok('POST', `/api/tasks/chat/${turn.chatId}/stop`);
    assert.deepEqual(stopped, { status: true, message: `Task ${taskId} successfully stopped.` });
    const reply = await replyOf(ada, turn.chatId, turn.replyId);
    assert.deepEqual([reply.content, reply.done, reply.error ?? null], [first, true, null]);
    assert.deepEqual(
      reply.output?.map(({ status }) => status),
      ['incomplete'],
    );
    await until(() => server.provider.openStreams() === 0, { what: 'the provider to be left alone' });
    const cancels = socket.events(turn.replyId).filter(({ data }) => data.type === 'chat:tasks:cancel');
    assert.deepEqual(
      cancels.map(({ data }) => Object.keys((data.data ?? {}) as object)),
      [['output'], []],
    );
    assert.deepEqual(await ada.ok('GET', `/api/tasks/chat/${turn.chatId}`), { task_ids: [] });
    const nothing = await ada.ok('POST', `/api/tasks/chat/${turn.chatId}/stop`);
    assert.deepEqual(nothing, { status: true, message: 'No tasks found.' });
  });

  it('stops a provider that hangs', async () => {
    const turn = await ask('hang');
    await until(() => server.provider.openStreams() === 1);
    const [taskId] = (turn.answer.body as { task_ids: string[] }).task_ids;
    const stopped = await ada.ok<{ status: boolean }>('POST', `/api/tasks/stop/${taskId}`);
    assert.equal(stopped.status, true);
    const reply = await replyOf(ada, turn.chatId, turn.replyId);
    assert.deepEqual([reply.content, reply.done], ['', true]);
    const gone = await ada.ok('POST', `/api/tasks/stop/${taskId}`);
    assert.deepEqual(gone, { status: false, message: `Task with ID ${taskId} not found.` });
  });

  it('lets nobody else see or stop a reply', async () => {
    const ben = await addAccount(ada, 'ben');
    const turn = await ask('gate-5');
    assert.deepEqual(await ben.ok('GET', `/api/tasks/chat/${turn.chatId}`), { task_ids: [] });
    assert.equal((await ben.call('POST', `/api/tasks/chat/${turn.chatId}/stop`)).status, 404);
    assert.equal((await ben.call('GET', '/api/tasks')).status, 401);
    await until(() => server.provider.openStreams() === 1);
    server.provider.release();
    await socket.done(turn.replyId);
  });

  it('forgets the error when a reply goes on', async () => {
    const turn = await ask('fail-500');
    await settled(ada, turn.chatId);
    const user_message = { id: turn.userId, parentId: null, role: 'user', content: 'Hi there' };
    await sendTurn(ada, socket, {
      model: 'hello',
      chatId: turn.chatId,
      wait: false,
      extra: { id: turn.replyId, assistant_message_id: turn.replyId, user_message },
    });
    await socket.done(turn.replyId);
    const reply = await replyOf(ada, turn.chatId, turn.replyId);
    assert.deepEqual([reply.error ?? null, reply.content, reply.done], [null, 'Hello from hello.', true]);
  });
});
