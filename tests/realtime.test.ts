import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { io, type Socket } from 'socket.io-client';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount, signIn, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { type ChatEvent, connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const ofType = (socket: TestSocket, type: string): ChatEvent[] =>
  socket.events().filter((event) => event.data.type === type);

/** All that was sent before has arrived when this resolves. */
const flush = (socket: TestSocket) => socket.raw.emitWithAck('heartbeat', {});
const act = (socket: TestSocket, chatId: string, type: string, data?: unknown) =>
  socket.raw.timeout(5_000).emitWithAck('events:chat', { chat_id: chatId, data: { type, ...(data ? { data } : {}) } });

describe('sockets of accounts', () => {
  let server: TestServer;
  let admin: Account;
  before(async () => {
    server = await startServer();
    admin = await signUp(server);
  });
  after(() => server.stop());

  it('says who joined, keeps strangers anonymous and ends them when they ask for more', async () => {
    const join = { auth: { token: admin.token } };
    const socket = await connectSocket(server.base, admin);
    assert.deepEqual(await socket.raw.emitWithAck('user-join', join), { id: admin.id, name: admin.name });
    assert.equal(await socket.raw.emitWithAck('join-channels', join), undefined);

    const bad = await connectSocket(server.base, { token: 'no.such.token' });
    const nobody = await connectSocket(server.base, null);
    assert.equal(await nobody.raw.emitWithAck('user-join', {}), undefined);
    assert.equal(await nobody.raw.emitWithAck('no:such', 1), undefined);
    assert.equal(await nobody.raw.emitWithAck('user-join', 'text'), undefined);
    assert.deepEqual(await nobody.raw.emitWithAck('user-join', join), { id: admin.id, name: admin.name });
    await flush(nobody);
    for (const event of ['heartbeat', 'usage', 'events:chat']) {
      const stranger = await connectSocket(server.base, null);
      const over = ended(stranger.raw);
      stranger.raw.emit(event, { model: 'm', chat_id: 'c', data: { type: 'join' } });
      assert.equal(await over, 'io server disconnect', event);
    }
    assert.ok(bad.raw.connected);
    for (const one of [socket, bad, nobody]) one.close();
  });

  it('survives payloads of any form', async () => {
    const socket = await connectSocket(server.base, admin);
    const payloads = [
      undefined,
      null,
      1,
      'text',
      [],
      {},
      { data: null },
      { data: { type: {} } },
      { chat_id: {}, data: { type: 'join' } },
    ];
    for (const event of ['user-join', 'join-channels', 'heartbeat', 'usage', 'events:chat', `${admin.id}:x:y`]) {
      for (const payload of payloads) await socket.raw.timeout(2_000).emitWithAck(event, payload);
    }
    assert.ok(socket.raw.connected);
    assert.doesNotMatch(server.output(), /a socket event failed/);
    socket.close();
  });

  it('shows who looks at a chat, who types, and what has been read', async () => {
    const [one, two] = [await connectSocket(server.base, admin), await connectSocket(server.base, admin)];
    const { chatId } = await sendTurn(admin, one);
    const me = [{ id: admin.id, name: admin.name }];
    assert.equal(await act(one, chatId, 'join'), true);
    await flush(one);
    assert.deepEqual(ofType(one, 'chat:presence'), [
      { chat_id: chatId, shared: true, data: { type: 'chat:presence', data: { users: me } } },
    ]);
    assert.equal(await act(two, chatId, 'join'), true);
    await until(() => ofType(two, 'chat:presence').length > 0);
    assert.deepEqual(ofType(two, 'chat:presence').at(-1)?.data.data, { users: me });

    assert.equal(await act(one, chatId, 'typing', { typing: true }), true);
    assert.equal(await act(one, chatId, 'typing', { typing: 'yes' }), false);
    await until(() => ofType(two, 'typing').length === 1);
    assert.equal(ofType(one, 'typing').length, 0);

    assert.equal(await act(one, chatId, 'last_read_at'), undefined);
    await until(() => ofType(two, 'chat:list').some((event) => 'last_read_at' in (event.data.data as object)));
    for (const id of ['', 'unknown', 'temporary:x', 'local:x', 'channel:x'])
      assert.equal(await act(one, id, 'join'), false);

    const stranger = await connectSocket(server.base, await addAccount(admin, 'stranger'));
    assert.equal(await act(stranger, chatId, 'join'), false);
    assert.equal(await act(stranger, chatId, 'typing', { typing: true }), false);
    assert.equal(await act(stranger, chatId, 'last_read_at'), undefined);
    await flush(stranger);
    assert.equal(stranger.events().length, 0);

    // What is asked last is what holds, however fast.
    const last = await Promise.all([act(one, chatId, 'leave'), act(one, chatId, 'join'), act(one, chatId, 'leave')]);
    assert.deepEqual(last, [true, true, true]);
    assert.equal(await act(one, chatId, 'typing', { typing: true }), false);
    for (const socket of [one, two, stranger]) socket.close();
  });

  it('tells a channel who types, however often, and keeps what has been read', async () => {
    const [member, stranger] = [await addAccount(admin, 'member'), await addAccount(admin, 'outsider')];
    const file = new Database(join(server.dataDir, 'webui.db'));
    const at = 1_764_000_000_000_000_000n;
    file
      .prepare(
        `INSERT INTO channel (id, user_id, name, type, created_at, updated_at) VALUES ('ch', ?, 'crew', 'group', ?, ?)`,
      )
      .run(member.id, at, at);
    file
      .prepare(
        `INSERT INTO channel_member (id, channel_id, user_id, is_active, joined_at, updated_at) VALUES ('cm', 'ch', ?, 1, ?, ?)`,
      )
      .run(member.id, at, at);
    const [one, out] = [await connectSocket(server.base, member), await connectSocket(server.base, stranger)];
    const say = (socket: TestSocket, data: object) =>
      socket.raw.timeout(5_000).emitWithAck('events:channel', { channel_id: 'ch', data });
    const typing = { type: 'typing', data: { typing: true } };
    await say(out, typing);
    await say(one, { type: 'message', data: { content: 'forged' } });
    await say(one, typing);
    const heard = () => one.received.filter(([name]) => name === 'events:channel').map(([, payload]) => payload);
    await until(() => heard().length === 1);
    const user = { id: member.id, name: member.name, role: 'user' };
    assert.deepEqual(heard(), [{ channel_id: 'ch', message_id: null, data: typing, user }]);
    for (let count = 0; count < 50; count += 1) await say(one, typing);
    assert.ok(heard().length < 40, String(heard().length));
    await say(out, { type: 'last_read_at' });
    await say(one, { type: 'last_read_at' });
    const read = file.prepare(`SELECT last_read_at AS at FROM channel_member`).safeIntegers().get() as { at: bigint };
    assert.ok(read.at > at);
    file.close();
    for (const socket of [one, out]) socket.close();
  });

  it('reports models in use until they are not', async () => {
    const models = async () =>
      (await admin.ok<{ model_ids: string[]; user_count: number }>('GET', '/api/usage')).model_ids;
    const socket = await connectSocket(server.base, admin);
    await socket.raw.emitWithAck('usage', { action: 'chat', model: 'a-model', chat_id: 'c' });
    assert.deepEqual(await models(), ['a-model']);
    socket.close();
    await until(async () => (await models()).length === 0, { ms: 1_500 });
    const { user_count: count } = await admin.ok<{ user_count: number }>('GET', '/api/usage');
    assert.ok(count >= 1);
  });
});

function ended(socket: Socket): Promise<string> {
  return new Promise((resolve) => socket.once('disconnect', resolve));
}

describe('sockets lose what their account loses', () => {
  let server: TestServer;
  let admin: Account;
  before(async () => {
    server = await startServer({ provider: null });
    admin = await signUp(server);
  });
  after(() => server.stop());

  /** The change is answered first: hashing a password takes its time on a busy machine. */
  async function withinASecond(what: Promise<unknown>, change: () => Promise<unknown>): Promise<unknown> {
    await change();
    const answered = performance.now();
    const result = await what;
    assert.ok(performance.now() - answered < 1_000, 'it took too long');
    return result;
  }

  it('when the role changes', async () => {
    const user = await addAccount(admin, 'role');
    const socket = await connectSocket(server.base, user);
    const change = () =>
      admin.ok('POST', `/api/v1/users/${user.id}/update`, {
        json: { role: 'pending', name: user.name, email: user.email, profile_image_url: '/user.png' },
      });
    assert.equal(await withinASecond(ended(socket.raw), change), 'io server disconnect');
    const again = await connectSocket(server.base, user);
    assert.equal(await again.raw.emitWithAck('user-join', { auth: { token: user.token } }), undefined);
    again.close();
  });

  it('when the account is deleted', async () => {
    const user = await addAccount(admin, 'deleted');
    const socket = await connectSocket(server.base, user);
    const change = () => admin.ok('DELETE', `/api/v1/users/${user.id}`);
    assert.equal(await withinASecond(ended(socket.raw), change), 'io server disconnect');
  });

  it('when the password changes', async () => {
    const user = await addAccount(admin, 'password');
    const socket = await connectSocket(server.base, user);
    const change = () =>
      user.ok('POST', '/api/v1/auths/update/password', {
        json: { password: user.password, new_password: 'Another-staple-3' },
      });
    await withinASecond(ended(socket.raw), change);
  });

  it('when this session signs out, and no other', async () => {
    const user = await addAccount(admin, 'out');
    const other = await signIn(server, user.email, user.password);
    const [socket, stays] = [await connectSocket(server.base, user), await connectSocket(server.base, other)];
    assert.notEqual(user.token, other.token);
    await withinASecond(ended(socket.raw), () => user.call('POST', '/api/v1/auths/signout'));
    await stays.raw.emitWithAck('heartbeat', {});
    assert.ok(stays.raw.connected);
    stays.close();
  });

  it('and are told to look anew when a group changes', async () => {
    const user = await addAccount(admin, 'grouped');
    const socket = await connectSocket(server.base, user);
    const bystander = await connectSocket(server.base, admin);
    const group = await admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
      json: { name: 'g', description: '' },
    });
    const change = () => admin.ok('POST', `/api/v1/groups/id/${group.id}/users/add`, { json: { user_ids: [user.id] } });
    assert.equal(await withinASecond(ended(socket.raw), change), 'io server disconnect');
    assert.deepEqual(
      socket.received.filter(([name]) => name === 'access:updated'),
      [['access:updated', {}]],
    );
    assert.ok(bystander.raw.connected);
    bystander.close();
  });
});

