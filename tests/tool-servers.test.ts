import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import type { Account } from './support/client.ts';
import { type Provider, startProvider } from './support/provider.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';
import { openApi, startToolServer, type ToolServer } from './support/tool-server.ts';
import { until } from './support/wait.ts';

const CONFIG = '/api/v1/configs/tool_servers';
const everyone = [{ principal_type: 'user', principal_id: '*', permission: 'read' }];
const text = { type: 'string' };

const DOCUMENT = openApi(
  'Shop',
  {
    '/items/{id}': {
      parameters: [{ $ref: '#/components/parameters/Id' }],
      get: {
        operationId: 'get_item',
        summary: 'An item',
        parameters: [
          { name: 'tags', in: 'query', schema: { type: 'array', items: text } },
          { name: 'old', in: 'query', schema: { type: 'boolean' } },
          { name: 'X-Trace', in: 'header', schema: text },
          { name: 'Authorization', in: 'header', schema: text },
          { name: 'basket', in: 'cookie', schema: text },
        ],
      },
    },
    '/orders': {
      post: {
        operationId: 'place.order',
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } },
      },
    },
    '/page': { get: { operationId: 'show_page', description: 'A page' } },
    '/picture': { get: { operationId: 'draw', description: 'A picture' } },
    '/loop': { get: { operationId: 'again', description: 'More' } },
  },
  {
    parameters: { Id: { name: 'id', in: 'path', required: true, schema: text } },
    schemas: {
      Order: { oneOf: [{ $ref: '#/components/schemas/Short' }, { $ref: '#/components/schemas/Long' }] },
      Short: { type: 'object', properties: { sku: text }, required: ['sku'] },
      Long: {
        type: 'object',
        properties: { sku: text, inner: { $ref: '#/components/schemas/Long' } },
        required: ['sku'],
      },
    },
  },
);

const OPERATIONS = /(?:get_item|place_order|show_page|draw|again)$/;

interface Item {
  type: string;
  status: string;
  name?: string;
  output?: { type: string; text?: string; image_url?: string }[];
  embeds?: string[];
  files?: unknown[];
}

