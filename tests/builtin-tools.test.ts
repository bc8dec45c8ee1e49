import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type SentTurn, sendTurn } from './support/chat.ts';
import { type Account, addAccount } from './support/client.ts';
import { type Provider, startProvider } from './support/provider.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';

const MEMORY = ['search_memories', 'add_memory', 'replace_memory_content', 'update_memory', 'delete_memory'];
const CHANNELS = ['search_channels', 'search_channel_messages', 'view_channel_message', 'view_channel_thread'];
const NAMES = [
  'get_current_timestamp',
  'calculate_timestamp',
  'ask_user',
  'search_chats',
  'view_chat',
  'create_tasks',
  'update_task',
  ...['search_notes', 'view_note', 'write_note', 'replace_note_content'],
  ...['search_calendar_events', 'create_calendar_event', 'update_calendar_event', 'delete_calendar_event'],
];

describe('tools of the server itself', () => {
  let provider: Provider;
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    provider = await startProvider({
      models: ['hello', 'echo', ...[...NAMES, ...MEMORY, ...CHANNELS, 'notify'].map((name) => `calls-${name}`)],
    });
    ({ server, admin, user, socket } = await startSite({
      provider,
      env: { BYPASS_MODEL_ACCESS_CONTROL: 'true', ENABLE_LOCAL_WEB_FETCH: 'true' },
    }));
  });
  after(async () => {
    socket?.close();
    await server?.stop();
    await provider?.stop();
  });

  const offered = () => {
    const tools = (provider.chats().at(-1)?.body.tools ?? []) as { function: { name: string } }[];
    return tools.map((tool) => tool.function.name);
  };
  const unsaved = (content: string) => ({ parent_id: undefined, messages: [{ role: 'user', content }] });
  /** Has a tool called with these arguments; gives the result the model was told. */
  async function call(name: string, args: unknown, where: Partial<SentTurn> = {}) {
    const content = JSON.stringify(args);
    const parent = where.replyId === undefined ? {} : { parentId: where.replyId };
    const chat = where.chatId === undefined ? {} : { chatId: where.chatId };
    const extra = where.chatId?.startsWith('temporary:') ? unsaved(content) : {};
    const turn = await sendTurn(user, socket, { model: `calls-${name}`, content, ...chat, ...parent, extra });
    const messages = provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
    const result = messages.findLast(({ role }) => role === 'tool')?.content ?? '';
    return { turn, result: JSON.parse(result) as Record<string, unknown> };
  }

  it('are offered where somebody sits at a socket, and nowhere else', async () => {
    await sendTurn(user, socket, {});
    assert.deepEqual(offered(), NAMES);
    await sendTurn(user, socket, { extra: { params: { function_calling: 'legacy' } } });
    assert.deepEqual(offered(), []);
    await sendTurn(user, socket, { extra: { tools: [] } });
    assert.deepEqual(offered(), []);
    await user.ok('POST', '/api/chat/completions', {
      json: { model: 'hello', messages: [{ role: 'user', content: 'x' }] },
    });
    assert.deepEqual(offered(), []);
    await sendTurn(user, socket, { chatId: `temporary:${socket.id}`, extra: unsaved('x') });
    assert.deepEqual(offered(), [...NAMES.slice(0, 5), ...NAMES.slice(7)]);
  });

  it('are switched off by the model', async () => {
    const meta = { builtinTools: { chats: false, tasks: false, notes: false, calendar: false }, capabilities: {} };
    const json = { id: 'quiet', base_model_id: 'hello', name: 'Quiet', meta, params: {}, access_grants: [] };
    await admin.ok('POST', '/api/v1/models/create', { json });
    await sendTurn(user, socket, { model: 'quiet' });
    assert.deepEqual(offered(), NAMES.slice(0, 3));
    const none = { ...json, id: 'silent', meta: { capabilities: { builtin_tools: false } } };
    await admin.ok('POST', '/api/v1/models/create', { json: none });
    await sendTurn(user, socket, { model: 'silent' });
    assert.deepEqual(offered(), []);
  });

  it('tell the time', async () => {
    const { result } = await call('calculate_timestamp', { days_ago: 1 });
    assert.equal(Number(result.current_timestamp) - Number(result.calculated_timestamp), 86_400);
    assert.match(String(result.current_iso), /^\d{4}-\d\d-\d\dT/);
  });

  it('find and read the user’s own chats', async () => {
    const old = await sendTurn(user, socket, { model: 'echo', content: 'The zebra is called Stripes' });
    const stranger = await addAccount(admin, 'vic');
    const other = await connectSocket(server.base, stranger);
    const foreign = await sendTurn(stranger, other, { model: 'echo', content: 'A zebra of mine' });
    other.close();
    const { result: found } = await call('search_chats', { query: 'zebra' });
    const list = (found.results ?? found) as { id: string; snippet: string }[];
    assert.deepEqual(
      list.map(({ id }) => id),
      [old.chatId],
    );
    assert.match(list[0]?.snippet ?? '', /Stripes/);
    const { result: read } = await call('view_chat', { chat_id: old.chatId });
    assert.deepEqual(read.messages, [
      { role: 'user', content: 'The zebra is called Stripes' },
      { role: 'assistant', content: 'You said: The zebra is called Stripes' },
    ]);
    assert.ok((await call('view_chat', { chat_id: foreign.chatId })).result.error);
  });

  it('keep the list of what is to be done with the chat', async () => {
    const { turn, result } = await call('create_tasks', { tasks: [{ content: 'One' }, { id: 'b', content: 'Two' }] });
    const summary = { total: 2, pending: 2, in_progress: 0, completed: 0, cancelled: 0 };
    assert.deepEqual(result.summary, summary);
    const next = await call('update_task', { id: 'b' }, turn);
    const tasks = [
      { id: '1', content: 'One', status: 'pending' },
      { id: 'b', content: 'Two', status: 'completed' },
    ];
    assert.deepEqual(next.result.tasks, tasks);
    const told = socket.events(next.turn.replyId).find(({ data }) => data.type === 'chat:message:tasks');
    assert.deepEqual(told?.data.data, { tasks });
    const chat = await user.ok<{ tasks: unknown }>('GET', `/api/v1/chats/${turn.chatId}`);
    assert.deepEqual(chat.tasks, tasks);
    assert.ok((await call('update_task', { id: 'z' }, next.turn)).result.error);
  });

  it('search, read, write and change notes', async () => {
    const { result: made } = await call('write_note', { title: 'Garden', content: 'Plant the beans in May.' });
    assert.equal(made.status, 'success');
    const { result: found } = await call('search_notes', { query: 'beans' });
    const [first] = (found.results ?? found) as { id: string; snippet: string; updated_at: number }[];
    assert.equal(first?.id, made.id);
    assert.match(first?.snippet ?? '', /Plant the beans/);
    const operations = [{ action: 'replace_text', find: 'May', content: 'June' }];
    const { result: changed } = await call('replace_note_content', { note_id: made.id, operations });
    assert.deepEqual(changed.applied_ranges, [{ start: 19, end: 22 }]);
    assert.equal((await call('view_note', { note_id: made.id })).result.content, 'Plant the beans in June.');
    assert.equal((await call('replace_note_content', { note_id: 'none', content: 'x' })).result.code, 'not_found');
    const foreign = await admin.ok<{ id: string }>('POST', '/api/v1/notes/create', {
      json: { title: 'Mine', data: { content: { md: 'Secret' } }, access_grants: [] },
    });
    assert.ok((await call('view_note', { note_id: foreign.id })).result.error);
  });

  it('remember, where the user wants that', async () => {
    const features = { memory: true };
    const memory = async (name: string, args: unknown) => {
      const extra = { features };
      await sendTurn(user, socket, { model: `calls-${name}`, content: JSON.stringify(args), extra });
      const messages = provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
      return JSON.parse(messages.findLast(({ role }) => role === 'tool')?.content ?? '') as Record<string, unknown>;
    };
    const made = await memory('add_memory', { content: 'Una likes tea.' });
    assert.deepEqual([made.status, made.type, made.path], ['success', 'user', null]);
    const found = (await memory('search_memories', { query: 'tea' })) as unknown as { id: string }[];
    assert.equal(found[0]?.id, made.id);
    const now = await memory('replace_memory_content', { memory_id: made.id, content: 'Una likes coffee.' });
    assert.equal(now.content, 'Una likes coffee.');
    const add = { action: 'add', content: 'The cat is grey.', type: 'context', path: 'home/cat' };
    assert.ok(await memory('update_memory', { operations: [add] }));
    assert.equal((await memory('delete_memory', { memory_id: made.id })).status, 'success');
    assert.ok((await memory('delete_memory', { memory_id: made.id })).error);
  });

  it('read the channels of the user, and no others', async () => {
    const config = await admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...config, ENABLE_CHANNELS: true } });
    const grant = { principal_type: 'user', principal_id: user.id, permission: 'read' };
    const make = (name: string, access_grants: unknown[]) =>
      admin.ok<{ id: string }>('POST', '/api/v1/channels/create', { json: { name, access_grants } });
    const [shared, closed] = [await make('garden', [grant]), await make('cellar', [])];
    const post = (channel: { id: string }, content: string, parent_id: string | null = null) =>
      admin.ok<{ id: string }>('POST', `/api/v1/channels/${channel.id}/messages/post`, {
        json: { content, parent_id },
      });
    const first = await post(shared, 'The zucchini is ripe');
    await post(shared, 'So is the zucchini of the neighbours', first.id);
    const hidden = await post(closed, 'No zucchini here');
    const list = async (name: string, args: unknown) => {
      const { result } = await call(name, args);
      return result as unknown as Record<string, unknown>[];
    };
    assert.deepEqual(
      (await list('search_channels', { query: 'e' })).map(({ name }) => name),
      ['garden'],
    );
    const found = await list('search_channel_messages', { query: 'ZUCCHINI' });
    assert.deepEqual(
      found.map(({ is_thread_reply }) => is_thread_reply),
      [true, false],
    );
    const { result: thread } = await call('view_channel_thread', { parent_message_id: first.id });
    assert.equal(thread.message_count, 2);
    const said = thread.messages as Record<string, unknown>[];
    assert.deepEqual(
      said.map(({ is_parent, user_name }) => [is_parent, user_name]),
      [
        [true, admin.name],
        [false, admin.name],
      ],
    );
    const { result: one } = await call('view_channel_message', { message_id: first.id });
    assert.deepEqual([one.content, one.reply_count], ['The zucchini is ripe', 1]);
    assert.ok((await call('view_channel_message', { message_id: hidden.id })).result.error);
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: config });
  });

  it('keep the calendar, in the time of the user', async () => {
    await user.ok('POST', '/api/v1/auths/update/timezone', { json: { timezone: 'Europe/Stockholm' } });
    const { result: made } = await call('create_calendar_event', { title: 'Dentist', start: '2030-07-01 09:30' });
    assert.deepEqual(
      [made.status, made.start, made.end, made.reminder_minutes, made.all_day],
      ['success', '2030-07-01 09:30', '2030-07-01 10:30', 10, false],
    );
    const stored = await user.ok<{ start_at: number; meta: unknown }>('GET', `/api/v1/calendars/events/${made.id}`);
    assert.equal(stored.start_at / 1e6, Date.parse('2030-07-01T07:30:00Z'));
    const { result: found } = await call('search_calendar_events', { query: 'dentist', start: '2030-07-01' });
    assert.equal(found.total, 1);
    const changes = { event_id: made.id, start: '2030-07-01 10:00', location: 'Main Street', reminder_minutes: 30 };
    const { result: changed } = await call('update_calendar_event', changes);
    assert.deepEqual(
      [changed.title, changed.start, changed.end, changed.location, changed.reminder_minutes],
      ['Dentist', '2030-07-01 10:00', '2030-07-01 10:30', 'Main Street', 30],
    );
    await call('update_calendar_event', { event_id: made.id, is_cancelled: true });
    assert.equal((await call('search_calendar_events', {})).result.total, 0);
    assert.match(String((await call('create_calendar_event', { title: 'x', start: 'soon' })).result.error), /no time/);
    assert.equal((await call('delete_calendar_event', { event_id: made.id })).result.status, 'success');
    assert.ok((await call('delete_calendar_event', { event_id: made.id })).result.error);
  });

  it('tell the user elsewhere', async () => {
    const config = await admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...config, ENABLE_USER_WEBHOOKS: true } });
    const told: string[] = [];
    const receiver = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => told.push(chunk.toString()));
      request.on('end', () => response.writeHead(204).end());
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    try {
      const tell = async (args: unknown) => {
        await sendTurn(admin, adminSocket, { model: 'calls-notify', content: JSON.stringify(args) });
        const messages = provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
        return messages.findLast(({ role }) => role === 'tool')?.content ?? '';
      };
      const adminSocket = await connectSocket(server.base, admin);
      assert.match(await tell({ message: 'Dinner' }), /^Error: The user has set no place/);
      const { port } = receiver.address() as AddressInfo;
      const target = {
        type: 'webhook',
        enabled: true,
        events: ['chat.finished'],
        config: { url: `http://127.0.0.1:${port}/` },
      };
      await admin.ok('POST', '/api/v1/notifications/targets', { json: target });
      assert.equal(await tell({ message: 'Dinner is ready', title: 'Kitchen' }), 'The notification was sent.');
      assert.equal((JSON.parse(told.join('')) as { message: string }).message, 'Dinner is ready');
      assert.match(await tell({ message: 'x', target: 'nowhere' }), /^Error: There is no place/);
      adminSocket.close();
    } finally {
      receiver.close();
      await admin.ok('POST', '/api/v1/auths/admin/config', { json: config });
    }
  });

  it('ask the person at the tab where the chat is not stored', async () => {
    const options = ['Red', 'Blue'].map((label) => ({ label, description: `It is ${label}` }));
    const questions = [{ id: 'colour', question: 'Which colour?', options }];
    const asked: Record<string, unknown>[] = [];
    socket.raw.on(
      'events',
      (event: { data: { type: string; data: Record<string, unknown> } }, ack: (answer: unknown) => void) => {
        if (event.data.type !== 'request:user_input') return;
        asked.push(event.data.data);
        ack({ answers: { colour: 'Blue' } });
      },
    );
    const temporary = { chatId: `temporary:${socket.id}` };
    const { result } = await call('ask_user', { questions }, temporary);
    assert.deepEqual(result, { status: 'answered', answers: { colour: 'Blue' } });
    assert.deepEqual(asked[0]?.questions, [{ ...questions[0], header: 'Question 1', allow_other: true }]);
    assert.equal((await call('ask_user', { questions: [] }, temporary)).result.status, 'error');
    assert.equal(asked.length, 1);
  });

  it('of a chat that is not stored run only with the consent of the person at the tab, where that is asked for', async () => {
    const before = await admin.ok<Record<string, unknown>>('GET', '/api/v1/chats/config');
    await admin.ok('POST', '/api/v1/chats/config', { json: { ...before, ENABLE_TOOL_PERMISSIONS: true } });
    const asked: unknown[] = [];
    let consent: unknown = 'yes';
    const answer = (
      event: { data: { type: string; data: { tool_call?: unknown } } },
      ack: (answer: unknown) => void,
    ) => {
      if (event.data.type !== 'confirmation') return;
      asked.push(event.data.data.tool_call);
      ack(consent);
    };
    socket.raw.on('events', answer);
    try {
      const ask = async () => {
        const content = JSON.stringify({ days_ago: 1 });
        const extra = { ...unsaved(content), params: { tool_approval_mode: 'ask' } };
        await sendTurn(user, socket, {
          model: 'calls-calculate_timestamp',
          content,
          chatId: `temporary:${socket.id}`,
          extra,
        });
        const messages = provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
        return messages.at(-1)?.content ?? '';
      };
      assert.match(await ask(), /^Error: the user did not approve/);
      consent = true;
      assert.match(await ask(), /calculated_timestamp/);
      const call = { id: 'call_calculate_timestamp', name: 'calculate_timestamp', arguments: { days_ago: 1 } };
      assert.deepEqual(asked, [call, call]);
    } finally {
      socket.raw.off('events', answer);
      await admin.ok('POST', '/api/v1/chats/config', { json: before });
    }
  });
});
