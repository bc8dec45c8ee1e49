import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Account, apiClient, signUp } from './support/client.ts';
import { freePort, startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

const HEADERS = {
  HSTS: 'max-age=1;includeSubDomains',
  XFRAME_OPTIONS: 'nonsense',
  CACHE_CONTROL: 'private, max-age=7',
  CORS_ALLOW_ORIGIN: 'https://one.example;app://two.example',
  CORS_ALLOW_CUSTOM_SCHEME: 'app',
};

let server: TestServer;
let admin: Account;

before(async () => {
  server = await startServer({ env: HEADERS });
  admin = await signUp(server);
});
after(() => server.stop());

const anonymous = () => apiClient(server.base);

/** What a client sees that sends these bytes and then waits. */
async function raw(text: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.setEncoding('utf8').end(text);
  let answer = '';
  for await (const part of socket) answer += part;
  return answer;
}

describe('errors', () => {
  it('are a detail in compact JSON without a charset', async () => {
    const answer = await fetch(`${server.base}/api/v1/users/all`);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.equal(await answer.text(), '{"detail":"Not authenticated"}');
  });

  it('list every wrong member of a body', async () => {
    const { status, body } = await admin.call('POST', '/api/v1/groups/create', { json: { name: 5, data: [] } });
    assert.equal(status, 422);
    const items = (body as { detail: { type: string; loc: unknown; msg: string; input: unknown }[] }).detail;
    assert.deepEqual(
      items.map(({ type, loc, msg }) => [type, loc, msg]),
      [
        ['string_type', ['body', 'name'], 'Input should be a valid string'],
        ['missing', ['body', 'description'], 'Field required'],
        ['dict_type', ['body', 'data'], 'Input should be a valid dictionary'],
      ],
    );
    assert.equal(items[0]?.input, 5);
  });

  it('say where JSON breaks, before anybody is asked for', async () => {
    const answer = await fetch(`${server.base}/api/v1/groups/create`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name": "a",}',
    });
    assert.equal(answer.status, 422);
    const { detail } = (await answer.json()) as { detail: { type: string; loc: unknown[] }[] };
    assert.deepEqual([detail[0]?.type, detail[0]?.loc], ['json_invalid', ['body', 13]]);
  });

  it('are one text below /api/v1/auths, never cached unless the operator says so', async () => {
    const answer = await anonymous().call('POST', '/api/v1/auths/signin', { json: { email: 1 } });
    assert.deepEqual([answer.status, answer.body], [422, { detail: 'Invalid authentication request.' }]);
    assert.equal(answer.headers.get('cache-control'), HEADERS.CACHE_CONTROL);
  });

  it('tell unknown paths from wrong methods below the API', async () => {
    assert.deepEqual((await admin.call('GET', '/api/v1/nothing/here')).body, { detail: 'Not Found' });
    const wrong = await admin.call('PUT', '/api/v1/groups/create');
    assert.deepEqual([wrong.status, wrong.body], [405, { detail: 'Method Not Allowed' }]);
    assert.equal(wrong.headers.get('allow'), 'POST');
  });

  it('answer an unreadable request line and still serve the next', async () => {
    assert.match(await raw('GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 4\d\d /);
    assert.match(await raw('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.equal((await anonymous().call('GET', '/health')).status, 200);
  });
});

describe('headers', () => {
  it('carry a request id, the time taken and what the operator wants, errors too', async () => {
    for (const path of ['/api/config', '/api/v1/users/all', '/api/nothing']) {
      const { headers } = await anonymous().call('GET', path, { headers: { 'x-request-id': 'abc-1' } });
      assert.equal(headers.get('x-request-id'), 'abc-1', path);
      assert.match(headers.get('x-process-time') ?? '', /^\d+\.\d{6}$/, path);
      assert.equal(headers.get('strict-transport-security'), HEADERS.HSTS, path);
      assert.equal(headers.get('x-frame-options'), 'DENY', path);
    }
    const made = await anonymous().call('GET', '/api/config', { headers: { 'x-request-id': 'no spaces' } });
    assert.match(made.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  });

  it('allow listed origins only, and never echo others', async () => {
    const from = async (origin: string) =>
      (await anonymous().call('GET', '/api/config', { headers: { origin } })).headers;
    for (const origin of ['https://one.example', 'app://two.example']) {
      assert.equal((await from(origin)).get('access-control-allow-origin'), origin);
    }
    const other = await from('https://evil.example');
    assert.equal(other.get('access-control-allow-origin'), null);
    assert.match(other.get('vary') ?? '', /Origin/);
    const preflight = await anonymous().call('OPTIONS', '/api/v1/auths/signin', {
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    assert.deepEqual([preflight.status, preflight.body], [400, 'Disallowed CORS origin']);
  });
});

describe('bodies', () => {
  it('are compressed as the client likes when they are large texts', async () => {
    const encodingOf = async (accept: string, path = '/openapi.json') => {
      const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
      httpRequest(`${server.base}${path}`, { headers: { 'accept-encoding': accept } }, (answer) => {
        answer.resume().on('end', () => resolve(answer.headers['content-encoding']));
      })
        .on('error', reject)
        .end();
      return promise;
    };
    assert.equal(await encodingOf('gzip, br, zstd'), 'zstd');
    assert.equal(await encodingOf('gzip, br'), 'br');
    assert.equal(await encodingOf('gzip;q=0.5, br;q=0'), 'gzip');
    assert.equal(await encodingOf('identity'), undefined);
    assert.equal(await encodingOf('gzip', '/health'), undefined);
  });

  it('of strangers are not taken in when they are large', async () => {
    const large = JSON.stringify({ name: 'x'.repeat(2_000_000), description: '' });
    const post = (headers: Record<string, string>) =>
      fetch(`${server.base}/api/v1/groups/create`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: large,
      }).then(({ status }) => status);
    assert.equal(await post({}), 401);
    assert.equal(await post({ authorization: `Bearer ${admin.token}` }), 200);
  });

  it('beyond the limit are refused with 413', async () => {
    const answer = await fetch(`${server.base}/api/v1/auths/signin`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'a@b.c', password: 'x'.repeat(17_000_000) }),
    });
    assert.equal(answer.status, 413);
    assert.equal(typeof ((await answer.json()) as { detail: unknown }).detail, 'string');
  });
});

describe('monitors and proxies', () => {
  it('may ask with HEAD', async () => {
    for (const path of ['/health', '/ready', '/health/db']) {
      assert.equal((await anonymous().call('HEAD', path)).status, 200, path);
    }
  });

  it('that lose the WebSocket upgrade are told so', async () => {
    const { status, body } = await anonymous().call('GET', '/ws/socket.io/?EIO=4&transport=websocket');
    assert.deepEqual([status, body], [400, { detail: 'Invalid WebSocket upgrade request' }]);
  });

  it('lead old addresses on', async () => {
    const { status, headers } = await anonymous().call('GET', '/watch?v=dQw4w9WgXcQ');
    assert.deepEqual([status, headers.get('location')], [307, '/?youtube=dQw4w9WgXcQ']);
  });
});

describe('start and end', () => {
  it('takes no port that is taken, and says so', async () => {
    await using second = await startServer({ port: server.port });
    assert.equal(await second.exited, 1);
    assert.match(second.output(), /EADDRINUSE/);
  });

  it('keeps a second server off the same data folder', async () => {
    const port = await freePort();
    await assert.rejects(startServer({ dataDir: server.dataDir, port }), /Another server uses .*webui\.db/);
    assert.equal((await admin.call('GET', '/api/v1/users/all')).status, 200);
  });

  it('starts again after a crash', async () => {
    const dataDir = server.dataDir;
    await server.kill();
    const again = await startServer({ dataDir, env: HEADERS });
    try {
      assert.equal((await apiClient(again.base, admin.token).call('GET', '/api/v1/auths/')).status, 200);
    } finally {
      await again.stop();
    }
  });

  it('lets a running request finish and takes no new ones', async () => {
    await using own = await startServer();
    const ada = await signUp(own);
    const body = JSON.stringify({ name: 'late', description: '' });
    const socket = connect(own.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.write(
      `POST /api/v1/groups/create HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ada.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    // The server has the head once it answers the next connection.
    assert.equal((await apiClient(own.base).call('GET', '/health')).status, 200);
    const ended = own.terminate();
    await until(
      () =>
        apiClient(own.base)
          .call('GET', '/health')
          .then(
            () => false,
            () => true,
          ),
      { what: 'a closed port' },
    );
    socket.write(body.slice(5));
    assert.equal(await ended, 0);
    assert.match(answer, /^HTTP\/1\.1 200 OK[\s\S]*"name":"late"/);
  });

  it('ends in spite of a client that never finishes', async () => {
    await using own = await startServer();
    const socket = connect(own.port, '127.0.0.1').on('error', () => {});
    socket.write('POST /api/v1/auths/signin HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{');
    assert.equal((await apiClient(own.base).call('GET', '/health')).status, 200);
    assert.equal(await own.terminate(), 0);
  });
});