describe('tool servers described by OpenAPI', () => {
  let provider: Provider;
  let server: TestServer;
  let shop: ToolServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;
  const models = ['get_item', 'place_order', 'show_page', 'draw', 'again'].map((name) => `calls-${name}`);

  before(async () => {
    provider = await startProvider({ models: ['hello', 'echo', ...models, 'loops-again', 'plan'] });
    shop = await startToolServer(DOCUMENT);
    ({ server, admin, user, socket } = await startSite({
      provider,
      env: {
        BYPASS_MODEL_ACCESS_CONTROL: 'true',
        ENABLE_DIRECT_INTEGRATIONS: 'true',
        ENABLE_FORWARD_USER_INFO_HEADERS: 'true',
        CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS: '3',
        AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER: '2',
        AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA: '1',
      },
    }));
  });
  after(async () => {
    socket?.close();
    await server?.stop();
    await shop?.stop();
    await provider?.stop();
  });

  const connection = (extra: Record<string, unknown> = {}) => ({
    url: `${shop.url}/`,
    path: 'openapi.json',
    auth_type: 'none',
    key: '',
    config: { enable: true, access_grants: everyone },
    info: { id: 'shop' },
    ...extra,
  });
  async function connect(...connections: object[]): Promise<void> {
    shop.answer(() => undefined);
    await admin.ok('POST', CONFIG, { json: { TOOL_SERVER_CONNECTIONS: connections } });
    shop.take();
  }
  const change = (config: object) => admin.ok('POST', '/api/v1/configs/import', { json: { config } });
  const listed = async (account: Account) =>
    (await account.ok<{ id: string }[]>('GET', '/api/v1/tools/')).map(({ id }) => id);
  const offered = () =>
    ((provider.chats().at(-1)?.body.tools ?? []) as { function: { name: string; parameters: object } }[])
      .map((tool) => tool.function)
      .filter(({ name }) => OPERATIONS.test(name));

  /** Has a tool called with these arguments; gives the stored items of the call and what the model was told. */
  async function call(name: string, args: unknown, ids = ['server:shop'], wait = true) {
    const content = typeof args === 'string' ? args : JSON.stringify(args);
    const turn = await sendTurn(user, socket, { model: `calls-${name}`, content, extra: { tool_ids: ids }, wait });
    const messages = (provider.chats().at(-1)?.body.messages ?? []) as { role: string; content: unknown }[];
    return { turn, messages, told: messages.findLast(({ role }) => role === 'tool')?.content };
  }
  async function stored({ chatId, replyId }: { chatId: string; replyId: string }) {
    const chat = await user.ok<{
      chat: { history: { messages: Record<string, { output: Item[]; error?: unknown }> } };
    }>('GET', `/api/v1/chats/${chatId}`);
    return chat.chat.history.messages[replyId];
  }

  it('are tried before they are stored, and stored with their defaults', async () => {
    const yaml = 'openapi: 3.1.0\ninfo: {title: Yam, version: "2"}\npaths: {}\n';
    shop.answer(({ path }) => (path === '/docs/spec.yaml' ? { text: yaml } : undefined));
    const verify = (extra: Record<string, unknown>) =>
      admin.call('POST', `${CONFIG}/verify`, { json: connection(extra) });
    assert.equal(((await verify({})).body as { info: { title: string } }).info.title, 'Shop');
    const other = await verify({ path: `${shop.url}/docs/spec.yaml` });
    assert.equal((other.body as { info: { title: string } }).info.title, 'Yam');
    assert.deepEqual((await verify({ path: 'missing.json' })).body, { detail: 'Failed to connect to the tool server' });
    const { type: _, ...bare } = { type: '', ...connection(), note: 'kept' };
    const json = { TOOL_SERVER_CONNECTIONS: [bare] };
    const { TOOL_SERVER_CONNECTIONS: stored } = await admin.ok<{ TOOL_SERVER_CONNECTIONS: object[] }>('POST', CONFIG, {
      json,
    });
    assert.partialDeepStrictEqual(stored, [{ type: 'openapi', headers: null, forward_cookies: false, note: 'kept' }]);
    await change({ 'tool_server.connections': [{ url: 'x' }, 'odd'] });
    const shown = await admin.call('GET', CONFIG);
    assert.equal(shown.status, 200);
    assert.partialDeepStrictEqual(shown.body, { TOOL_SERVER_CONNECTIONS: [{ url: 'x', config: null, key: null }] });
    assert.deepEqual(await listed(admin), []);
  });

  it('are asked as their document says', async () => {
    await connect(connection());
    shop.answer(({ path }) => (path === '/openapi.json' ? undefined : { json: { price: 9.5 } }));
    const args = { id: 'a/../b', tags: ['x', 'y z'], old: true, 'X-Trace': 't ü', Authorization: 'mine', basket: '7' };
    const { told } = await call('get_item', args);
    assert.deepEqual(JSON.parse(String(told)), { price: 9.5 });
    const [asked] = shop.take();
    assert.equal(asked?.path, '/items/a%2F..%2Fb?tags=x&tags=y+z&old=true');
    assert.deepEqual([asked?.headers['x-trace'], asked?.headers.authorization], ['t %C3%BC', undefined]);
    assert.equal(asked?.headers.cookie, 'basket=7');
    await call('get_item', { tags: [] });
    assert.deepEqual(shop.take(), [], 'nothing is asked without what the path needs');
  });

  it('get a body of which the document names no members', async () => {
    const { told } = await call('place_order', { sku: 's', colour: 'red' });
    assert.match(String(told), /price/);
    const [asked] = shop.take();
    assert.deepEqual([asked?.method, JSON.parse(asked?.body ?? '')], ['POST', { sku: 's', colour: 'red' }]);
    const order = offered().find(({ name }) => name === 'place_order');
    assert.deepEqual(order?.parameters, {
      type: 'object',
      properties: { sku: text, inner: { type: 'string' } },
      required: ['sku'],
    });
  });

  it('get what the connection says: key, session, headers, no more', async () => {
    await connect(connection({ auth_type: 'bearer', key: ' k ' }));
    await call('get_item', { id: '1' });
    assert.equal(shop.take()[0]?.headers.authorization, 'Bearer k');
    await connect(connection({ auth_type: 'session', forward_cookies: true, headers: '{"X-User":"{{USER_NAME}}"}' }));
    const { turn } = await call('get_item', { id: '1' });
    const [asked] = shop.take();
    assert.equal(asked?.headers['x-openwebui-user-id'], user.id);
    assert.equal(asked?.headers['x-openwebui-chat-id'], turn.chatId);
    assert.equal(asked?.headers['x-openwebui-message-id'], turn.replyId);
    assert.equal(asked?.headers.authorization, `Bearer ${user.token}`);
    assert.deepEqual([asked?.headers['x-user'], asked?.headers.cookie], [user.name, undefined]);
  });

  it('are for those who were given access', async () => {
    await connect(connection({ config: { enable: true, access_grants: [] } }));
    assert.deepEqual(await listed(user), []);
    assert.deepEqual(await listed(admin), ['server:shop']);
    await sendTurn(user, socket, { extra: { tool_ids: ['server:shop', 'server:nobody', 'unknown'] } });
    assert.deepEqual(offered(), []);
    await connect(connection({ config: { enable: false, access_grants: everyone } }));
    assert.deepEqual(await listed(admin), []);
  });

  it('are narrowed to functions by connection and chat', async () => {
    const config = { enable: true, access_grants: everyone, function_name_filter_list: '!page' };
    await connect(connection({ config }));
    await sendTurn(user, socket, { extra: { tool_ids: ['server:shop|draw,show_page'] } });
    assert.deepEqual(
      offered().map(({ name }) => name),
      ['draw'],
    );
  });

  it('keep their names apart', async () => {
    await connect(connection(), connection({ info: { id: 'other.shop' } }));
    await sendTurn(user, socket, { extra: { tool_ids: ['server:shop', 'server:openapi:other.shop'] } });
    const names = offered().map(({ name }) => name);
    assert.ok(names.includes('draw') && names.includes('other_shop_draw'), names.join());
    assert.equal(new Set(names).size, names.length);
  });

  it('show pages and pictures', async () => {
    await connect(connection());
    const pixel = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    shop.answer(({ path }) => {
      if (path === '/page')
        return { text: '<p>Hi</p>', type: 'text/html', headers: { 'content-disposition': 'inline' } };
      return path === '/picture' ? { text: pixel, type: 'image/png' } : undefined;
    });
    const page = await stored((await call('show_page', {})).turn);
    assert.deepEqual(page?.output.find(({ type }) => type === 'function_call_output')?.embeds, ['<p>Hi</p>']);
    const picture = await call('draw', {});
    const item = (await stored(picture.turn))?.output.find(({ type }) => type === 'function_call_output');
    const [said, shown] = item?.output ?? [];
    assert.equal(said?.text, 'draw: Image file read successfully.');
    assert.match(shown?.image_url ?? '', /^\/api\/v1\/files\/[\w-]+\/content$/);
    const asked = picture.messages.at(-1)?.content as { type: string; image_url?: { url: string } }[];
    assert.equal(asked.at(-1)?.image_url?.url, `data:image/png;base64,${pixel.toString('base64')}`);
    const kept = await user.call('GET', shown?.image_url ?? '');
    assert.equal(kept.status, 200);
  });

  it('may refuse, hang, send pages, send too much: the model is told and goes on', async () => {
    await connect(connection());
    const big = Buffer.alloc(50 * 1024 * 1024, 'x');
    const bad: [object, RegExp][] = [
      [{ status: 422, json: { detail: 'not so' } }, /HTTP error 422: \{\\"detail\\":\\"not so\\"\}/],
      [{ hang: true }, /did not answer in time/],
      [{ text: '<html><body>Sign in</body></html>', type: 'text/html' }, /^<html>/],
      [{ text: big, type: 'application/json' }, /longer than/],
      [{ text: '{"half": ', type: 'application/json' }, /^\{"half": $/],
      [{ status: 302, text: '', headers: { location: 'http://169.254.169.254/' } }, /^$/],
    ];
    for (const [answer, told] of bad) {
      shop.answer(({ path }) => (path === '/openapi.json' ? undefined : answer));
      const result = await call('get_item', { id: '1' });
      assert.match(String(result.told), told);
      assert.equal((await stored(result.turn))?.error, undefined);
    }
    await connect(
      connection(),
      connection({
        url: 'http://127.0.0.1:1',
        info: { id: 'gone' },
        spec_type: 'json',
        spec: JSON.stringify(DOCUMENT),
      }),
    );
    const gone = await call('get_item', { id: '1' }, ['server:gone']);
    assert.deepEqual(JSON.parse(String(gone.told)), { error: 'The tool server cannot be reached.' });
    for (const args of ['not JSON', '[1]', '"x"', '{"id": ']) {
      const result = await call('get_item', args);
      assert.match(String(result.told), /^Error: the arguments/);
    }
  });

  it('stop with the reply', async () => {
    await connect(connection());
    shop.answer(({ path }) => (path === '/openapi.json' ? undefined : { hang: true }));
    const { turn } = await call('get_item', { id: '1' }, ['server:shop'], false);
    await until(() => shop.take().length > 0);
    await user.ok('POST', `/api/tasks/chat/${turn.chatId}/stop`);
    const reply = await stored(turn);
    const items = reply?.output.filter(({ type }) => type.startsWith('function_call')) ?? [];
    assert.deepEqual(
      items.map(({ status }) => status),
      ['incomplete'],
    );
  });

  it('are called a limited number of times', async () => {
    await connect(connection());
    shop.answer(({ path }) => (path === '/loop' ? { json: 'more' } : undefined));
    const extra = { tool_ids: ['server:shop'] };
    const turn = await sendTurn(user, socket, { model: 'loops-again', content: '{}', extra, wait: false });
    await socket.wait((_, event) => JSON.stringify(event).includes('limit of 3 tool rounds'));
    await until(async () => (await stored(turn))?.error !== undefined);
    assert.equal(shop.take().length, 3);
  });

  it('whose documents cannot be read are left out, and stay as they were when they once could', async () => {
    await connect(connection());
    assert.deepEqual(await listed(user), ['server:shop']);
    const bad: object[] = [
      { status: 500, json: {} },
      { text: '<html><body>Sign in</body></html>', type: 'text/html' },
      { json: { openapi: '3.1.0', info: {} } },
      { json: [1] },
      { text: Buffer.alloc(50 * 1024 * 1024, ' ') },
      { hang: true },
      { text: 'a: &a [1]\nb: [*a' },
    ];
    for (const answer of bad) {
      shop.answer(() => answer);
      await admin.ok('POST', CONFIG, { json: { TOOL_SERVER_CONNECTIONS: [connection()] } });
      assert.deepEqual(await listed(user), ['server:shop']);
      const other = connection({ path: 'docs/openapi.json' });
      const tried = await admin.call('POST', `${CONFIG}/verify`, { json: other });
      if (!('json' in answer) || 'status' in answer) assert.equal(tried.status, 400, JSON.stringify(tried.body));
    }
    await admin.ok('POST', CONFIG, { json: { TOOL_SERVER_CONNECTIONS: [connection({ path: 'docs/openapi.json' })] } });
    assert.deepEqual(await listed(user), []);
  });

  it('have their documents read once, not for each turn', async () => {
    await connect(connection());
    const before = shop.documents();
    for (let turn = 0; turn < 3; turn += 1) await sendTurn(user, socket, { extra: { tool_ids: ['server:shop'] } });
    await listed(user);
    assert.equal(shop.documents(), before);
  });

  it('are offered to API clients, who make the calls themselves', async () => {
    const json = { model: 'calls-draw', messages: [{ role: 'user', content: '{}' }], tool_ids: ['server:shop'] };
    const answer = await user.ok<{ choices: { message: { tool_calls: { function: { name: string } }[] } }[] }>(
      'POST',
      '/api/chat/completions',
      { json },
    );
    assert.equal(answer.choices[0]?.message.tool_calls[0]?.function.name, 'draw');
    assert.deepEqual(shop.take(), []);
  });

  it('are asked by the tab where the browser holds them', async () => {
    const lamp = {
      url: 'http://lamp.local',
      info: { title: 'Lamp' },
      specs: [{ name: 'show_page', parameters: { type: 'object', properties: { on: { type: 'boolean' } } } }],
      system_prompt: 'Lamps are dear.',
    };
    const tab = await connectSocket(server.base, admin);
    const asked: unknown[] = [];
    let answer: unknown = ['<p>On</p>', { 'Content-Type': 'text/html', 'Content-Disposition': 'inline' }];
    tab.raw.on('events', ({ data }: { data: { type: string; data: object } }, reply: unknown) => {
      if (data.type !== 'execute:tool' || typeof reply !== 'function') return;
      asked.push(data.data);
      if (answer === 'gone') tab.close();
      else reply(answer);
    });
    const extra = { tool_servers: [lamp] };
    const ask = (content: string) => sendTurn(admin, tab, { model: 'calls-show_page', content, extra });
    const result = () => {
      const messages = (provider.chats().at(-1)?.body.messages ?? []) as { role: string; content: string }[];
      return messages.findLast(({ role }) => role === 'tool')?.content ?? '';
    };
    await ask('{"on":true,"odd":1}');
    const { specs: _, system_prompt: prompt, ...known } = lamp;
    const shown = { name: 'show_page', params: { on: true }, server: known, session_id: tab.id };
    assert.partialDeepStrictEqual(asked, [shown]);
    assert.match(result(), /ui_component/);
    assert.match(JSON.stringify(provider.chats().at(-1)?.body.messages), new RegExp(prompt));
    answer = { error: 'no power' };
    await ask('{}');
    assert.deepEqual(JSON.parse(result()), answer);
    await sendTurn(user, socket, { extra });
    assert.deepEqual(offered(), [], 'not for users without the permission');
    answer = 'gone';
    await sendTurn(admin, tab, { model: 'calls-show_page', content: '{}', extra, wait: false });
    await until(() => result().includes('Client session disconnected.'));
  });

  it('are asked before the answer where the model cannot call them', async () => {
    await connect(connection());
    shop.answer(({ path }) => (path.startsWith('/items') ? { json: { price: 9.5 } } : undefined));
    await change({ 'task.tools.prompt_template': 'Pick: {{TOOLS}}', 'rag.template': 'Known: {{CONTEXT}}' });
    const calls = [
      { name: 'get_item', parameters: { id: '7', odd: 1 } },
      { name: 'nothing', parameters: {} },
      { name: 'show_page', parameters: {} },
    ];
    const content = JSON.stringify({ tool_calls: calls });
    const extra = { tool_ids: ['server:shop'], params: { function_calling: 'legacy' } };
    const turn = await sendTurn(user, socket, { model: 'echo', content, extra });
    assert.deepEqual(
      shop.take().map(({ path }) => path),
      ['/items/7', '/page'],
    );
    const [choice, answer] = provider.chats().slice(-2);
    const asked = choice?.body.messages as { role: string; content: string }[];
    assert.deepEqual(
      asked.map(({ role }) => role),
      ['system', 'user'],
    );
    assert.match(asked[0]?.content ?? '', /^Pick: \[\{"name":"get_item"/);
    assert.equal(asked[1]?.content, `Query: ${content}`);
    assert.equal(answer?.body.tools, undefined);
    assert.match(JSON.stringify(answer?.body.messages), /<source id=\\"1\\" name=\\"server:shop\/get_item\\">/);
    const reply = (await stored(turn)) as { sources?: unknown[]; error?: unknown } | undefined;
    assert.deepEqual(reply?.sources, [
      {
        source: { name: 'server:shop/get_item' },
        document: ['{\n  "price": 9.5\n}'],
        metadata: [{ source: 'server:shop/get_item', parameters: { id: '7' } }],
        tool_result: true,
      },
      {
        source: { name: 'server:shop/show_page' },
        document: ['{\n  "error": "HTTP error 404: {\\"detail\\":\\"none\\"}"\n}'],
        metadata: [{ source: 'server:shop/show_page', parameters: {} }],
        tool_result: true,
      },
    ]);
    const none = await sendTurn(user, socket, { model: 'echo', content: 'no JSON', extra });
    assert.deepEqual([shop.take(), (await stored(none))?.error], [[], undefined]);
    const api = { model: 'echo', messages: [{ role: 'user', content }], ...extra };
    const { sources } = await user.ok<{ sources: unknown[] }>('POST', '/api/chat/completions', { json: api });
    assert.equal(sources.length, 2);
  });

  it('run before the answer only when the person agrees, where they want to be asked', async () => {
    await connect(connection());
    await change({ 'chat.tool_permissions.enable': true });
    const content = JSON.stringify({ name: 'get_item', parameters: { id: '7' } });
    const params = { function_calling: 'legacy', tool_approval_mode: 'ask' };
    const asked: unknown[] = [];
    const tab = await connectSocket(server.base, user);
    tab.raw.on('events', ({ data }: { data: { type: string; data: object } }, reply: unknown) => {
      if (data.type !== 'confirmation' || typeof reply !== 'function') return;
      asked.push(data.data);
      reply(asked.length === 1);
    });
    for (const times of [1, 0]) {
      await sendTurn(user, tab, { model: 'echo', content, extra: { tool_ids: ['server:shop'], params } });
      assert.equal(shop.take().length, times);
    }
    assert.equal(asked.length, 2);
    tab.close();
    await change({ 'chat.tool_permissions.enable': false });
  });

  it('are looked up and called through another tool where there are too many', async () => {
    await connect(connection());
    shop.answer(({ path }) => (path.startsWith('/items') ? { json: { price: 9.5 } } : undefined));
    await change({
      'chat.tool_search.enable': true,
      'chat.tool_search.defer_threshold': 10,
      'chat.tool_search.always_loaded': ['show_*'],
    });
    const extra = { tool_ids: ['server:shop'] };
    const rounds = [
      [{ name: 'search_tools', arguments: { query: 'an item' } }],
      [{ name: 'call_tool', arguments: { tool_name: 'get_item', params: '{"id":"7"}' } }],
    ];
    const turn = await sendTurn(user, socket, { model: 'plan', content: JSON.stringify(rounds), extra });
    await change({ 'chat.tool_search.enable': false });
    const { tools, messages } = (provider.chats().at(-1)?.body ?? {}) as {
      tools: { function: { name: string } }[];
      messages: { role: string; content: string; tool_calls?: { function: { name: string } }[] }[];
    };
    assert.deepEqual(
      tools.map((tool) => tool.function.name),
      ['show_page', 'search_tools', 'call_tool'],
    );
    assert.match(messages[0]?.content ?? '', /<available_tools>[\s\S]*<name>get_item<\/name>/);
    const found = messages.find(({ role }) => role === 'tool')?.content ?? '';
    assert.equal((JSON.parse(found) as { tools: { name: string }[] }).tools[0]?.name, 'get_item');
    assert.equal(messages.findLast(({ tool_calls: calls }) => calls)?.tool_calls?.[0]?.function.name, 'call_tool');
    assert.deepEqual(
      shop.take().map(({ path }) => path),
      ['/items/7'],
    );
    const calls = (await stored(turn))?.output.filter(({ type }) => type === 'function_call');
    assert.deepEqual(
      calls?.map(({ name, status }) => [name, status]),
      [
        ['search_tools', 'completed'],
        ['get_item', 'completed'],
      ],
    );
  });
});
