import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

interface Upstream {
  url: string;
  seen: { path: string; headers: IncomingMessage['headers']; body: Record<string, unknown> }[];
  stop(): void;
}

type Answer = (request: { path: string; body: Record<string, unknown> }, response: ServerResponse) => void;

/** A small provider of the test's own. */
async function upstream(answer: Answer): Promise<Upstream> {
  const seen: Upstream['seen'] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const isJson = text !== '' && request.headers['content-type'] === 'application/json';
    const body = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
    const path = request.url ?? '';
    seen.push({ path, headers: request.headers, body });
    answer({ path, body }, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, stop };
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const listOf = (...ids: string[]) => ({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) });
const ask = (model: string, extra: object = {}) => ({ model, messages: [{ role: 'user', content: 'Hi' }], ...extra });

interface Connection {
  url: string;
  key?: string;
  config?: object;
}

async function connect(admin: Account, connections: Connection[], enable = true): Promise<void> {
  await admin.ok('POST', '/openai/config/update', {
    json: {
      ENABLE_OPENAI_API: enable,
      OPENAI_API_BASE_URLS: connections.map(({ url }) => url),
      OPENAI_API_KEYS: connections.map(({ key }) => key ?? ''),
      OPENAI_API_CONFIGS: Object.fromEntries(connections.map(({ config }, index) => [index, config ?? {}])),
    },
  });
}

async function ids(account: Account, query: Record<string, string> = {}): Promise<string[]> {
  const { data } = await account.ok<{ data: { id: string }[] }>('GET', '/api/models', { query });
  return data.map(({ id }) => id);
}

