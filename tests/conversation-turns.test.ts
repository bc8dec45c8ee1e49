import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type SentTurn, sendTurn } from './support/chat.ts';
import { type Account, addAccount, signUp } from './support/client.ts';
import { type DatabaseKind, missingDatabase } from './support/databases.ts';
import { eventOf, messagesOf, replyOf, settled } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const KINDS: DatabaseKind[] = ['sqlite', 'postgresql', 'mysql'];

for (const kind of KINDS) {
  describe(`turns of a conversation on ${kind}`, { skip: await missingDatabase(kind) }, () => {
    let server: TestServer;
    let ada: Account;
    let socket: TestSocket;
    before(async () => {
      server = await startServer({ database: kind, env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } });
      ada = await signUp(server);
      socket = await connectSocket(server.base, ada);
    });
    after(async () => {
      socket?.close();
      await server?.stop();
    });

    const types = (id: string) => socket.events(id).map(({ data }) => data.type);
    /** The turn again, with changes. */
    const again = (turn: SentTurn, extra: Record<string, unknown>) =>
      sendTurn(ada, socket, {
        chatId: turn.chatId,
        wait: false,
        extra: {
          user_message: { id: turn.userId, parentId: null, role: 'user', content: 'Hi there', models: ['hello'] },
          ...extra,
        },
      });

    it('makes a chat, streams the reply, stores it', async () => {
      const turn = await sendTurn(ada, socket, { content: 'Good day' });
      assert.equal(turn.answer.status, 200);
      assert.deepEqual(Object.keys(turn.answer.body as object).sort(), ['chat_id', 'status', 'task_ids']);
      await settled(ada, turn.chatId);
      const messages = await messagesOf(ada, turn.chatId);
      const { [turn.userId]: question, [turn.replyId]: reply } = messages;
      assert.equal(question?.content, 'Good day');
      assert.deepEqual(question?.childrenIds, [turn.replyId]);
      assert.equal(reply?.content, 'Hello from hello.');
      assert.equal(reply?.done, true);
      assert.equal(reply?.parentId, turn.userId);
      assert.deepEqual(reply?.meta, { task_id: (turn.answer.body as { task_ids: string[] }).task_ids[0] });
      assert.deepEqual(
        reply?.output?.map(({ type, status }) => [type, status]),
        [['message', 'completed']],
      );
      const told = types(turn.replyId);
      assert.deepEqual(told.slice(0, 2), ['chat:active', 'response:completion']);
      assert.deepEqual(told.slice(-3), ['chat:list', 'chat:completion', 'chat:active']);
    });

    it('goes on with no reply that is being written', async () => {
      const turn = await sendTurn(ada, socket, { model: 'gate-5', wait: false });
      const more = { model: 'gate-5', chat_id: turn.chatId, id: turn.replyId, assistant_message_id: turn.replyId };
      const json = { ...more, messages: [], stream: true, session_id: socket.id };
      assert.equal((await ada.call('POST', '/api/chat/completions', { json })).status, 409);
      await until(() => server.provider.openStreams() > 0);
      server.provider.release();
      await socket.done(turn.replyId);
    });

    it('continues the chat with the history', async () => {
      const one = await sendTurn(ada, socket, { model: 'echo', content: 'First' });
      const two = await sendTurn(ada, socket, {
        model: 'echo',
        content: 'Second',
        chatId: one.chatId,
        parentId: one.replyId,
      });
      const asked = server.provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
      assert.deepEqual(
        asked.map(({ role, content }) => [role, content]),
        [
          ['user', 'First'],
          ['assistant', 'You said: First'],
          ['user', 'Second'],
        ],
      );
      const messages = await messagesOf(ada, one.chatId);
      assert.deepEqual(messages[one.replyId]?.childrenIds, [two.userId]);
      assert.equal(messages[two.replyId]?.content, 'You said: Second');
    });

    it('regenerates beside the first reply', async () => {
      const one = await sendTurn(ada, socket, {});
      const id = randomUUID();
      const other = await again(one, { id, model: 'reasoner' });
      assert.equal(other.answer.status, 200);
      await socket.done(id);
      const messages = await messagesOf(ada, one.chatId);
      assert.deepEqual(messages[one.userId]?.childrenIds, [one.replyId, id]);
      assert.equal(messages[one.replyId]?.content, 'Hello from hello.');
      assert.deepEqual(
        messages[id]?.output?.map(({ type, status }) => [type, status]),
        [
          ['reasoning', 'completed'],
          ['message', 'completed'],
        ],
      );
      assert.equal(messages[id]?.content, 'The answer is 42.');
    });

    it('writes several columns at once, each with its own model', async () => {
      const ids = [randomUUID(), randomUUID(), randomUUID()];
      const models = ['hello', 'think-tags', 'no-such-model'];
      const turn = await sendTurn(ada, socket, {
        wait: false,
        extra: {
          message_ids: ids.map((message_id, modelIdx) => ({ message_id, model_id: models[modelIdx], modelIdx })),
        },
      });
      assert.equal((turn.answer.body as { task_ids: string[] }).task_ids.length, 3);
      await socket.done(ids[0] ?? '');
      await socket.done(ids[1] ?? '');
      const refused = await eventOf(socket, ids[2] ?? '', 'chat:message:error');
      assert.deepEqual(refused.data.data, { error: { content: 'Model not found' }, done: true });
      await settled(ada, turn.chatId);
      const messages = await messagesOf(ada, turn.chatId);
      assert.deepEqual(
        ids.map((id) => [messages[id]?.modelIdx, messages[id]?.model, messages[id]?.content, messages[id]?.done]),
        [
          [0, 'hello', 'Hello from hello.', true],
          [1, 'think-tags', 'The answer is 42.', true],
          [2, 'no-such-model', '', true],
        ],
      );
      const busy = socket
        .events()
        .filter(({ chat_id, data }) => chat_id === turn.chatId && data.type === 'chat:active');
      assert.deepEqual(
        busy.map(({ data }) => (data.data as { active: boolean }).active),
        [true, false],
      );
    });

    it('goes on with a finished reply', async () => {
      const one = await sendTurn(ada, socket, {});
      await settled(ada, one.chatId);
      const more = await again(one, { id: one.replyId, assistant_message_id: one.replyId });
      assert.equal(more.answer.status, 200);
      await settled(ada, one.chatId);
      const reply = await replyOf(ada, one.chatId, one.replyId);
      assert.equal(reply.content, 'Hello from hello.Hello from hello.');
      assert.equal(reply.output?.length, 1);
      assert.equal(reply.done, true);
      const asked = server.provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
      assert.deepEqual(asked.at(-1), { role: 'assistant', content: 'Hello from hello.' });
      const wrong = await again(one, { id: randomUUID(), assistant_message_id: one.replyId });
      assert.deepEqual([wrong.answer.status, wrong.answer.body], [400, { detail: 'Invalid response ID.' }]);
      assert.equal((await again(one, { assistant_message_id: randomUUID() })).answer.status, 403);
    });

    it('runs the tool the model calls and lets it go on', async () => {
      const turn = await sendTurn(ada, socket, { model: 'tool-user' });
      const reply = await replyOf(ada, turn.chatId, turn.replyId);
      assert.deepEqual(
        reply.output?.map(({ type, status }) => [type, status]),
        [
          ['function_call', 'completed'],
          ['function_call_output', 'completed'],
          ['message', 'completed'],
        ],
      );
      assert.match(reply.content, /^Tool said: \{"current_timestamp":\d+/);
      const asked = server.provider.chats().at(-1)?.body.messages as { role: string; tool_call_id?: string }[];
      assert.deepEqual(
        asked.map(({ role }) => role),
        ['user', 'assistant', 'tool'],
      );
      assert.equal(asked[2]?.tool_call_id, 'call_1');
    });

    it('does not store temporary chats', async () => {
      const chatId = `temporary:${socket.id}`;
      const turn = await sendTurn(ada, socket, { model: 'echo', content: 'Psst', chatId });
      assert.equal((turn.answer.body as { chat_id: string }).chat_id, chatId);
      assert.equal((await ada.call('GET', `/api/v1/chats/${encodeURIComponent(chatId)}`)).status, 401);
      const done = await eventOf(socket, turn.replyId, 'chat:completion');
      assert.equal((done.data.data as { title: string }).title, '');
    });

    it('makes title, tags and follow-ups', async () => {
      const turn = await sendTurn(ada, socket, { background: true });
      assert.equal((await eventOf(socket, turn.replyId, 'chat:title')).data.data, 'Scripted Title');
      assert.deepEqual((await eventOf(socket, turn.replyId, 'chat:tags')).data.data, ['science', 'testing']);
      await eventOf(socket, turn.replyId, 'chat:message:follow_ups');
      await settled(ada, turn.chatId);
      const chat = await ada.ok<{ title: string; meta: { tags: string[] } }>('GET', `/api/v1/chats/${turn.chatId}`);
      assert.deepEqual([chat.title, chat.meta.tags], ['Scripted Title', ['science', 'testing']]);
      assert.equal(types(turn.replyId).at(-1), 'chat:active');
    });

    it('refuses what does not fit and leaves the chat as it was', async () => {
      const ben = await addAccount(ada, `ben-${kind}`);
      const one = await sendTurn(ada, socket, {});
      await settled(ada, one.chatId);
      const before = await messagesOf(ada, one.chatId);
      const ask = (extra: Record<string, unknown>, who = ada) =>
        sendTurn(who, socket, { chatId: one.chatId, parentId: one.replyId, wait: false, extra });
      const statuses: [Promise<SentTurn>, number][] = [
        [ask({}, ben), 404],
        [ask({ chat_id: randomUUID() }), 404],
        [ask({ model: 'no-such-model' }), 400],
        [ask({ id: one.replyId }), 409],
        [ask({ id: '' }), 409],
        [ask({ params: { model_controls: ['x'] } }), 400],
        [ask({ user_message: { id: one.replyId, parentId: null, content: 'x', role: 'user' } }), 403],
        [ask({ user_message: { id: randomUUID(), parentId: randomUUID(), content: 'x', role: 'user' } }), 409],
      ];
      for (const [index, [sent, status]] of statuses.entries()) {
        const { answer } = await sent;
        assert.equal(answer.status, status, `${index}: ${JSON.stringify(answer.body)}`);
        assert.equal(typeof (answer.body as { detail: unknown }).detail, 'string');
      }
      assert.deepEqual(await messagesOf(ada, one.chatId), before);
      const fresh = await sendTurn(ada, socket, { wait: false, extra: { folder_id: randomUUID() } });
      assert.equal(fresh.answer.status, 404);
    });

    it('waits for the reply where nobody watches', async () => {
      const made = await sendTurn(ada, socket, {});
      await settled(ada, made.chatId);
      const replyId = randomUUID();
      const user_message = { id: randomUUID(), parentId: made.replyId, role: 'user', content: 'Unwatched' };
      const body = { model: 'echo', messages: [], chat_id: made.chatId, id: replyId, user_message };
      const streamed = await ada.call('POST', '/api/chat/completions', { json: { ...body, stream: true } });
      assert.deepEqual([streamed.status, streamed.body], [200, null]);
      assert.equal((await replyOf(ada, made.chatId, replyId)).content, 'You said: Unwatched');
      const whole = await ada.ok<{ choices: { message: { content: string } }[] }>('POST', '/api/chat/completions', {
        json: { ...body, id: randomUUID(), user_message: { ...user_message, id: randomUUID() }, stream: false },
      });
      assert.equal(whole.choices[0]?.message.content, 'You said: Unwatched');
    });
  });
}
