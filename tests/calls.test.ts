import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount, signIn, signUp } from './support/client.ts';
import { allow } from './support/documents.ts';
import { type Engine, startEngine } from './support/engine.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

type Event = Record<string, unknown> & { type: string };

/** The browser's side of a call. */
interface Caller {
  socket: WebSocket;
  received: Event[];
  closed: Promise<number>;
  send(event: unknown): void;
  next(type: string): Promise<Event>;
}

const SAMPLES = Buffer.alloc(4_800).toString('base64');

describe('voice calls', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let engine: Engine;
  /** What the provider was sent, and its open sockets. */
  let asked: Event[] = [];
  let providers: WebSocket[] = [];
  let script: (event: Event, send: (event: unknown) => void) => void = () => {};
  let greeting: unknown = { type: 'session.created' };
  let saved: Record<string, unknown>;

  before(async () => {
    engine = await startEngine({
      answer: () => null,
      refuse: ({ query }) => (query.model?.startsWith('http-') ? Number(query.model.slice(5)) : null),
      socket(socket) {
        const send = (event: unknown) => socket.send(typeof event === 'string' ? event : JSON.stringify(event));
        providers.push(socket);
        send(greeting);
        socket.on('message', (data) => {
          const event = JSON.parse(String(data)) as Event;
          asked.push(event);
          if (event.type === 'session.update') send({ type: 'session.updated' });
          script(event, send);
        });
      },
    });
    server = await startServer({ env: { BYPASS_MODEL_ACCESS_CONTROL: 'false' } });
    admin = await signUp(server);
    user = await addAccount(admin, 'una');
    const grants = [{ principal_type: 'user', principal_id: user.id, permission: 'read' }];
    for (const [id, access_grants] of [
      ['hello', grants],
      ['echo', []],
    ] as const) {
      const json = {
        id,
        name: id,
        meta: { voice: { voice: 'cedar' } },
        params: {},
        base_model_id: null,
        access_grants,
      };
      await admin.ok('POST', '/api/v1/models/create', { json });
    }
    saved = await admin.ok('GET', '/api/v1/audio/config');
    await set({});
  });
  after(async () => {
    await server?.stop();
    await engine?.stop();
  });

  const set = (realtime: Record<string, unknown>) =>
    admin.ok('POST', '/api/v1/audio/config/update', {
      json: {
        ...saved,
        realtime: {
          ENABLED: true,
          PROVIDER: 'openai',
          AUTH_TYPE: 'api_key',
          OPENAI_API_BASE_URL: `${engine.base}/v1`,
          OPENAI_API_KEY: 'sk-secret-call',
          MODEL: 'gpt-realtime',
          INPUT_PARAMS: null,
          ...realtime,
        },
      },
    });

  function dial(headers: Record<string, string> = {}): Caller {
    const socket = new WebSocket(`${server.base.replace('http', 'ws')}/api/v1/audio/realtime`, { headers });
    const received: Event[] = [];
    socket.on('message', (data) => received.push(JSON.parse(String(data)) as Event));
    socket.on('error', () => {});
    const closed = once(socket, 'close').then(([code]) => code as number);
    const send = (event: unknown) => {
      const text = typeof event === 'string' ? event : JSON.stringify(event);
      if (socket.readyState === socket.OPEN) socket.send(text);
      else socket.once('open', () => socket.send(text));
    };
    const next = (type: string) =>
      until(() => received.find((event) => event.type === type), { what: `${type}, got ${JSON.stringify(received)}` });
    return { socket, received, closed, send, next };
  }

  const auth = (more: Record<string, unknown> = {}) => ({
    type: 'auth',
    token: user.token,
    model_id: 'hello',
    ...more,
  });

  async function connected(): Promise<Caller & { provider: WebSocket; fromProvider(event: unknown): void }> {
    asked = [];
    providers = [];
    script = () => {};
    const caller = dial();
    caller.send(auth());
    await caller.next('bridge.ready');
    const [provider] = providers as [WebSocket];
    return { ...caller, provider, fromProvider: (event) => provider.send(JSON.stringify(event)) };
  }

  async function endsWith(caller: Caller, message: string): Promise<void> {
    assert.equal(await caller.closed, 1000, message);
    assert.deepEqual(caller.received.at(-1), { type: 'bridge.error', message });
  }

  it('let nobody in who may not', async () => {
    const socket = await connectSocket(server.base, admin);
    const foreign = await sendTurn(admin, socket, { model: 'hello' });
    socket.close();
    await admin.ok('POST', '/api/v1/auths/admin/config', {
      json: { ...(await admin.ok('GET', '/api/v1/auths/admin/config')), ENABLE_API_KEYS: true },
    });
    const key = await admin.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
    const cases: [unknown, string][] = [
      ['not json', 'Invalid authentication message'],
      [{ type: 'hello' }, 'Invalid authentication message'],
      [auth({ padding: 'x'.repeat(9_000) }), 'Invalid authentication message'],
      [auth({ token: '' }), 'Authentication required'],
      [auth({ token: 'x.y.z' }), 'Authentication expired or invalid'],
      [auth({ token: key.api_key }), 'Authentication expired or invalid'],
      [auth({ chat_id: foreign.chatId }), 'Chat not found'],
      [auth({ chat_id: 7 }), 'Chat not found'],
      [auth({ model_id: null }), 'Select a chat model'],
      [auth({ model_id: 'none' }), 'Bridge requires a server-configured chat model'],
      [auth({ model_id: 'echo' }), 'Chat model access denied'],
    ];
    for (const [message, text] of cases) {
      const caller = dial();
      caller.send(message);
      await endsWith(caller, text);
    }
    await allow(admin, (permissions) => {
      if (permissions.chat) permissions.chat.call = false;
    });
    const denied = dial();
    denied.send(auth());
    await endsWith(denied, 'Call permission denied');
    await allow(admin, (permissions) => {
      if (permissions.chat) permissions.chat.call = true;
    });
    await set({ ENABLED: false });
    const off = dial();
    off.send(auth());
    await endsWith(off, 'Realtime calls are disabled');
    await set({});
  });

  it('name what is wrong with the provider, and never its words', async () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ OPENAI_API_KEY: '' }, 'Configure the Realtime API key'],
      [{ OPENAI_API_BASE_URL: 'ftp://x' }, 'Invalid Realtime provider URL'],
      [{ OPENAI_API_BASE_URL: `${engine.base}/v1?x=1` }, 'Invalid Realtime provider URL'],
      [{ AUTH_TYPE: 'microsoft_entra_id' }, 'Microsoft Entra ID requires the Azure OpenAI Realtime provider'],
      [{ MODEL: 'http-401' }, 'Realtime provider authentication rejected. Check the credentials and access.'],
      [{ MODEL: 'http-404' }, 'Realtime endpoint not found. Check the API base URL and deployment name.'],
      [{ MODEL: 'http-500' }, 'Voice connection failed'],
      [{ OPENAI_API_BASE_URL: 'http://127.0.0.1:9' }, 'Voice connection failed'],
    ];
    for (const [change, text] of cases) {
      await set(change);
      const caller = dial();
      caller.send(auth());
      await endsWith(caller, text);
    }
    await set({});
    greeting = { type: 'error', error: { message: 'secret' } };
    const caller = dial();
    caller.send(auth());
    await endsWith(caller, 'Provider did not create a voice session');
    greeting = { type: 'session.created' };
  });

  it('open the session the model asks for', async () => {
    await set({ PROVIDER: 'azure', INPUT_PARAMS: { noise_reduction: { type: 'near_field' } } });
    const caller = await connected();
    assert.deepEqual(caller.received[0], {
      type: 'bridge.ready',
      model: 'gpt-realtime',
      voice: 'cedar',
      sample_rate: 24_000,
    });
    const request = engine.requests.at(-1);
    assert.deepEqual([request?.path, request?.query], ['/v1/realtime', { model: 'gpt-realtime' }]);
    assert.deepEqual([request?.headers['api-key'], request?.headers.authorization], ['sk-secret-call', undefined]);
    const { session } = asked[0] as Event & { session: Record<string, Record<string, unknown>> };
    assert.deepEqual(session.audio, {
      input: {
        format: { type: 'audio/pcm', rate: 24_000 },
        transcription: { model: 'gpt-transcribe' },
        turn_detection: { type: 'server_vad', interrupt_response: false, create_response: false },
        noise_reduction: { type: 'near_field' },
      },
      output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'cedar' },
    });
    assert.equal(session.tool_choice, 'auto');
    caller.socket.close();
    await caller.closed;
    await until(() => caller.provider.readyState === WebSocket.CLOSED, { what: 'the provider to be left' });
    await set({});
  });

  it('carry a turn: heard, answered, delegated, spoken', async () => {
    const caller = await connected();
    const { send, next, fromProvider } = caller;
    const sent = (type: string) => until(() => asked.find((event) => event.type === type), { what: type });
    send({ type: 'bridge.ping' });
    await next('bridge.pong');
    send({ type: 'input_audio_buffer.append', audio: SAMPLES });
    assert.deepEqual(await sent('input_audio_buffer.append'), { type: 'input_audio_buffer.append', audio: SAMPLES });
    send({ type: 'bridge.context', messages: [{ role: 'user', content: 'Earlier' }] });
    send({ type: 'bridge.context', messages: [] });
    const removed = await sent('conversation.item.delete');
    assert.equal(removed.item_id, 'chat_context_1');
    const heard = { type: 'conversation.item.input_audio_transcription.completed', item_id: 'i1', transcript: 'Hi' };
    fromProvider({ type: 'session.something' });
    fromProvider(heard);
    assert.deepEqual(await next(heard.type), heard);
    send({ type: 'bridge.respond', item_id: 'i1' });
    assert.deepEqual(await sent('response.create'), {
      type: 'response.create',
      response: { metadata: { input_item_id: 'i1' } },
    });
    fromProvider({ type: 'response.created', response: { id: 'r1', metadata: { input_item_id: 'i1' } } });
    fromProvider({
      type: 'response.output_audio.delta',
      response_id: 'r1',
      item_id: 'o1',
      content_index: 0,
      delta: SAMPLES,
    });
    await next('response.output_audio.delta');
    send({ type: 'conversation.item.truncate', item_id: 'o1', content_index: 0, audio_end_ms: 100 });
    await sent('conversation.item.truncate');
    const item = { type: 'function_call', status: 'completed', call_id: 'c1', name: 'generate_chat_completion' };
    const call = {
      type: 'response.output_item.done',
      response_id: 'r1',
      item: { ...item, arguments: '{"request":"Do it"}' },
    };
    fromProvider(call);
    await next('response.output_item.done');
    send({ type: 'bridge.status', status: 'working' });
    send({ type: 'bridge.result', call_id: 'c1', status: 'failed', answer: 'no' });
    send({ type: 'bridge.respond', call_id: 'c1' });
    const spoken = await until(
      () =>
        asked.filter((event) => event.type === 'response.create').at(2) as
          | { response: Record<string, unknown> }
          | undefined,
      { what: 'the spoken result' },
    );
    assert.deepEqual([spoken.response.tools, spoken.response.tool_choice], [[], 'none']);
    assert.match(String(spoken.response.instructions), /failed/);
    const output = asked.find((event) => (event.item as Event | undefined)?.type === 'function_call_output');
    assert.deepEqual(output?.item, {
      type: 'function_call_output',
      call_id: 'c1',
      output: '{"status":"failed","answer":"no"}',
    });
    fromProvider({ type: 'error', error: { code: 'response_cancel_not_active' } });
    fromProvider({ type: 'conversation.item.input_audio_transcription.failed', item_id: 'i2' });
    await until(() => asked.some((event) => event.type === 'conversation.item.delete' && event.item_id === 'i2'));
    assert.ok(!caller.received.some((event) => event.type === 'session.something' || event.type === 'error'));
    fromProvider({ type: 'error', error: { message: 'secret words' } });
    await endsWith(caller, 'Voice provider rejected a request');
    assert.ok(!JSON.stringify(caller.received).includes('secret'));
  });

  it('end at what is no command', async () => {
    const message = (length: number) => ({ role: 'user', content: 'x'.repeat(length) });
    const cases: [unknown, string][] = [
      ['{', 'Invalid call command'],
      ['[]', 'Invalid call command'],
      [{ type: 'session.update' }, 'Unsupported call command'],
      [{ type: 'constructor' }, 'Unsupported call command'],
      [{ type: 'bridge.ping', extra: 1 }, 'Unsupported call command'],
      [{ type: 'bridge.respond' }, 'Unsupported call command'],
      [{ type: 'bridge.context', messages: ['x'.repeat(600_000)] }, 'Call event is too large'],
      [{ type: 'input_audio_buffer.append', audio: '' }, 'Invalid microphone audio'],
      [{ type: 'input_audio_buffer.append', audio: 'AQ==' }, 'Invalid microphone audio'],
      [
        { type: 'input_audio_buffer.append', audio: Buffer.alloc(48_002).toString('base64') },
        'Invalid microphone audio',
      ],
      [{ type: 'input_audio_buffer.append', audio: '@@@@' }, 'Invalid microphone audio'],
      [{ type: 'response.cancel', response_id: 'r' }, 'Unknown response'],
      [
        { type: 'conversation.item.truncate', item_id: 'o', content_index: 0, audio_end_ms: 0 },
        'Invalid playback position',
      ],
      [{ type: 'bridge.context', messages: {} }, 'Invalid call history'],
      [{ type: 'bridge.context', messages: Array(101).fill(message(1)) }, 'Invalid call history'],
      [{ type: 'bridge.context', messages: [{ role: 'system', content: 'x' }] }, 'Invalid history message'],
      [{ type: 'bridge.context', messages: [message(32_001)] }, 'Invalid history message'],
      [{ type: 'bridge.context', messages: Array(3).fill(message(32_000)) }, 'Call history is too large'],
      [{ type: 'bridge.respond', item_id: 'i' }, 'Unknown or already answered input'],
      [{ type: 'bridge.respond', call_id: 'c' }, 'Function result is not ready'],
      [{ type: 'bridge.result', call_id: 'c', status: 'completed', answer: '' }, 'Unknown or resolved function call'],
      [{ type: 'bridge.animation.result', call_id: 'c', status: 'started' }, 'Invalid animation result'],
      [{ type: 'bridge.animation.respond', response_id: 'r' }, 'Animation response is not ready'],
    ];
    for (const [command, text] of cases) {
      const caller = await connected();
      caller.send(command);
      await endsWith(caller, text);
    }
    // More than real time and a little.
    const caller = await connected();
    const second = Buffer.alloc(48_000).toString('base64');
    for (let i = 0; i < 12; i += 1) caller.send({ type: 'input_audio_buffer.append', audio: second });
    await endsWith(caller, 'Invalid microphone audio');
  });

  it('end at what a provider must not do', async () => {
    const called = (name: string, args: unknown) => ({
      type: 'response.output_item.done',
      response_id: 'r',
      item: { type: 'function_call', status: 'completed', call_id: 'c', name, arguments: args },
    });
    const cases: [unknown, string][] = [
      [called('delete_everything', '{}'), 'Unexpected voice function'],
      [called('play_animation', '{"name":"wave"}'), 'Unexpected voice function'],
      [called('generate_chat_completion', '{"request":"a","more":1}'), 'Invalid voice function arguments'],
      [called('generate_chat_completion', 'no'), 'Invalid voice function arguments'],
      [called('generate_chat_completion', '{"request":"  "}'), 'Invalid voice function request'],
      [{ type: 'response.output_audio.delta', item_id: 'o', content_index: 0, delta: 'AQ==' }, 'Invalid provider PCM'],
    ];
    for (const [event, text] of cases) {
      const caller = await connected();
      caller.fromProvider(event);
      await endsWith(caller, text);
    }
    const huge = await connected();
    huge.provider.send('x'.repeat(700_000));
    await endsWith(huge, 'Voice connection failed');
    const left = await connected();
    left.provider.terminate();
    await endsWith(left, 'Voice provider connection closed');
  });

  it('end at once with the session of the caller, and keep to their number', async () => {
    const session = await signIn(server, user.email, user.password);
    const own = dial();
    own.send(auth({ token: session.token }));
    await own.next('bridge.ready');
    const others = await Promise.all([1, 2, 3].map(() => connected()));
    const fifth = dial();
    fifth.send(auth());
    await endsWith(fifth, 'Call limit reached. Start a new call.');
    await session.ok('POST', '/api/v1/auths/signout');
    await endsWith(own, 'Call authorization expired');
    for (const one of others) one.socket.close();
    await Promise.all(others.map((one) => one.closed));
  });

  it('are not for other origins, and an ordinary request is told so', async () => {
    const foreign = await startServer({ env: { CORS_ALLOW_ORIGIN: 'https://chat.example.com' } });
    try {
      const url = `${foreign.base.replace('http', 'ws')}/api/v1/audio/realtime`;
      const socket = new WebSocket(url, { headers: { origin: 'https://evil.example.com' } });
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      assert.equal(response.statusCode, 403);
      socket.on('error', () => {});
      socket.terminate();
    } finally {
      await foreign.stop();
    }
    assert.equal((await user.call('GET', '/api/v1/audio/realtime')).status, 404);
  });

  it('end with the server, which waits for none of them', async () => {
    const caller = await connected();
    assert.equal(await server.terminate(), 0);
    assert.equal(await caller.closed, 1000);
    assert.ok(!server.output().includes('sk-secret'));
  });
});
