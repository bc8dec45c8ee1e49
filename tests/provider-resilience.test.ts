import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { type Account, signUp } from './support/client.ts';
import { eventOf, replyOf } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

type Act = (response: ServerResponse, request: IncomingMessage) => void;

/** A provider of the model `twin` that does what it is told for each completion, the last thing again and again. */
async function provider() {
  const acts: Act[] = [];
  const keys: string[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') return json(response, { data: [{ id: 'twin' }] });
    keys.push((request.headers.authorization ?? '').replace('Bearer ', ''));
    const act = acts.length > 1 ? acts.shift() : acts[0];
    request.resume().on('end', () => act?.(response, request));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return {
    url,
    /** The key of each completion it was asked for. */
    keys,
    does(...next: Act[]) {
      acts.splice(0, acts.length, ...next);
      keys.length = 0;
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function json(response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const says =
  (content: string): Act =>
  (response) =>
    json(response, { choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }] });
const refuses =
  (status: number, headers: Record<string, string> = {}): Act =>
  (response) =>
    json(response, { error: { message: `refused with ${status}` } }, status, headers);
const breaks: Act = (_response, { socket }) => socket.destroy();
const hangs: Act = () => {};
const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const streams =
  (...words: string[]): Act =>
  (response) =>
    response
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .end(`${words.map(chunk).join('')}data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`);
/** The head comes, then the connection breaks. */
const nods: Act = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(': here\n\n', () => response.destroy());
};
const begins: Act = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk('half'), () => response.destroy());
};