describe('transports and origins', () => {
  it('speaks either WebSocket or polling, and only to allowed origins', async () => {
    await using server = await startServer({
      provider: null,
      env: { ENABLE_WEBSOCKET_SUPPORT: 'false', CORS_ALLOW_ORIGIN: 'https://good.example' },
    });
    const admin = await signUp(server);
    const answer = await fetch(`${server.base}/ws/socket.io/?EIO=4&transport=websocket`);
    // Without the headers of an upgrade it does not get as far as the sockets (configuration note, 7.2).
    assert.deepEqual([answer.status, await answer.json()], [400, { detail: 'Invalid WebSocket upgrade request' }]);
    const upgrade = io(server.base, { path: '/ws/socket.io', transports: ['websocket'], reconnection: false });
    const refused = await new Promise<Error>((resolve, reject) =>
      upgrade.once('connect_error', resolve).once('connect', () => reject(new Error('the upgrade was accepted'))),
    );
    assert.match(refused.message, /websocket error/);
    const foreign = await fetch(`${server.base}/ws/socket.io/?EIO=4&transport=polling`, {
      headers: { origin: 'https://bad.example' },
    });
    assert.equal(await foreign.text(), '"https://bad.example is not an accepted origin."');

    const socket = io(server.base, {
      path: '/ws/socket.io',
      transports: ['polling'],
      reconnection: false,
      auth: { token: admin.token },
      extraHeaders: { origin: 'https://good.example' },
    });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
    assert.deepEqual(await socket.timeout(5_000).emitWithAck('user-join', { auth: { token: admin.token } }), {
      id: admin.id,
      name: admin.name,
    });
    const over = ended(socket);
    await server.terminate();
    assert.match(await over, /transport/);
  });

  it('ends with open sockets at once', async () => {
    await using server = await startServer({ provider: null });
    const admin = await signUp(server);
    const socket = await connectSocket(server.base, admin);
    const over = ended(socket.raw);
    const started = performance.now();
    assert.equal(await server.terminate(), 0);
    assert.ok(performance.now() - started < 5_000);
    assert.notEqual(await over, 'io server disconnect');
  });
});
