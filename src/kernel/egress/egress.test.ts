import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isGlobal, withEmbedded } from './addresses.ts';
import { createEgress, type Egress } from './egress.ts';
import { createGuard } from './guard.ts';

describe('addresses', () => {
  it('are global or not', () => {
    for (const address of ['8.8.8.8', '1.1.1.1', '192.0.0.9', '2606:4700::1111', '2001:4860::8']) {
      assert.equal(isGlobal(address), true, address);
    }
    for (const address of [
      '127.0.0.1',
      '10.1.2.3',
      '169.254.169.254',
      '100.64.0.1',
      '0.0.0.0',
      '::1',
      '::',
      'fd00::1',
      'fe80::1',
      '2001:db8::1',
      '240.0.0.1',
      'nonsense',
    ]) {
      assert.equal(isGlobal(address), false, address);
    }
  });

  it('may hide others', () => {
    assert.deepEqual(withEmbedded('::ffff:127.0.0.1').slice(1), ['127.0.0.1']);
    assert.deepEqual(withEmbedded('::ffff:7f00:1').slice(1), ['127.0.0.1']);
    assert.deepEqual(withEmbedded('2002:7f00:1::').slice(1), ['127.0.0.1']);
    assert.deepEqual(withEmbedded('64:ff9b::a00:1').slice(1), ['10.0.0.1']);
    assert.deepEqual(withEmbedded('2606:4700::1').slice(1), []);
  });
});

describe('the guard', () => {
  const guard = createGuard({ allowLocal: false, filter: [] });
  it('refuses local and odd addresses in every spelling', () => {
    const bad = [
      'http://127.0.0.1/',
      'http://2130706433/',
      'http://0x7f.1/',
      'http://[::1]/',
      'http://[::ffff:7f00:1]/',
      'http://localhost/',
      'http://metadata.google.internal/',
      'http://169.254.169.254/latest',
      'file:///etc/passwd',
      'ftp://example.com',
      'http://a\\b.com',
      'http://example.com/\n',
      'x',
    ];
    for (const url of bad) assert.throws(() => guard.checkUrl(url), { code: 'ERR_ADDRESS_REFUSED' }, url);
    assert.equal(guard.checkUrl('https://example.com/a').hostname, 'example.com');
  });

  it('follows the operator: what is allowed, what is blocked', () => {
    const lists = createGuard({ allowLocal: false, filter: ['corp.com', '!secret.corp.com'] });
    assert.equal(lists.checkUrl('https://a.corp.com').hostname, 'a.corp.com');
    assert.throws(() => lists.checkUrl('https://notcorp.com'));
    assert.throws(() => lists.checkUrl('https://x.secret.corp.com'));
    const local = createGuard({ allowLocal: true, filter: [] });
    assert.equal(local.checkUrl('http://127.0.0.1:8080').port, '8080');
    assert.throws(() => local.checkUrl('http://169.254.169.254/'));
  });
});

const values: Record<string, unknown> = {
  AIOHTTP_CLIENT_TIMEOUT: null,
  AIOHTTP_CLIENT_ALLOW_REDIRECTS: false,
  AIOHTTP_CLIENT_SESSION_SSL: true,
  AIOHTTP_CLIENT_SESSION_TOOL_SERVER_SSL: true,
  AIOHTTP_CLIENT_SSL_CERT_FILE: null,
  AIOHTTP_POOL_CONNECTIONS_PER_HOST: null,
  ENABLE_LOCAL_WEB_FETCH: false,
  WEB_FETCH_FILTER_LIST: [],
};
const settings = { get: (name: string) => values[name] as never };

describe('requests out of the program', () => {
  let server: Server;
  let base = '';
  let egress: Egress;
  let seen: { url: string; authorization: string | undefined }[] = [];

  before(async () => {
    server = createServer((request, response) => {
      seen.push({ url: request.url ?? '', authorization: request.headers.authorization });
      if (request.url === '/gzip') {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"zipped":true}'));
      } else if (request.url === '/moved') response.writeHead(302, { location: '/json' }).end();
      else if (request.url === '/silent') response.writeHead(200).write('x');
      else if (request.url === '/never') return;
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    egress = createEgress({ settings, env: {} });
  });
  after(async () => {
    await egress.close();
    server.closeAllConnections();
    server.close();
  });

  it('reach what an administrator named, decode, follow redirects', async () => {
    seen = [];
    assert.deepEqual(await (await egress.request(`${base}/gzip`)).json(), { zipped: true });
    const moved = await egress.request(`${base}/moved`, { headers: { authorization: 'Bearer k' } });
    assert.deepEqual([moved.status, await moved.json()], [200, { ok: true }]);
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/gzip', '/moved', '/json'],
    );
    assert.equal(seen[2]?.authorization, 'Bearer k');
    const stays = await egress.request(`${base}/moved`, { redirects: false });
    assert.equal(stays.status, 302);
    stays.discard();
  });

  it('refuse local addresses on behalf of users, before anything is sent', async () => {
    seen = [];
    await assert.rejects(egress.request(`${base}/json`, { reach: 'user' }), { code: 'ERR_ADDRESS_REFUSED' });
    await assert.rejects(egress.request('http://localtest.invalid/', { reach: 'user' }));
    assert.deepEqual(seen, []);
  });

  it('end in time: never answered, silent in the middle, aborted', async () => {
    await assert.rejects(egress.request(`${base}/never`, { timeoutMs: 50 }), { name: 'TimeoutError' });
    const silent = await egress.request(`${base}/silent`, { idleMs: 50 });
    await assert.rejects(silent.text(), { code: 'UND_ERR_BODY_TIMEOUT' });
    const controller = new AbortController();
    const waiting = egress.request(`${base}/never`, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
  });

  it('go out once more when the server had closed the kept connection', async () => {
    const used = new WeakSet<object>();
    let count = 0;
    const impatient = createServer((request, response) => {
      count += 1;
      if (used.has(request.socket)) return void request.socket.destroy();
      used.add(request.socket);
      request.resume().on('end', () => response.end('ok'));
    });
    await new Promise<void>((done) => impatient.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(impatient.address() as AddressInfo).port}/`;
    try {
      for (let round = 0; round < 3; round += 1) {
        const answer = await egress.request(url, { method: 'POST', body: 'again' });
        assert.equal(await answer.text(), 'ok');
      }
      assert.ok(count > 3, 'a kept connection was used and closed');
    } finally {
      impatient.closeAllConnections();
      impatient.close();
    }
  });

  it('read no more than is wanted', async () => {
    const answer = await egress.request(`${base}/json`);
    await assert.rejects(answer.text(5), { name: 'BodyTooLarge' });
  });
});
