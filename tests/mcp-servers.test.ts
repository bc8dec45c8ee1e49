import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { inputRequired } from '@modelcontextprotocol/server';
import { sendTurn } from './support/chat.ts';
import type { Account } from './support/client.ts';
import { type McpTestServer, type McpTestTool, startMcpServer } from './support/mcp-server.ts';
import { type Provider, startProvider } from './support/provider.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import type { TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const CONFIG = '/api/v1/configs/tool_servers';
const everyone = [{ principal_type: 'user', principal_id: '*', permission: 'read' }];
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const LONG = 'a_tool_with_a_name_that_is_much_longer_than_the_providers_of_models_take';

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
const size = { type: 'object' as const, properties: { size: { type: 'integer' as const } }, required: ['size'] };

const TOOLS: McpTestTool[] = [
  { name: 'echo', description: 'Echoes', run: (args) => text(JSON.stringify(args)) },
  { name: 'fail', run: () => ({ ...text('it broke'), isError: true }) },
  {
    name: 'show',
    run: () => ({
      content: [
        { type: 'text', text: 'Two pictures' },
        { type: 'image', data: PIXEL, mimeType: 'image/png' },
        { type: 'resource', resource: { uri: 'file:///b.png', mimeType: 'image/png', blob: PIXEL } },
        { type: 'resource', resource: { uri: 'file:///c.txt', text: 'inside' } },
        { type: 'resource_link', uri: 'file:///d.txt', name: 'd' },
        { type: 'audio', data: 'UklGRg==', mimeType: 'audio/wav' },
      ],
    }),
  },
  {
    name: 'choose',
    // The older protocol asks while the call runs, the newer one ends it with a question and is called again.
    async run(_args, { mcpReq }, era) {
      const question = { message: 'Which size?', requestedSchema: size };
      if (era === 'sessions') return text(JSON.stringify(await mcpReq.elicitInput(question)));
      const given = mcpReq.inputResponses?.size;
      return given
        ? text(JSON.stringify(given))
        : inputRequired({ inputRequests: { size: inputRequired.elicit(question) } });
    },
  },
  { name: 'wait', run: () => new Promise(() => {}) },
  { name: LONG, run: () => text('long') },
];

interface Item {
  type: string;
  status: string;
  output?: { type: string; text?: string }[];
  files?: { type: string; url: string }[];
}