describe('providers that fail', () => {
  let server: TestServer;
  let admin: Account;
  let one: Awaited<ReturnType<typeof provider>>;
  let other: Awaited<ReturnType<typeof provider>>;

  before(async () => {
    [one, other] = [await provider(), await provider()];
    server = await startServer({ env: { ENABLE_OLLAMA_API: 'false', PROVIDER_RETRY_DELAY: '0.01' } });
    admin = await signUp(server);
  });
  after(async () => {
    await server.stop();
    one.stop();
    other.stop();
  });
  beforeEach(() => {
    one.does(says('one'));
    other.does(says('other'));
  });

  async function connect(resilience: object, second: object | null = null): Promise<void> {
    const places = second ? [one, other] : [one];
    await admin.ok('POST', '/openai/config/update', {
      json: {
        ENABLE_OPENAI_API: true,
        OPENAI_API_BASE_URLS: places.map(({ url }) => url),
        OPENAI_API_KEYS: places.map(() => 'first-key'),
        OPENAI_API_CONFIGS: { 0: { resilience }, ...(second && { 1: { resilience: second } }) },
      },
    });
    await admin.ok('GET', '/api/models', { query: { refresh: 'true' } });
  }

  const ask = (stream = false) =>
    admin.call('POST', '/api/chat/completions', {
      json: { model: 'twin', stream, messages: [{ role: 'user', content: 'Hi' }] },
    });
  const said = async () => {
    const { status, body } = await ask();
    const { choices } = body as { choices?: { message: { content: string } }[] };
    return [status, choices?.[0]?.message.content ?? null];
  };

  it('are asked once where nothing is configured', async () => {
    await connect({});
    one.does(refuses(500), says('late'));
    assert.deepEqual(await said(), [500, null]);
    assert.equal(one.keys.length, 1);
  });

  it('are asked again after passing troubles, and no more often than configured', async () => {
    await connect({ retries: 2 });
    one.does(refuses(503), breaks, says('at last'));
    assert.deepEqual(await said(), [200, 'at last']);
    one.does(refuses(502));
    assert.deepEqual(await said(), [502, null]);
    assert.equal(one.keys.length, 3);
    one.does(refuses(400));
    assert.deepEqual(await said(), [400, null]);
    assert.equal(one.keys.length, 1, 'what is wrong stays wrong');
  });

  it('are asked again no sooner than they say', async () => {
    await connect({ retries: 1 });
    one.does(refuses(429, { 'retry-after-ms': '300' }), says('after a while'));
    const began = performance.now();
    assert.deepEqual(await said(), [200, 'after a while']);
    assert.ok(performance.now() - began >= 295);
  });

  it('leave a stream alone that has begun, and begin anew one that has not', async () => {
    await connect({ retries: 1 });
    one.does(breaks, streams('whole'));
    const { text } = await stream();
    assert.match(text, /whole/);
    one.does(begins, streams('again'));
    const broken = await stream();
    assert.match(broken.text, /half/);
    assert.doesNotMatch(broken.text, /again/);
    assert.equal(one.keys.length, 1);
  });

  it('write a reply once, whatever it took', async () => {
    await connect({ retries: 1, fallback: true }, {});
    const socket = await connectSocket(server.base, admin);
    try {
      one.does(nods, nods);
      other.does(streams('from ', 'the other'));
      const { chatId, replyId } = await sendTurn(admin, socket, { model: 'twin' });
      const reply = await replyOf(admin, chatId, replyId);
      assert.deepEqual([reply.content, reply.error ?? null], ['from the other', null]);
      assert.equal(one.keys.length, 2);
      one.does(begins, streams('again'));
      const second = await sendTurn(admin, socket, { model: 'twin', wait: false });
      await eventOf(socket, second.replyId, 'chat:message:error');
      const half = await replyOf(admin, second.chatId, second.replyId);
      assert.equal(half.content, 'half');
      assert.ok(half.error);
    } finally {
      socket.close();
    }
  });

  it('hand over to another connection with the same model', async () => {
    await connect({ fallback: true, first_byte_timeout: 0.2 }, {});
    one.does(refuses(500));
    assert.deepEqual(await said(), [200, 'other']);
    one.does(hangs);
    assert.deepEqual(await said(), [200, 'other']);
    one.does(says('one'));
    assert.deepEqual(await said(), [200, 'one']);
  });

  it('rest after failures in a row, and are tried again by one request', async () => {
    await connect({ rest_after: 2, rest: 0.3 });
    one.does(refuses(500));
    await said();
    await said();
    assert.deepEqual(await said(), [503, null]);
    assert.equal(one.keys.length, 2, 'nobody asked it while it rests');
    const { connections } = await admin.ok<{ connections: { index: number; failures: number; url: string }[] }>(
      'GET',
      '/api/v1/providers/failing',
    );
    assert.deepEqual(
      connections.map(({ index, failures, url }) => [index, failures, url]),
      [[0, 2, one.url]],
    );
    one.does(says('better'));
    await until(async () => (await said())[0] === 200, { what: 'the end of the rest' });
    assert.deepEqual(await admin.ok('GET', '/api/v1/providers/failing'), { connections: [] });
  });

  it('get another key when one is used up, and that one first afterwards', async () => {
    await connect({ keys: ['second-key'] });
    one.does(refuses(429), says('with the second'));
    assert.deepEqual(await said(), [200, 'with the second']);
    await said();
    assert.deepEqual(one.keys, ['first-key', 'second-key', 'second-key']);
    one.does(refuses(401));
    const { status, body } = await ask();
    assert.equal(status, 401);
    assert.doesNotMatch(JSON.stringify(body), /second-key|first-key/);
  });

  it('keep their rules when the web client saves what it knows of them', async () => {
    await connect({ retries: 1 });
    const form = await admin.ok<Record<string, unknown>>('GET', '/openai/config');
    const saved = await admin.ok<Record<string, unknown>>('POST', '/openai/config/update', {
      json: { ...form, OPENAI_API_CONFIGS: { 0: { enable: true, tags: [] } } },
    });
    assert.deepEqual(saved.OPENAI_API_CONFIGS, { 0: { enable: true, tags: [], resilience: { retries: 1 } } });
  });

  async function stream(): Promise<{ text: string }> {
    const answer = await fetch(`${server.base}/api/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'twin', stream: true, messages: [{ role: 'user', content: 'Hi' }] }),
    });
    return { text: await answer.text() };
  }
});
