import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount, signUp } from './support/client.ts';
import { eventOf, gateText, messagesOf, replyOf, settled, textOf } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { type ChatEvent, connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

describe('a reply while it is written', () => {
  let server: TestServer;
  let ada: Account;
  let socket: TestSocket;
  before(async () => {
    server = await startServer();
    ada = await signUp(server);
    socket = await connectSocket(server.base, ada);
  });
  after(async () => {
    socket?.close();
    await server?.stop();
  });

  const join = async (tab: TestSocket, chatId: string) =>
    assert.equal(
      await tab.raw.timeout(5_000).emitWithAck('events:chat', { chat_id: chatId, data: { type: 'join' } }),
      true,
    );
  const growth = (tab: TestSocket, replyId: string) =>
    tab.events(replyId).filter(({ data }) => data.type === 'response:completion' || isGrowth(data));
  const isGrowth = (data: ChatEvent['data']) =>
    data.type === 'chat:completion' && (data.data as { done?: boolean }).done !== true;

  it('is read with what it has, and goes on without gap or repeat', async () => {
    const turn = await sendTurn(ada, socket, { model: 'gate-50', wait: false });
    const { first, all } = gateText(50);
    await until(() => textOf(socket, turn.replyId) === first);
    const tab = await connectSocket(server.base, ada);
    await join(tab, turn.chatId);
    const reply = await replyOf(ada, turn.chatId, turn.replyId);
    assert.deepEqual([reply.content, reply.done], [first, false]);
    const list = await ada.ok<{ id: string; active: boolean }[]>('GET', '/api/v1/chats/');
    assert.equal(list.find(({ id }) => id === turn.chatId)?.active, true);
    server.provider.release();
    await tab.done(turn.replyId);
    assert.equal((reply.content + textOf(tab, turn.replyId)).trim(), all);
    assert.equal(textOf(socket, turn.replyId).trim(), all);
    await settled(ada, turn.chatId);
    assert.equal((await replyOf(ada, turn.chatId, turn.replyId)).content, all);
    tab.close();
  });

  it('is read at any moment exactly as far as it was sent', async () => {
    const turn = await sendTurn(ada, socket, { model: 'stream-500-50', wait: false });
    const tab = await connectSocket(server.base, ada);
    await join(tab, turn.chatId);
    for (let round = 0; round < 10; round += 1) {
      await until(() => textOf(socket, turn.replyId).length > round * 60);
      const { content } = await replyOf(ada, turn.chatId, turn.replyId);
      await until(() => textOf(socket, turn.replyId).length >= content.length);
      const pieces = socket.events(turn.replyId).filter(({ data }) => data.type === 'response:completion');
      let sent = '';
      const ends = pieces.map(({ data }) => {
        sent += (data.data as { delta?: string }).delta ?? '';
        return sent;
      });
      assert.ok(ends.includes(content), 'the text read ends where a piece ends');
    }
    await ada.ok('POST', `/api/tasks/chat/${turn.chatId}/stop`);
    tab.close();
  });

  it('is sent whole to a tab that opens the chat, and once more after a read', async () => {
    const turn = await sendTurn(ada, socket, { model: 'gate-5', wait: false });
    const { first } = gateText(5);
    await until(() => textOf(socket, turn.replyId) === first);
    const tab = await connectSocket(server.base, ada);
    await join(tab, turn.chatId);
    const snapshots = () =>
      tab.events(turn.replyId).flatMap(({ data }) => {
        const { output } = (data.data ?? {}) as { output?: { content: { text: string }[] }[] };
        return data.type === 'chat:completion' && output ? [output[0]?.content[0]?.text] : [];
      });
    await until(() => snapshots().length === 1);
    await messagesOf(ada, turn.chatId);
    await until(() => snapshots().length === 2);
    assert.deepEqual(snapshots(), [first, first]);
    server.provider.release();
    await tab.done(turn.replyId);
    tab.close();
  });

  it('grows only where it is watched; its end is told to every tab', async () => {
    const elsewhere = await connectSocket(server.base, ada);
    const turn = await sendTurn(ada, socket, { model: 'reasoner' });
    await elsewhere.done(turn.replyId);
    await settled(ada, turn.chatId);
    assert.deepEqual(growth(elsewhere, turn.replyId), []);
    assert.ok(growth(socket, turn.replyId).length > 0);
    const told = (tab: TestSocket) =>
      tab
        .events()
        .filter(
          ({ chat_id, data }) => chat_id === turn.chatId && !isGrowth(data) && data.type !== 'response:completion',
        );
    await until(() => told(elsewhere).at(-1)?.data.type === 'chat:active');
    assert.deepEqual(told(elsewhere), told(socket));
    elsewhere.close();
  });

  it('is not sent to a socket that is not the user’s, whatever the request names', async () => {
    const ben = await connectSocket(server.base, null);
    const turn = await sendTurn(ada, socket, { wait: false, extra: { session_id: ben.id } });
    await socket.done(turn.replyId);
    const other = await sendTurn(ada, socket, { wait: false, extra: { session_id: `user:${ada.id}` } });
    await socket.done(other.replyId);
    assert.deepEqual(ben.events(), []);
    assert.deepEqual(growth(socket, other.replyId), []);
    ben.close();
  });

  it('is shown to others who may read the chat while they look at it', async () => {
    const ben = await addAccount(ada, 'ben');
    const made = await sendTurn(ada, socket, {});
    await settled(ada, made.chatId);
    await ada.ok('POST', `/api/v1/chats/${made.chatId}/share`, { json: { share_mode: 'continue' } });
    await ada.ok('POST', `/api/v1/chats/shared/${made.chatId}/access/update`, {
      json: {
        access_grants: [{ principal_type: 'user', principal_id: ben.id, permission: 'read' }],
        share_mode: 'continue',
      },
    });
    const viewer = await connectSocket(server.base, ben);
    await join(viewer, made.chatId);
    const turn = await sendTurn(ada, socket, {
      model: 'gate-5',
      chatId: made.chatId,
      parentId: made.replyId,
      wait: false,
    });
    const { first, all } = gateText(5);
    await until(() => textOf(viewer, turn.replyId) === first);
    const late = await connectSocket(server.base, ben);
    await join(late, made.chatId);
    const whole = await eventOf(late, turn.replyId, 'chat:completion');
    assert.equal((whole.data.data as { output: { content: { text: string }[] }[] }).output[0]?.content[0]?.text, first);
    server.provider.release();
    await viewer.done(turn.replyId);
    assert.equal(textOf(viewer, turn.replyId).trim(), all);
    const frames = viewer
      .events()
      .filter(({ chat_id, data }) => chat_id === made.chatId && data.type !== 'chat:presence');
    for (const frame of frames)
      assert.deepEqual(Object.keys(frame), ['chat_id', 'message_id', 'user_id', 'shared', 'data']);
    assert.equal(frames[0]?.data.type, 'chat:messages');
    const last = frames.find(({ data }) => (data.data as { done?: boolean }).done);
    assert.deepEqual(Object.keys(last?.data.data as object).sort(), ['done', 'output']);
    await settled(ada, made.chatId);
    const others = socket.events(turn.replyId).filter((event) => 'shared' in event);
    assert.deepEqual(others, []);
    viewer.close();
    late.close();
  });

  it('keeps what others tell of it meanwhile', async () => {
    const turn = await sendTurn(ada, socket, { model: 'gate-5', wait: false });
    await until(() => textOf(socket, turn.replyId) === gateText(5).first);
    const path = `/api/v1/chats/${turn.chatId}/messages/${turn.replyId}/event`;
    for (const description of ['one', 'two']) {
      await ada.ok('POST', path, { json: { type: 'status', data: { description, done: true } } });
    }
    await ada.ok('POST', path, {
      json: { type: 'source', data: { source: { name: 'a book' }, document: ['text'], metadata: [{}] } },
    });
    server.provider.release();
    await socket.done(turn.replyId);
    const reply = (await replyOf(ada, turn.chatId, turn.replyId)) as unknown as Record<string, unknown[]>;
    assert.deepEqual(reply.statusHistory, [
      { description: 'one', done: true },
      { description: 'two', done: true },
    ]);
    assert.equal(reply.sources?.length, 1);
    assert.equal(reply.content, gateText(5).all);
  });

  it('goes on without the browser', async () => {
    const gone = await connectSocket(server.base, ada);
    const turn = await sendTurn(ada, gone, { model: 'gate-5', wait: false });
    await eventOf(gone, turn.replyId, 'response:completion');
    gone.close();
    server.provider.release();
    await socket.done(turn.replyId);
    assert.equal((await replyOf(ada, turn.chatId, turn.replyId)).content, gateText(5).all);
  });

  it('costs a tab that does not read no more than its connection', async () => {
    const turn = await sendTurn(ada, socket, { model: 'gate-50', wait: false });
    const tab = await connectSocket(server.base, ada);
    await join(tab, turn.chatId);
    const engine = tab.raw.io.engine as unknown as { transport: { ws: { _socket?: { pause(): void } } } };
    engine.transport.ws._socket?.pause();
    await until(() => textOf(socket, turn.replyId) === gateText(50).first);
    server.provider.release();
    await socket.done(turn.replyId);
    assert.equal((await replyOf(ada, turn.chatId, turn.replyId)).content, gateText(50).all);
    tab.close();
  });

  it('comes in few frames and few bytes', async () => {
    const turn = await sendTurn(ada, socket, { model: 'stream-500-50', wait: false });
    await eventOf(socket, turn.replyId, 'response:completion');
    const began = performance.now();
    const pieces = () => socket.events(turn.replyId).filter(({ data }) => data.type === 'response:completion');
    await until(() => pieces().length >= 40);
    const perSecond = (40 * 1_000) / (performance.now() - began);
    assert.ok(perSecond <= 27, `${perSecond} frames a second`);
    await ada.ok('POST', `/api/tasks/chat/${turn.chatId}/stop`);
  });
});
