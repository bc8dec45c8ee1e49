import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Ollama } from 'ollama';
import { type Account, addAccount, signUp } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const MODEL = 'llama:latest';
const messages = [{ role: 'user', content: 'Hi' }];
const tool = {
  type: 'function',
  function: {
    name: 'add',
    description: 'adds',
    parameters: { type: 'object', properties: { a: { type: 'integer' } } },
  },
};

/** An Ollama box with one model; what it was asked is kept. */
async function box() {
  const seen: { path: string; body: Record<string, unknown> }[] = [];
  let open = 0;
  const server: Server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += String(piece);
    const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
    const path = request.url ?? '';
    seen.push({ path, body });
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const line = (value: object) =>
      response.write(`${JSON.stringify({ model: MODEL, created_at: '2026-01-01T00:00:00Z', ...value })}\n`);
    const end = { done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 2, total_duration: 5 };
    const isStream = body.stream !== false;
    if (path === '/api/tags')
      return json({ models: [{ name: MODEL, model: MODEL, size: 1, digest: 'd', details: {} }] });
    if (path === '/api/ps') return json({ models: [] });
    if (path === '/api/show') return json({ modelfile: 'FROM x', details: { family: 'llama' }, model_info: {} });
    if (path === '/api/embed') return json({ model: MODEL, embeddings: [[0.25, 0.5]] });
    if (path === '/api/pull') {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      for (const completed of [0, 5, 10])
        response.write(`${JSON.stringify({ status: 'pulling', total: 10, completed })}\n`);
      return response.end(`${JSON.stringify({ status: 'success' })}\n`);
    }
    if (path !== '/api/chat' && path !== '/api/generate') return json({ error: `no such path: ${path}` }, 404);
    const last = (body.messages as { content: string }[] | undefined)?.at(-1)?.content ?? String(body.prompt);
    if (last === 'fail') return json({ error: 'out of memory' }, 500);
    const said = body.tools
      ? { role: 'assistant', content: '', tool_calls: [{ function: { name: 'add', arguments: { a: 14 } } }] }
      : { role: 'assistant', content: 'Hello there', ...(body.think ? { thinking: 'hm' } : {}) };
    if (!isStream)
      return json({
        model: MODEL,
        created_at: '2026-01-01T00:00:00Z',
        ...(path === '/api/chat' ? { message: said } : { response: 'Hello there' }),
        ...end,
      });
    open += 1;
    response.on('close', () => {
      open -= 1;
    });
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    line({ message: { ...said, content: said.content.slice(0, 6) }, done: false });
    if (last === 'for ever') return undefined;
    line({ message: { role: 'assistant', content: said.content.slice(6) }, done: false });
    line({ message: { role: 'assistant', content: '' }, ...end });
    return response.end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    open: () => open,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('Ollama for API clients, asked with the official package', () => {
  let server: TestServer;
  let upstream: Awaited<ReturnType<typeof box>>;
  let admin: Account;
  let client: Ollama;
  const as = (token: string) =>
    new Ollama({ host: `${server.base}/ollama`, headers: { authorization: `Bearer ${token}` } });

  before(async () => {
    upstream = await box();
    server = await startServer({
      env: {
        BYPASS_MODEL_ACCESS_CONTROL: 'true',
        ENABLE_OPENAI_API: 'false',
        ENABLE_OLLAMA_API: 'true',
        OLLAMA_BASE_URL: upstream.url,
      },
    });
    admin = await signUp(server);
    client = as((await addAccount(admin, 'una')).token);
  });
  after(async () => {
    await server?.stop();
    upstream?.stop();
  });

  const asked = (path: string) => upstream.seen.filter((one) => one.path === path).at(-1)?.body ?? {};

  it('lists and shows models', async () => {
    const { models } = await client.list();
    assert.deepEqual(
      models.map(({ name }) => name),
      [MODEL],
    );
    const shown = await client.show({ model: MODEL });
    assert.equal(shown.details.family, 'llama');
  });

  it('chats whole, with options and thoughts', async () => {
    const answer = await client.chat({
      model: MODEL,
      messages,
      options: { temperature: 0.3, num_ctx: 99 },
      think: true,
    });
    assert.deepEqual([answer.message.content, answer.message.thinking], ['Hello there', 'hm']);
    assert.deepEqual([answer.prompt_eval_count, answer.eval_count], [3, 2]);
    assert.deepEqual(asked('/api/chat').options, { temperature: 0.3, num_ctx: 99 });
  });

  it('chats in a stream', async () => {
    const words: string[] = [];
    let count = 0;
    for await (const part of await client.chat({ model: MODEL, messages, stream: true })) {
      words.push(part.message.content);
      if (part.done) count = part.eval_count;
    }
    assert.deepEqual(words, ['Hello ', 'there', '']);
    assert.equal(count, 2);
  });

  it('hands tool calls out, and takes pictures and formats', async () => {
    const called = await client.chat({ model: MODEL, messages, tools: [tool] });
    assert.deepEqual(called.message.tool_calls, [{ function: { name: 'add', arguments: { a: 14 } } }]);
    const format = { type: 'object', properties: {} };
    await client.chat({ model: MODEL, messages: [{ role: 'user', content: 'See', images: ['aGk='] }], format });
    const body = asked('/api/chat');
    assert.deepEqual((body.messages as { images?: unknown }[])[0]?.images, ['aGk=']);
    assert.deepEqual(body.format, format);
  });

  it('completes prompts and embeds texts', async () => {
    const { response } = await client.generate({ model: MODEL, prompt: 'Say hello' });
    assert.equal(response, 'Hello there');
    const { embeddings } = await client.embed({ model: MODEL, input: ['Hi'] });
    assert.deepEqual(embeddings, [[0.25, 0.5]]);
  });

  it('pulls models for administrators, with progress', async () => {
    await assert.rejects(client.pull({ model: 'new' }));
    const steps: unknown[] = [];
    for await (const { status, completed } of await as(admin.token).pull({ model: 'new', stream: true })) {
      steps.push(completed ?? status);
    }
    assert.deepEqual(steps, [0, 5, 10, 'success']);
  });

  it('tells what failed', async () => {
    await assert.rejects(client.chat({ model: MODEL, messages: [{ role: 'user', content: 'fail' }] }));
    await assert.rejects(client.chat({ model: 'unknown', messages }));
    await assert.rejects(as('nonsense').list());
  });

  it('stops the box when the caller stops', async () => {
    const stream = await client.chat({ model: MODEL, messages: [{ role: 'user', content: 'for ever' }], stream: true });
    const reading = (async () => {
      for await (const _part of stream) stream.abort();
    })();
    await assert.rejects(reading);
    await until(() => upstream.open() === 0, { what: 'the end of the stream at the box' });
  });
});