describe('provider connections', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;

  before(async () => {
    server = await startServer({
      env: {
        ENABLE_FORWARD_USER_INFO_HEADERS: 'true',
        BYPASS_MODEL_ACCESS_CONTROL: 'true',
        AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST: '2',
      },
    });
    admin = await signUp(server);
    user = await addAccount(admin, 'una');
  });
  after(() => server.stop());

  it('offer the built-in guide only while there is no model', async () => {
    await connect(admin, []);
    assert.deepEqual(await ids(user), ['loggia-guide']);
    const answer = await user.ok<{ choices: { message: { content: string } }[] }>('POST', '/api/chat/completions', {
      json: ask('loggia-guide', { stream: false }),
    });
    assert.match(answer.choices[0]?.message.content ?? '', /administrator can connect one/);
    const streamed = await user.call('POST', '/api/chat/completions', { json: ask('loggia-guide', { stream: true }) });
    assert.match(String(streamed.body), /data: \{.*"delta":\{"content":/);
    assert.match(String(streamed.body), /data: \[DONE\]\n\n$/);
    await connect(admin, [{ url: server.provider.url, key: 'k' }]);
    const listed = await ids(user);
    assert.ok(listed.includes('hello') && !listed.includes('loggia-guide'));
    assert.equal((await user.call('POST', '/api/chat/completions', { json: ask('loggia-guide') })).status, 400);
  });

  it('wait for a dead provider once, then answer at once with the others', async () => {
    const dead = await upstream(() => {});
    try {
      await connect(admin, [{ url: server.provider.url }, { url: dead.url }]);
      assert.ok((await ids(admin)).includes('hello'));
      const began = performance.now();
      for (let round = 0; round < 5; round += 1) assert.ok((await ids(admin)).includes('hello'));
      assert.ok(performance.now() - began < 1_000, 'later lists do not wait');
    } finally {
      dead.stop();
    }
  });

  it('keep the last known list of a provider that goes away', async () => {
    let up = true;
    const flaky = await upstream((_request, response) => (up ? json(response, listOf('stays')) : response.destroy()));
    try {
      await connect(admin, [{ url: flaky.url }]);
      assert.deepEqual(await ids(admin), ['stays']);
      up = false;
      assert.deepEqual(await ids(admin, { refresh: 'true' }), ['stays']);
    } finally {
      flaky.stop();
    }
  });

  it('skip what is no model, and lists that are none, without losing the others', async () => {
    const odd = await upstream(({ path }, response) => {
      if (path === '/a/models')
        json(response, { data: [null, 5, { object: 'model' }, { id: '' }, { id: 'good', name: null }] });
      else if (path === '/b/models') json(response, { data: 'none' });
      else response.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(listOf('as-text')));
    });
    try {
      await connect(
        admin,
        ['a', 'b', 'c'].map((part) => ({ url: `${odd.url}/${part}` })),
      );
      assert.deepEqual(await ids(admin), ['good', 'as-text']);
    } finally {
      odd.stop();
    }
  });

  it('see new models after a refresh', async () => {
    let list = listOf('one');
    const growing = await upstream((_request, response) => json(response, list));
    try {
      await connect(admin, [{ url: growing.url }]);
      assert.deepEqual(await ids(admin), ['one']);
      list = listOf('one', 'two');
      assert.deepEqual(await ids(admin, { refresh: 'true' }), ['one', 'two']);
    } finally {
      growing.stop();
    }
  });

  it('tell the provider who asks, and keep our own cookies', async () => {
    const curious = await upstream(({ path, body }, response) => {
      if (path === '/models') json(response, listOf('m'));
      else json(response, { id: 'x', object: 'chat.completion', model: body.model, choices: [] });
    });
    try {
      const headers = { authorization: 'Token own', 'X-Role': '{{USER_ROLE}}', 'X-Chat': '[{{CHAT_ID}}]' };
      await connect(admin, [
        { url: curious.url, key: 'secret', config: { headers, forward_cookies: true, prefix_id: 'p' } },
      ]);
      await ids(admin);
      await user.ok('POST', '/openai/chat/completions', {
        json: ask('p.m', { stream: false, metadata: { chat_id: 'c1' } }),
        headers: { cookie: `token=${user.token}; theme=dark` },
      });
      const seen = curious.seen.at(-1);
      assert.equal(seen?.body.model, 'm');
      assert.equal('metadata' in (seen?.body ?? {}), false);
      assert.equal(seen?.headers.authorization, 'Token own');
      assert.equal(seen?.headers['x-role'], 'user');
      assert.equal(seen?.headers['x-chat'], '[c1]');
      assert.equal(seen?.headers.cookie, 'theme=dark');
      assert.equal(seen?.headers['x-openwebui-user-email'], user.email);
      assert.equal(seen?.headers['x-openwebui-chat-id'], 'c1');
    } finally {
      curious.stop();
    }
  });

  it('pass a refusal on as it came, without the key', async () => {
    const strict = await upstream(({ path, body }, response) => {
      if (path === '/models') json(response, listOf('m', 'page'));
      else if (body.model === 'page')
        response.writeHead(502, { 'content-type': 'text/html' }).end('<html><body>down</body></html>');
      else json(response, { error: { message: 'Incorrect API key provided: sk-very-secret' } }, 401);
    });
    try {
      await connect(admin, [{ url: strict.url, key: 'sk-very-secret' }]);
      await ids(admin);
      const refused = await user.call('POST', '/openai/chat/completions', { json: ask('m') });
      assert.equal(refused.status, 401);
      assert.deepEqual(refused.body, { error: { message: 'Incorrect API key provided: ***' } });
      const page = await user.call('POST', '/openai/chat/completions', { json: ask('page', { stream: true }) });
      assert.deepEqual([page.status, page.body], [502, '<html><body>down</body></html>']);
    } finally {
      strict.stop();
    }
  });

  it('pass a stream on byte for byte, and close it when the client leaves', async () => {
    const pieces = ['data: {"choices":[{"delta":{"content":"Gr', 'üße"}}]}\n\n: note\n\n', 'data: [DONE]\n\n'];
    let open = 0;
    const streaming = await upstream(({ path, body }, response) => {
      if (path === '/models') return json(response, listOf('whole', 'endless'));
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-own': '1' });
      if (body.model === 'whole') {
        for (const piece of pieces) response.write(piece);
        response.end();
        return;
      }
      open += 1;
      response.on('close', () => {
        open -= 1;
      });
      response.write('data: {}\n\n');
    });
    try {
      await connect(admin, [{ url: streaming.url }]);
      await ids(admin);
      const answer = await user.call('POST', '/openai/chat/completions', { json: ask('whole', { stream: true }) });
      assert.equal(answer.body, pieces.join(''));
      assert.equal(answer.headers.get('x-own'), '1');
      const leaving = new AbortController();
      const endless = fetch(`${server.base}/openai/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(ask('endless', { stream: true })),
        signal: leaving.signal,
      });
      const { body } = await endless;
      await body?.getReader().read();
      assert.equal(open, 1);
      leaving.abort();
      await until(() => open === 0, { what: 'the end of the stream at the provider' });
    } finally {
      streaming.stop();
    }
  });

  it('turn a chat into a request of the Responses API and back', async () => {
    const modern = await upstream(({ path }, response) => {
      if (path === '/models') return json(response, listOf('m'));
      const output = [{ type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }];
      json(response, { id: 'resp', model: 'm', output, usage: { input_tokens: 1 } });
    });
    try {
      await connect(admin, [{ url: modern.url, config: { api_type: 'responses' } }]);
      await ids(admin);
      const messages = [
        { role: 'system', content: 'A' },
        { role: 'system', content: 'B' },
        { role: 'user', content: 'Hi' },
      ];
      const answer = await user.ok<{ choices: { message: { content: string } }[] }>('POST', '/api/chat/completions', {
        json: { model: 'm', stream: false, messages, max_tokens: 5 },
      });
      assert.equal(answer.choices[0]?.message.content, 'Hello');
      const sent = modern.seen.at(-1);
      assert.ok(sent);
      const { path, body } = sent;
      assert.equal(path, '/responses');
      assert.equal(body.instructions, 'A\nB');
      assert.equal(body.max_output_tokens, 5);
    } finally {
      modern.stop();
    }
  });

  it('guard the open path: closed by default', async () => {
    const closed = await user.call('POST', '/openai/embeddings', { json: { model: 'm', input: 'x' } });
    assert.equal(closed.status, 403);
    assert.match(JSON.stringify(closed.body), /passthrough is disabled/);
  });
});

describe('the open path of the OpenAI proxy', () => {
  it('is for models one may use; anything else is for administrators', async () => {
    const server = await startServer({ env: { ENABLE_OPENAI_API_PASSTHROUGH: 'true' } });
    try {
      const admin = await signUp(server);
      const user = await addAccount(admin, 'una');
      const body = { model: 'text-embedding-scripted', input: 'x' };
      const url = '/openai/embeddings';
      assert.equal((await admin.call('POST', url, { json: body })).status, 200);
      assert.equal((await user.call('POST', url, { json: body })).status, 403);
      assert.equal((await user.call('DELETE', '/openai/files/f1')).status, 403);
      assert.equal((await user.call('POST', url, { json: { model: 'unknown', input: 'x' } })).status, 403);
      const access_grants = [{ principal_type: 'user', principal_id: '*', permission: 'read' }];
      await admin.ok('POST', '/api/v1/models/model/access/update', { json: { id: body.model, access_grants } });
      assert.equal((await user.call('POST', url, { json: body })).status, 200);
    } finally {
      await server.stop();
    }
  });
});

describe('Ollama', () => {
  let server: TestServer;
  let admin: Account;
  let ollama: Upstream;

  before(async () => {
    const lines = (response: ServerResponse, list: object[]) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.end(list.map((line) => `${JSON.stringify(line)}\n`).join(''));
    };
    ollama = await upstream(({ path, body }, response) => {
      if (path === '/api/tags')
        return json(response, { models: [{ name: 'llama:latest', model: 'llama:latest', size: 1 }] });
      if (path === '/api/version') return json(response, { version: '0.13.0' });
      if (path === '/api/ps')
        return json(response, { models: [{ model: 'llama:latest', expires_at: '2030-01-01T00:00:00.5Z' }] });
      if (path.startsWith('/api/blobs/')) return json(response, {}, 201);
      if (path === '/api/create') return json(response, { status: 'success' });
      if (path !== '/api/chat') return json(response, { error: 'no such path' }, 404);
      const end = { done: true, done_reason: 'stop', prompt_eval_count: 2, eval_count: 3 };
      if (body.stream !== true) return json(response, { message: { content: 'Hello' }, ...end });
      lines(response, [
        { message: { thinking: 'hm' }, done: false },
        { message: { content: 'Hello' }, done: false },
        { message: { content: '' }, ...end },
      ]);
    });
    server = await startServer({
      env: { ENABLE_OLLAMA_API: 'true', OLLAMA_BASE_URLS: `${ollama.url};http://127.0.0.1:9` },
    });
    admin = await signUp(server);
  });
  after(async () => {
    await server.stop();
    ollama.stop();
  });

  it('lists what its servers have, the dead one aside', async () => {
    const { data } = await admin.ok<{ data: Record<string, unknown>[] }>('GET', '/api/models');
    const model = data.find(({ id }) => id === 'llama:latest');
    assert.deepEqual([model?.owned_by, model?.loaded, model?.connection_type], ['ollama', true, 'local']);
    assert.deepEqual(await admin.ok('GET', '/ollama/api/version'), { version: '0.13.0' });
    const { models } = await admin.ok<{ models: { expires_at: number }[] }>('GET', '/ollama/api/tags');
    assert.equal(models[0]?.expires_at, 1_893_456_000);
  });

  it('chats in the OpenAI form, whole and streamed', async () => {
    const whole = await admin.ok<Record<string, unknown>>('POST', '/api/chat/completions', {
      json: ask('llama:latest', { stream: false, params: { temperature: 0.3 } }),
    });
    assert.equal((whole.usage as { total_tokens: number }).total_tokens, 5);
    const asked = ollama.seen.filter(({ path }) => path === '/api/chat');
    assert.deepEqual(asked.at(-1)?.body.options, { temperature: 0.3 });
    const { body } = await admin.call('POST', '/api/chat/completions', { json: ask('llama:latest', { stream: true }) });
    const frames = String(body).trim().split('\n\n');
    assert.equal(frames.at(-1), 'data: [DONE]');
    assert.match(frames[0] ?? '', /"reasoning_content":"hm"/);
    assert.match(frames[1] ?? '', /"content":"Hello"/);
  });

  it('answers with the error of its server', async () => {
    const answer = await admin.call('POST', '/ollama/api/show', { json: { model: 'llama:latest' } });
    assert.deepEqual([answer.status, answer.body], [404, { detail: 'no such path' }]);
    const unknown = await admin.call('POST', '/ollama/api/chat', { json: ask('nothing') });
    assert.deepEqual([unknown.status, unknown.body], [400, { detail: "Model 'nothing' was not found" }]);
  });

  it('makes a model of an uploaded file, which does not stay behind', async () => {
    const form = new FormData();
    form.append('file', new Blob(['weights']), '../tiny.gguf');
    const answer = await admin.call('POST', '/ollama/models/upload', { form });
    const lines = String(answer.body)
      .trim()
      .split('\n\n')
      .map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
    const sha256 = createHash('sha256').update('weights').digest('hex');
    assert.equal(lines[0]?.total, 7);
    assert.deepEqual(lines.at(-1), { done: true, blob: `sha256:${sha256}`, name: 'tiny.gguf', model_created: 'tiny' });
    const made = ollama.seen.find(({ path }) => path === '/api/create');
    assert.deepEqual(made?.body.files, { 'tiny.gguf': `sha256:${sha256}` });
    assert.deepEqual(await readdir(join(server.dataDir, 'uploads')), []);
    const strange = await admin.call('POST', '/ollama/models/download', {
      json: { url: 'https://example.com/x.gguf' },
    });
    assert.equal(strange.status, 400);
  });

  it('is off when it is switched off', async () => {
    const OLLAMA_BASE_URLS = [ollama.url];
    await admin.ok('POST', '/ollama/config/update', {
      json: { ENABLE_OLLAMA_API: false, OLLAMA_BASE_URLS, OLLAMA_API_CONFIGS: {} },
    });
    assert.equal((await admin.call('GET', '/ollama/api/tags')).status, 503);
    assert.deepEqual(await admin.ok('GET', '/ollama/api/version'), { version: false });
    assert.equal((await admin.call('POST', '/ollama/v1/chat/completions', { json: ask('llama:latest') })).status, 503);
  });
});
