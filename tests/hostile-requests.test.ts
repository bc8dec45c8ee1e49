import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { apiClient } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

const PROXY = '127.0.0.2';
const STRANGER = '127.0.0.1';
const SIGN_IN = '/api/v1/auths/signin';
const REFUSED = 'Your provider has not provided a trusted header. Please contact your administrator for assistance.';

interface Reply {
  status: number;
  body: { detail?: unknown; email?: string; role?: string; token?: string; id?: string };
  headers: IncomingMessage['headers'];
}

/** A request from an address of this machine; headers as they go over the wire, name by name. */
function send(
  { port }: TestServer,
  from: string,
  { method = 'POST', path = SIGN_IN, headers = [] as string[], body = '{"email":"","password":""}' },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const given = ['host', `127.0.0.1:${port}`, 'content-type', 'application/json', ...headers];
    const wanted = { host: '127.0.0.1', port, localAddress: from, agent: false, method, path, headers: given };
    const call = request(wanted, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => {
        const parsed = text.startsWith('{') ? (JSON.parse(text) as Reply['body']) : {};
        resolve({ status: answer.statusCode ?? 0, body: parsed, headers: answer.headers });
      });
    });
    call.on('error', reject);
    call.end(method === 'POST' ? body : undefined);
  });
}

/** Bytes as they are, and what came back. */
function raw({ port }: TestServer, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(text));
    let got = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      got += chunk;
    });
    socket.on('close', () => resolve(got));
    socket.on('error', reject);
  });
}

