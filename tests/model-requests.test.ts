import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount } from './support/client.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import type { TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe('what models are sent', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    ({ server, admin, user, socket } = await startSite({ env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } }));
  });
  after(async () => {
    socket?.close();
    await server?.stop();
  });

  /** The last request, without the server's own tools: another test looks at those. */
  const sent = () => {
    const { tools: _, ...body } = server.provider.chats().at(-1)?.body ?? {};
    return body;
  };
  const roles = () =>
    (sent().messages as { role: string; content: unknown }[]).map(({ role, content }) => [role, content]);

  it('is the stored branch, whatever the client thinks it was', async () => {
    const one = await sendTurn(user, socket, { model: 'echo', content: 'First' });
    assert.deepEqual(sent(), { model: 'echo', messages: [{ role: 'user', content: 'First' }], stream: true });
    const extra = { messages: [{ role: 'user', content: 'Something else' }] };
    const two = await sendTurn(user, socket, {
      model: 'echo',
      content: 'Second',
      chatId: one.chatId,
      parentId: one.replyId,
      extra,
    });
    assert.deepEqual(roles(), [
      ['user', 'First'],
      ['assistant', 'You said: First'],
      ['user', 'Second'],
    ]);
    await sendTurn(user, socket, { model: 'echo', content: 'Other branch', chatId: one.chatId, parentId: one.replyId });
    assert.equal(roles().length, 3);
    await sendTurn(user, socket, { model: 'echo', content: 'Third', chatId: one.chatId, parentId: two.replyId });
    assert.deepEqual(roles().slice(2), [
      ['user', 'Second'],
      ['assistant', 'You said: Second'],
      ['user', 'Third'],
    ]);
  });

  it('leaves out replies that failed, and thoughts', async () => {
    const failed = await sendTurn(user, socket, { model: 'fail-500', content: 'Please', wait: false });
    await socket.wait((name, event) => name === 'events' && isError(event, failed.replyId));
    const thought = await sendTurn(user, socket, {
      model: 'reasoner',
      content: 'Think',
      chatId: failed.chatId,
      parentId: failed.replyId,
    });
    assert.deepEqual(roles(), [
      ['user', 'Please'],
      ['user', 'Think'],
    ]);
    await sendTurn(user, socket, { content: 'Go on', chatId: thought.chatId, parentId: thought.replyId });
    assert.deepEqual(roles().slice(1), [
      ['user', 'Think'],
      ['assistant', 'The answer is 42.'],
      ['user', 'Go on'],
    ]);
  });

  it('ends with the reply to continue, or the hint to do it again', async () => {
    const one = await sendTurn(user, socket, { content: 'Speak' });
    const question = { id: one.userId, parentId: null, role: 'user', content: 'Speak' };
    const replyId = randomUUID();
    const again = {
      user_message: question,
      id: replyId,
      regeneration_prompt: 'Shorter',
      regeneration_message_id: one.replyId,
    };
    await sendTurn(user, socket, { chatId: one.chatId, extra: again, wait: false });
    await socket.done(replyId);
    assert.deepEqual(roles(), [
      ['user', 'Speak'],
      ['assistant', 'Hello from hello.'],
      ['user', 'Shorter'],
    ]);
    const on = { user_message: question, id: one.replyId, assistant_message_id: one.replyId };
    const before = server.provider.chats().length;
    await sendTurn(user, socket, { chatId: one.chatId, extra: on, wait: false });
    await until(() => server.provider.chats().length > before);
    assert.deepEqual(roles(), [
      ['user', 'Speak'],
      ['assistant', 'Hello from hello.'],
    ]);
  });

  it('has prompts of model and chat in one message, with their variables', async () => {
    await admin.ok('POST', '/api/v1/models/create', {
      json: {
        id: 'pirate',
        base_model_id: 'echo-system',
        name: 'Pirate',
        meta: {},
        params: { system: 'Model prompt for {{USER_NAME}}.', temperature: 0.2, seed: 11, custom_params: { one: '1' } },
        access_grants: [],
      },
    });
    const system = { role: 'system', content: 'Chat prompt in {{USER_LANGUAGE}}, {{NO_SUCH}}.' };
    await sendTurn(user, socket, {
      model: 'pirate',
      content: 'Ahoy',
      extra: {
        messages: [system],
        variables: { '{{USER_LANGUAGE}}': 'de-DE', Model: 'Hijacked' },
        params: { temperature: 0.9, custom_params: { two: '{"a": 2}' } },
        top_p: 0.5,
      },
    });
    assert.deepEqual(roles(), [
      ['system', 'Model prompt for una Example.\nChat prompt in de-DE, {{NO_SUCH}}.'],
      ['user', 'Ahoy'],
    ]);
    const { messages: _, ...rest } = sent();
    assert.deepEqual(rest, {
      model: 'echo-system',
      stream: true,
      temperature: 0.9,
      seed: 11,
      top_p: 0.5,
      one: 1,
      two: { a: 2 },
    });
  });

  it('has the prompt of the folder between those of model and chat, for who may read it', async () => {
    const data = { system_prompt: 'Folder of {{USER_NAME}}.', files: [] };
    const folder = await user.ok<{ id: string }>('POST', '/api/v1/folders/', { json: { name: 'Project', data } });
    const extra = { folder_id: folder.id, messages: [{ role: 'system', content: 'Chat.' }] };
    await sendTurn(user, socket, { extra });
    assert.deepEqual(roles()[0], ['system', 'Folder of una Example.\nChat.']);
    const stranger = await addAccount(admin, 'sid');
    const json = { model: 'hello', folder_id: folder.id, messages: [{ role: 'user', content: 'Hi' }] };
    await stranger.ok('POST', '/api/chat/completions', { json });
    assert.deepEqual(roles(), [['user', 'Hi']]);
  });

  it('asks for speech in a call', async () => {
    await sendTurn(user, socket, { extra: { features: { voice: true } } });
    assert.match(String(roles()[0]?.[1]), /read aloud/);
    const settings = await admin.ok<Record<string, unknown>>('GET', '/api/v1/tasks/config');
    const json = { ...settings, VOICE_MODE_PROMPT_TEMPLATE: 'Speak to {{USER_NAME}}.' };
    await admin.ok('POST', '/api/v1/tasks/config/update', { json });
    const system = { role: 'system', content: 'Chat.' };
    await sendTurn(user, socket, { extra: { features: { voice: true }, messages: [system] } });
    assert.deepEqual(roles()[0], ['system', 'Speak to una Example.\nChat.']);
    await admin.ok('POST', '/api/v1/tasks/config/update', { json: { ...settings, ENABLE_VOICE_MODE_PROMPT: false } });
    await sendTurn(user, socket, { extra: { features: { voice: true } } });
    assert.equal(roles()[0]?.[0], 'user');
    await admin.ok('POST', '/api/v1/tasks/config/update', { json: settings });
  });

  it('keeps the parameters of the server here', async () => {
    const params = {
      function_calling: 'native',
      stream_delta_chunk_size: 5,
      reasoning_tags: false,
      system: 'no',
      seed: null,
    };
    await sendTurn(user, socket, { extra: { params } });
    assert.deepEqual(sent(), { model: 'hello', messages: [{ role: 'user', content: 'Hi there' }], stream: true });
  });

  it('shows pictures the user may see, as data', async () => {
    const form = new FormData();
    form.set('file', new Blob([Buffer.from(PNG, 'base64')], { type: 'image/png' }), 'dot.png');
    const { id } = await user.ok<{ id: string }>('POST', '/api/v1/files/', { form, query: { process: 'false' } });
    const parts = (url: string) => [
      { type: 'text', text: 'Look' },
      { type: 'image_url', image_url: { url } },
    ];
    const ask = (as: Account, url: string) =>
      as.ok('POST', '/api/chat/completions', {
        json: { model: 'hello', messages: [{ role: 'user', content: parts(url) }] },
      });
    for (const url of [id, `/api/v1/files/${id}/content`]) {
      await ask(user, url);
      assert.deepEqual(roles(), [['user', parts(`data:image/png;base64,${PNG}`)]]);
    }
    await ask(await addAccount(admin, 'vic'), id);
    assert.deepEqual(roles(), [['user', parts(id)]]);
    // An address within the machine is not fetched for a user; the provider may make of it what it likes.
    await ask(user, `${server.base}/favicon.png`);
    assert.deepEqual(roles(), [['user', parts(`${server.base}/favicon.png`)]]);

    const files = [{ type: 'image', url: id, name: 'dot.png' }];
    const userMessage = { id: randomUUID(), parentId: null, role: 'user', content: 'See', files };
    await sendTurn(user, socket, { extra: { user_message: userMessage, params: { function_calling: 'legacy' } } });
    assert.deepEqual(roles()[0]?.[1], [
      { type: 'text', text: 'See' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
    ]);
  });

  it('comes from one of the models an arena stands for', async () => {
    const models = [{ id: 'duel', name: 'Duel', meta: { model_ids: ['echo'] } }];
    const json = { ENABLE_EVALUATION_ARENA_MODELS: true, EVALUATION_ARENA_MODELS: models };
    await admin.ok('POST', '/api/v1/evaluations/config', { json });
    const body = { model: 'duel', messages: [{ role: 'user', content: 'Hi' }] };
    const whole = await user.ok<{ selected_model_id: string; model: string }>('POST', '/api/chat/completions', {
      json: body,
    });
    assert.deepEqual([whole.selected_model_id, whole.model], ['echo', 'echo']);
    const streamed = await user.call('POST', '/api/chat/completions', { json: { ...body, stream: true } });
    assert.match(String(streamed.body), /^data: \{"selected_model_id":"echo"\}\n\ndata: \{"id"/);
  });

  it('goes to the tab that holds the connection of a direct model', async () => {
    const model = { id: 'mine', name: 'Mine', direct: true, urlIdx: 0 };
    const asked: Record<string, unknown>[] = [];
    socket.raw.on('events', (event: { data: { type: string; data: DirectCall } }, ack: (answer: unknown) => void) => {
      if (event.data.type !== 'request:chat:completion') return;
      const { form_data, channel, session_id } = event.data.data;
      assert.equal(session_id, socket.id);
      const { tools: _, ...form } = form_data;
      asked.push(form);
      if (form_data.model === 'broken') return ack({ error: { message: 'no key' } });
      if (form_data.stream !== true) return ack({ choices: [{ message: { content: 'Whole' } }] });
      ack({ status: true });
      for (const word of ['One', ' two']) {
        socket.raw.emit(channel, `data: ${JSON.stringify({ choices: [{ delta: { content: word } }] })}`);
      }
      socket.raw.emit(channel, 'data: [DONE]');
      socket.raw.emit(channel, { done: true });
    });
    const turn = await sendTurn(user, socket, {
      model: 'mine',
      content: 'Hi',
      background: true,
      extra: { model_item: model },
    });
    const done = socket.events(turn.replyId).find(({ data }) => (data.data as { done?: boolean } | undefined)?.done);
    assert.match(JSON.stringify(done), /One two/);
    assert.deepEqual(
      asked.filter(({ stream }) => stream),
      [{ model: 'mine', messages: [{ role: 'user', content: 'Hi' }], stream: true }],
    );
    await until(() => asked.length === 4, { what: 'title, tags and follow-ups' });

    const api = {
      model: 'mine',
      model_item: model,
      session_id: socket.id,
      messages: [{ role: 'user', content: 'Hi' }],
    };
    assert.deepEqual(await user.ok('POST', '/api/chat/completions', { json: api }), {
      choices: [{ message: { content: 'Whole' } }],
    });
    const streamed = await user.call('POST', '/api/chat/completions', { json: { ...api, stream: true } });
    assert.match(String(streamed.body), /"content":"One"[\s\S]*data: \[DONE\]\n\n$/);
    const broken = { ...api, model: 'broken', model_item: { ...model, id: 'broken' } };
    const refused = await user.call('POST', '/api/chat/completions', { json: broken });
    assert.deepEqual([refused.status, refused.body], [400, { detail: 'no key' }]);
    const other = await addAccount(admin, 'wim');
    const foreign = await other.call('POST', '/api/chat/completions', { json: api });
    assert.deepEqual([foreign.status, foreign.body], [400, { detail: 'Client session disconnected.' }]);
  });
});

interface DirectCall {
  form_data: Record<string, unknown>;
  channel: string;
  session_id: string;
}

function isError(event: unknown, messageId: string): boolean {
  const { message_id, data } = event as { message_id?: string; data: { type: string } };
  return message_id === messageId && data.type === 'chat:message:error';
}