for (const era of ['stateless', 'sessions'] as const) {
  describe(`MCP servers, ${era}`, () => {
    let provider: Provider;
    let server: TestServer;
    let mcp: McpTestServer;
    let admin: Account;
    let user: Account;
    let socket: TestSocket;
    let answer: unknown = null;

    before(async () => {
      const models = ['echo', 'fail', 'show', 'choose', 'wait'].map((name) => `calls-calc_${name}`);
      provider = await startProvider({ models: ['hello', 'echo-system', 'calls-calc_gone', ...models] });
      mcp = await startMcpServer({
        tools: TOOLS,
        instructions: 'Handle with care.',
        era,
        guard: ({ headers }) =>
          headers.get('authorization') === 'Bearer k' ? undefined : new Response(null, { status: 401 }),
      });
      const env = { BYPASS_MODEL_ACCESS_CONTROL: 'true', MCP_INITIALIZE_TIMEOUT: '1' };
      ({ server, admin, user, socket } = await startSite({ provider, env }));
      socket.raw.on('events', ({ data }: { data: { type: string } }, reply: unknown) => {
        if (data.type === 'request:elicitation' && typeof reply === 'function') reply(answer);
      });
    });
    after(async () => {
      socket?.close();
      await server?.stop();
      await mcp?.stop();
      await provider?.stop();
    });

    const connection = (extra: Record<string, unknown> = {}) => ({
      type: 'mcp',
      url: mcp.url,
      path: '',
      auth_type: 'bearer',
      key: 'k',
      config: { enable: true, access_grants: everyone },
      info: { id: 'calc', name: 'Calculator' },
      ...extra,
    });
    const connect = (...connections: object[]) =>
      admin.ok('POST', CONFIG, { json: { TOOL_SERVER_CONNECTIONS: connections } });
    const ids = { extra: { tool_ids: ['server:mcp:calc'] } };

    async function call(name: string, args: object = {}, wait = true) {
      const turn = await sendTurn(user, socket, {
        model: `calls-calc_${name}`,
        content: JSON.stringify(args),
        ...ids,
        wait,
      });
      const messages = (provider.chats().at(-1)?.body.messages ?? []) as { role: string; content: unknown }[];
      return { turn, told: messages.findLast(({ role }) => role === 'tool')?.content };
    }
    async function stored({ chatId, replyId }: { chatId: string; replyId: string }) {
      const { chat } = await user.ok<{
        chat: { history: { messages: Record<string, { output: Item[]; statusHistory?: unknown }> } };
      }>('GET', `/api/v1/chats/${chatId}`);
      return chat.history.messages[replyId];
    }

    it('are tried, listed and described', async () => {
      const tried = await admin.ok<{ specs: { name: string }[] }>('POST', `${CONFIG}/verify`, { json: connection() });
      assert.deepEqual(
        tried.specs.map(({ name }) => name),
        TOOLS.map(({ name }) => name),
      );
      const refused = await admin.call('POST', `${CONFIG}/verify`, { json: connection({ key: 'wrong' }) });
      assert.deepEqual([refused.status, refused.body], [400, { detail: 'Failed to create MCP client' }]);
      await connect(connection({ config: { access_grants: everyone, function_name_filter_list: ['echo', 'fail'] } }));
      const list = await user.ok<{ id: string; name: string }[]>('GET', '/api/v1/tools/');
      assert.deepEqual(
        list.map(({ id, name }) => [id, name]),
        [['server:mcp:calc', 'Calculator']],
      );
      const { specs } = await user.ok<{ specs: object[] }>('GET', '/api/v1/tools/id/server:mcp:calc/specs');
      assert.deepEqual(specs, [
        { name: 'echo', description: 'Echoes' },
        { name: 'fail', description: '' },
      ]);
    });

    it('offer their tools with their instructions', async () => {
      await connect(connection());
      await sendTurn(user, socket, { model: 'echo-system', ...ids });
      const { tools, messages } = (provider.chats().at(-1)?.body ?? {}) as {
        tools: { function: { name: string } }[];
        messages: { content: string }[];
      };
      const names = tools.map((tool) => tool.function.name).filter((name) => name.startsWith('calc_'));
      assert.equal(names.length, TOOLS.length);
      assert.match(names.at(-1) ?? '', /^calc_a_tool_with_.{38}_[0-9a-f]{8}$/);
      assert.match(messages[0]?.content ?? '', /"calc" instructions:\nHandle with care\./);
    });

    it('are called with what the model says, and leave no connection behind', async () => {
      assert.deepEqual(JSON.parse(String((await call('echo', { a: { b: [1] } })).told)), { a: { b: [1] } });
      assert.deepEqual(JSON.parse(String((await call('fail')).told)), { error: 'it broke' });
      await until(() => mcp.sessions() === 0);
    });

    it('are not asked for a turn that calls none of their tools, once their tools are known', async () => {
      await connect(connection());
      await sendTurn(user, socket, ids);
      await until(() => mcp.sessions() === 0);
      assert.ok(mcp.takeAuthorizations().length > 0);
      await sendTurn(user, socket, ids);
      assert.deepEqual(mcp.takeAuthorizations(), []);
      assert.match(JSON.stringify(provider.chats().at(-1)?.body.tools), /"calc_echo"/);
      assert.equal((await call('echo', { a: 1 })).told, '{\n  "a": 1\n}');
      await connect(connection({ key: 'wrong' }));
      const turn = await sendTurn(user, socket, ids);
      assert.match(JSON.stringify((await stored(turn))?.statusHistory), /Failed to connect to MCP server 'calc'/);
    });

    it('give pictures, sounds and texts', async () => {
      await connect(connection());
      const { turn, told } = await call('show');
      assert.deepEqual(JSON.parse(String(told)), { results: ['Two pictures', 'inside', 'd: file:///d.txt'] });
      const item = (await stored(turn))?.output.find(({ type }) => type === 'function_call_output');
      assert.deepEqual(
        item?.files?.map(({ type }) => type),
        ['image', 'image', 'audio'],
      );
      for (const { url } of item?.files ?? []) assert.match(url, /^\/api\/v1\/files\/[\w-]+\/content$/);
      assert.deepEqual(
        item?.output?.map(({ type }) => type),
        ['input_text', 'input_image', 'input_image'],
      );
      const next = provider.chats().at(-1)?.body.messages as { content: { image_url?: { url: string } }[] }[];
      assert.equal(next.at(-1)?.content[1]?.image_url?.url, `data:image/png;base64,${PIXEL}`);
    });

    it('ask the person at the tab; an answer that does not fit counts as none', async () => {
      answer = { action: 'accept', content: { size: 3 } };
      assert.deepEqual(JSON.parse(String((await call('choose')).told)), answer);
      const asked = socket.events().find(({ data }) => data.type === 'request:elicitation')?.data.data;
      assert.partialDeepStrictEqual(asked, { mode: 'form', message: 'Which size?', server_name: 'calc' });
      for (const [given, action] of [
        [{ action: 'accept', content: { size: 'big' } }, 'cancel'],
        [{ action: 'decline' }, 'decline'],
        [null, 'cancel'],
        ['accept', 'cancel'],
      ]) {
        answer = given;
        assert.equal((JSON.parse(String((await call('choose')).told)) as { action: string }).action, action);
      }
    });

    it('end with the reply that is stopped', async () => {
      const { turn } = await call('wait', {}, false);
      await until(() => socket.events(turn.replyId).some(({ data }) => JSON.stringify(data).includes('calc_wait')));
      await user.ok('POST', `/api/tasks/chat/${turn.chatId}/stop`);
      const calls = (await stored(turn))?.output.filter(({ type }) => type === 'function_call');
      assert.deepEqual(
        calls?.map(({ status }) => status),
        ['incomplete'],
      );
      await until(() => mcp.sessions() === 0);
    });

    it('that refuse, hang or lie are told of, and the reply is written without them', async () => {
      const liar = createServer((request, response) => {
        if (request.url === '/hang') return;
        if (request.url === '/html') return void response.setHeader('content-type', 'text/html').end('<html>');
        if (request.url === '/big') return void response.end(Buffer.alloc(50 * 1024 * 1024, 'x'));
        if (request.url === '/away') return void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end();
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":99,"result":{}}');
      }).listen(0, '127.0.0.1');
      await once(liar, 'listening');
      const { port } = liar.address() as { port: number };
      try {
        const base = `http://127.0.0.1:${port}`;
        const urls = ['/hang', '/html', '/big', '/away', '/wrong'].map((path) => base + path);
        const bad = urls.map((url, at) => connection({ url, info: { id: `bad${at}` } }));
        await connect(connection({ key: 'wrong' }), ...bad);
        const toolIds = ['server:mcp:calc', ...bad.map((_, at) => `server:mcp:bad${at}`)];
        const turn = await sendTurn(user, socket, { model: 'hello', extra: { tool_ids: toolIds } });
        const reply = await stored(turn);
        const told = (reply?.statusHistory ?? []) as { action: string; description: string; error: boolean }[];
        assert.deepEqual(
          new Set(told.map(({ action, error }) => `${action} ${error}`)),
          new Set(['tool_connection true']),
        );
        assert.equal(told.length, toolIds.length);
        assert.equal(reply?.output.at(-1)?.status, 'completed');
        const slow = await admin.call('GET', '/api/v1/tools/id/server:mcp:bad0/specs');
        assert.equal(slow.status, 502);
      } finally {
        liar.closeAllConnections();
        liar.close();
      }
    });
  });
}