describe('a proxy that says who is there', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({
      env: {
        FORWARDED_ALLOW_IPS: PROXY,
        WEBUI_AUTH_TRUSTED_EMAIL_HEADER: 'X-Email',
        WEBUI_AUTH_TRUSTED_NAME_HEADER: 'X-Name',
        WEBUI_AUTH_TRUSTED_GROUPS_HEADER: 'X-Groups',
        WEBUI_AUTH_TRUSTED_ROLE_HEADER: 'X-Role',
        AUDIT_LOG_LEVEL: 'METADATA',
      },
    });
    const first = await send(server, PROXY, { headers: ['X-Email', 'root@example.com', 'X-Name', 'Root'] });
    assert.deepEqual([first.status, first.body.role], [200, 'admin']);
  });
  after(() => server?.stop());

  const admin = async () => {
    const { body } = await send(server, PROXY, { headers: ['X-Email', 'root@example.com'] });
    return apiClient(server.base, body.token ?? '');
  };
  const total = async () => (await (await admin()).ok<{ total: number }>('GET', '/api/v1/users/')).total;

  it('is believed only where it is one of the trusted ones', async () => {
    const before = await total();
    const claim = ['X-Email', 'root@example.com', 'X-Role', 'admin'];
    for (const more of [[], ['X-Forwarded-For', PROXY], ['Forwarded', `for=${PROXY}`], ['X-Real-IP', PROXY]]) {
      const { status, body, headers } = await send(server, STRANGER, { headers: [...claim, ...more] });
      assert.deepEqual([status, body.detail], [400, REFUSED]);
      assert.equal(headers['set-cookie'], undefined);
    }
    assert.equal(await total(), before);
    const told = 'trusted headers from a peer outside FORWARDED_ALLOW_IPS';
    await until(() => server.output().includes(told), { what: 'the line in the log' });
  });

  it('is not believed where its client could have spoken with it', async () => {
    const before = await total();
    for (const headers of [
      ['X-Email', 'root@example.com', 'X-Email', 'guest@example.com'],
      ['X-Email', 'guest@example.com', 'x-email', 'root@example.com'],
      ['X-Email', 'guest@example.com, root@example.com'],
      ['X-Email', 'guest@example.com', 'X-Groups', 'admins', 'X-Groups', 'guests'],
      ['X-Email', 'guest@example.com', 'X-Role', 'admin', 'X-Role', 'user'],
      ['X-Email', ''],
      ['X-Email', '   '],
      ['X_Email', 'root@example.com'],
      [],
    ]) {
      const { status, body } = await send(server, PROXY, { headers });
      assert.deepEqual([status, body.detail], [400, REFUSED], JSON.stringify(headers));
    }
    assert.equal(await total(), before);
  });

  it('must name whom a session belongs to, and only it may object', async () => {
    const { token } = await admin();
    const bearer = ['authorization', `Bearer ${token}`, 'X-Email', 'other@example.com'];
    const path = '/api/v1/auths/';
    assert.equal((await send(server, PROXY, { method: 'GET', path, headers: bearer })).status, 401);
    assert.equal((await send(server, STRANGER, { method: 'GET', path, headers: bearer })).status, 200);
  });

  it('says where a client is, and nobody else does', async () => {
    const attempt = (from: string, mark: string, forwarded: string) =>
      send(server, from, { path: `${SIGN_IN}?mark=${mark}`, headers: ['X-Forwarded-For', forwarded] });
    await attempt(PROXY, 'proxied', '203.0.113.9');
    await attempt(PROXY, 'chain', '198.51.100.1, 203.0.113.9');
    await attempt(STRANGER, 'spoofed', '203.0.113.9');
    const sourceOf = (mark: string) =>
      until(async () => {
        const lines = (await readFile(join(server.dataDir, 'audit.log'), 'utf8')).split('\n');
        const line = lines.find((one) => one.includes(`mark=${mark}`));
        return line && (JSON.parse(line) as { source_ip: string }).source_ip;
      });
    assert.equal(await sourceOf('proxied'), '203.0.113.9');
    // What stands further left was said by the client itself.
    assert.equal(await sourceOf('chain'), '203.0.113.9');
    assert.equal(await sourceOf('spoofed'), STRANGER);
  });

  it('cannot be made to see another request than the server does', async () => {
    const head = `POST ${SIGN_IN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    const hidden = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const [what, text] of [
      ['both lengths', `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
      ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}${hidden}`],
      ['a length that is none', `${head}Content-Length: +2\r\n\r\n{}${hidden}`],
      ['an encoding that is none', `${head}Transfer-Encoding: xchunked\r\n\r\n${hidden}`],
      ['a blank before the colon', `${head}Content-Length : 2\r\n\r\n{}${hidden}`],
      ['a folded header', `${head}X-Email: a\r\n root@example.com\r\nContent-Length: 2\r\n\r\n{}`],
      ['a bare line feed', `${head}X-Other: a\nX-Email: root@example.com\r\nContent-Length: 2\r\n\r\n{}`],
    ] as const) {
      const got = await raw(server, text);
      assert.match(got, /^HTTP\/1\.1 400 /, `${what}: ${got.slice(0, 60)}`);
      assert.equal(got.match(/HTTP\/1\.1/g)?.length, 1, what);
      assert.doesNotMatch(got, /"status":true|token/, what);
    }
  });
});

describe('bodies and headers of hostile size', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({
      provider: null,
      env: {
        HSTS: 'max-age=nonsense',
        XFRAME_OPTIONS: 'sameorigin',
        XCONTENT_TYPE: 'anything',
        CACHE_CONTROL: 'no-store',
        CONTENT_SECURITY_POLICY: "default-src 'self'",
      },
    });
  });
  after(() => server?.stop());

  it('are refused before they are read', async () => {
    const body = JSON.stringify({ email: 'a@example.com', password: 'x'.repeat(100_000), user: 'a' });
    for (const path of [SIGN_IN, '/api/v1/auths/ldap']) {
      const { status, body: answer } = await send(server, STRANGER, { path, body });
      assert.deepEqual([status, answer.detail], [413, 'Request body is too large.'], path);
    }
    const large = await send(server, STRANGER, { headers: ['x-large', 'x'.repeat(20_000)] });
    assert.equal(large.status, 431);
  });

  it('do not keep the security headers away: every answer has them', async () => {
    const wanted = {
      'strict-transport-security': 'max-age=31536000;includeSubDomains',
      'x-frame-options': 'sameorigin',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'self'",
    };
    for (const [method, path] of [
      ['GET', '/health'],
      ['GET', '/api/config'],
      ['GET', '/api/v1/auths/'],
      ['GET', '/api/v1/nowhere'],
      ['DELETE', '/api/config'],
      ['POST', SIGN_IN],
      ['GET', '/static/nowhere.png'],
    ] as const) {
      const { headers } = await send(server, STRANGER, { method, path });
      for (const [name, value] of Object.entries(wanted))
        assert.equal(headers[name], value, `${method} ${path}: ${name}`);
      assert.match(String(headers['x-process-time']), /^\d+\.\d{6}$/);
    }
  });
});
