import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pino from 'pino';
import { anyone } from '../../kernel/http/access.ts';
import { route } from '../../kernel/http/route.ts';
import { createHttpServer, type HttpServer } from '../../kernel/http/server.ts';
import { createClientRoutes } from './client-routes.ts';
import { explorerRoutes } from './explorer-routes.ts';
import { precompress } from './precompress.ts';

const FILES: Record<string, string> = {
  'secret.txt': 'outside',
  'overlay/custom.css': 'body { color: red }',
  'cache/image/a.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'cache/notes.txt': 'cached text',
  'cache/audio/speech/a.mp3': 'somebody else’s',
  'build/index.html': '<!doctype html><title>client</title>',
  'build/_app/immutable/app.js': `export const x = [${'1234567890,'.repeat(300)}];`,
  'build/assets/index.html': '<p>folder page</p>',
  'build/static/custom.css': '',
  'build/static/favicon.svg': '<svg/>',
  'build/pyodide/p.json': '{}',
};

let folder: string;
let server: HttpServer;

async function start(buildFolder: string): Promise<HttpServer> {
  const place = { folder: buildFolder, given: false };
  let all: ReturnType<typeof route>[] = [];
  const client = createClientRoutes({
    place,
    staticFolders: [join(folder, 'overlay'), join(buildFolder, 'static')],
    cacheFolder: join(folder, 'cache'),
    routes: () => all,
    version: '1.2.3',
    explorer: true,
  });
  all = [
    route({ method: 'GET', url: '/api/known', access: anyone, handler: () => ({ known: true }) }),
    route({ method: 'POST', url: '/api/v1/things/:id', access: anyone, handler: () => ({}) }),
    ...explorerRoutes({ routes: () => all, title: () => 'A <b> name', version: '1.2.3' }),
    ...client.routes,
  ];
  const person = { user: { id: 'u', role: 'user' }, credential: { kind: 'session', token: 't', claims: {} } } as never;
  const started = await createHttpServer(
    {
      log: pino({ level: 'silent' }),
      authenticator: { authenticate: async () => person, identify: async () => person },
      permissions: () => false,
      cors: { origins: '*' },
      securityHeaders: {},
      compression: true,
      forwardedAllowIps: '127.0.0.1',
      bodyLimit: 1_000_000,
      translateError: () => null,
    },
    all,
  );
  started.fastify.setNotFoundHandler(client.unmatched);
  return started;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loggia-client-'));
  for (const [path, content] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  await symlink(join(folder, 'secret.txt'), join(folder, 'build', 'link.txt'));
  await precompress(join(folder, 'build'));
  server = await start(join(folder, 'build'));
});
after(async () => {
  await server.fastify.close();
  await rm(folder, { recursive: true });
});

const get = (url: string, headers: Record<string, string> = {}) => server.fastify.inject({ url, headers });

describe('pages', () => {
  it('answers every address with the single page, not to be cached', async () => {
    for (const url of ['/', '/c/some-chat', '/no/such/page', '/auth?x=1']) {
      const answer = await get(url);
      assert.equal(answer.statusCode, 200, url);
      assert.match(answer.body, /<title>client/);
      assert.equal(answer.headers['cache-control'], 'no-cache');
      assert.match(String(answer.headers['content-type']), /^text\/html/);
    }
    assert.match((await get('/assets')).body, /folder page/);
  });

  it('does not answer a missing script or hashed file with a page', async () => {
    for (const url of ['/_app/none.js', '/_app/immutable/gone.css']) {
      const answer = await get(url, { accept: '*/*' });
      assert.equal(answer.statusCode, 404, url);
      assert.deepEqual(answer.json(), { detail: 'Not Found' });
    }
  });

  it('sends earlier and shared addresses on', async () => {
    const targets: Record<string, string> = {
      '/watch?v=abcdefghijk': '/?youtube=abcdefghijk',
      '/?shared=https%3A%2F%2Fyoutu.be%2Fabcdefghijk': '/?youtube=abcdefghijk',
      '/?shared=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc%20d': '/?load-url=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc',
      '/?shared=what%20is%20this': '/?q=what+is+this',
    };
    for (const [url, target] of Object.entries(targets)) {
      const answer = await get(url);
      assert.deepEqual([answer.statusCode, answer.headers.location], [307, target]);
    }
  });
});

describe('API paths', () => {
  it('answers unknown ones with JSON 404, known ones with another method with 405 and the methods', async () => {
    const cases: [method: 'GET' | 'POST' | 'PUT', url: string, status: number, allow?: string][] = [
      ['GET', '/api/nothing', 404],
      ['GET', '/api/v1/nothing/here', 404],
      ['POST', '/api/v1/nothing', 404],
      ['GET', '/ws/none', 404],
      ['GET', '/api/v1/things/1', 405, 'POST'],
      ['PUT', '/api/known', 405, 'GET'],
      ['POST', '/c/abc', 405, 'GET, HEAD'],
      ['POST', '/static/custom.css', 405, 'GET, HEAD'],
      ['PUT', '/', 405, 'GET, HEAD'],
    ];
    for (const [method, url, status, allow] of cases) {
      const answer = await server.fastify.inject({ method, url });
      assert.equal(answer.statusCode, status, `${method} ${url}`);
      assert.equal(answer.headers.allow, allow, `${method} ${url}`);
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.deepEqual(answer.json(), { detail: status === 404 ? 'Not Found' : 'Method Not Allowed' });
    }
  });
});

describe('files', () => {
  const script = '/_app/immutable/app.js';

  it('sends the precompressed copy the client takes, each with its own tag', async () => {
    const [br, gzip, plain] = await Promise.all([
      get(script, { 'accept-encoding': 'gzip, br' }),
      get(script, { 'accept-encoding': 'gzip, br;q=0' }),
      get(script),
    ]);
    assert.equal(br.headers['content-encoding'], 'br');
    assert.equal(gzip.headers['content-encoding'], 'gzip');
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.equal(plain.body, FILES['build/_app/immutable/app.js']);
    assert.equal(new Set([br, gzip, plain].map(({ headers }) => headers.etag)).size, 3);
    for (const { headers } of [br, gzip, plain]) {
      assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
      assert.equal(headers['content-type'], 'text/javascript; charset=utf-8');
      assert.equal(headers.vary, 'Origin, Accept-Encoding');
    }
  });

  it('answers validators with 304 and HEAD without a body', async () => {
    const { headers } = await get(script);
    const { etag, 'last-modified': modified } = headers;
    assert.match(String(etag), /^"[0-9a-f]{32}"$/);
    assert.equal((await get(script, { 'if-none-match': `"x", ${etag}` })).statusCode, 304);
    assert.equal((await get(script, { 'if-none-match': '"x"' })).statusCode, 200);
    assert.equal((await get(script, { 'if-modified-since': String(modified) })).statusCode, 304);
    const head = await server.fastify.inject({ method: 'HEAD', url: script });
    assert.deepEqual(
      [head.statusCode, head.body, head.headers['content-length']],
      [200, '', headers['content-length']],
    );
  });

  it('sends one byte range, and the whole file where there is none to send', async () => {
    const text = FILES['build/_app/immutable/app.js'] ?? '';
    const cases: [range: string, status: number, body: string, contentRange?: string][] = [
      ['bytes=0-9', 206, text.slice(0, 10), `bytes 0-9/${text.length}`],
      ['bytes=-5', 206, text.slice(-5), `bytes ${text.length - 5}-${text.length - 1}/${text.length}`],
      ['bytes=10-', 206, text.slice(10), `bytes 10-${text.length - 1}/${text.length}`],
      ['bytes=999999-', 416, '', `bytes */${text.length}`],
      ['bytes=0-1,4-5', 200, text],
      ['lines=1', 200, text],
    ];
    for (const [range, status, body, contentRange] of cases) {
      const answer = await get(script, { range, ...(status === 206 ? { 'accept-encoding': 'br' } : {}) });
      assert.deepEqual([answer.statusCode, answer.body, answer.headers['content-range']], [status, body, contentRange]);
    }
    assert.equal((await get(script, { range: 'bytes=0-1', 'if-range': '"other"' })).statusCode, 200);
  });

  it('never leaves its folder', async () => {
    const paths = [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/static/..%2f..%2fsecret.txt',
      '/link.txt',
    ];
    for (const url of [...paths, '/static/%2e%2e%5csecret.txt', '/a%00.txt', '/%zz', '/cache/..%2fsecret.txt']) {
      const answer = await get(url);
      assert.doesNotMatch(answer.body, /outside/, url);
      assert.notEqual(answer.statusCode, 500, url);
    }
  });

  it('serves /static from the overlay first, /pyodide to any origin', async () => {
    assert.match((await get('/static/custom.css')).body, /red/);
    const icon = await get('/static/favicon.svg');
    assert.deepEqual([icon.statusCode, icon.headers['cache-control']], [200, undefined]);
    assert.deepEqual((await get('/static/none.png')).json(), { detail: 'Not Found' });
    assert.equal((await get('/pyodide/p.json')).headers['access-control-allow-origin'], '*');
  });

  it('serves the cache as media or as a download, never as a page', async () => {
    const image = await get('/cache/image/a.svg');
    assert.equal(image.headers['x-content-type-options'], 'nosniff');
    assert.match(String(image.headers['content-security-policy']), /sandbox/);
    assert.equal(image.headers['content-disposition'], undefined);
    assert.equal((await get('/cache/notes.txt')).headers['content-disposition'], 'attachment; filename="notes.txt"');
    for (const url of ['/cache/none', '/cache/audio/speech/a.mp3', '/cache/./audio//speech/a.mp3']) {
      assert.deepEqual((await get(url)).json(), { detail: 'File not found' }, url);
    }
  });
});

describe('API description', () => {
  it('describes the routes and shows them with assets of this server only', async () => {
    const document = (await get('/openapi.json')).json() as { paths: Record<string, unknown>; info: { title: string } };
    assert.deepEqual(Object.keys(document.paths).sort(), ['/api/known', '/api/v1/things/{id}']);
    assert.equal(document.info.title, 'A <b> name');
    for (const url of ['/docs', '/redoc']) {
      const { body } = await get(url);
      assert.match(body, /A &lt;b&gt; name/);
      for (const [, asset = ''] of body.matchAll(/(?:src|href)="([^"]+)"/g)) {
        const answer = await get(asset);
        assert.equal(answer.statusCode, 200, asset);
        assert.ok(answer.rawPayload.length > 500, asset);
      }
    }
    assert.equal((await get('/docs/assets/package.json')).statusCode, 404);
  });
});

describe('without a client', () => {
  it('serves a page of its own that says how to get it, and finds one that comes later', async () => {
    const build = join(folder, 'later');
    const bare = await start(build);
    const page = await bare.fastify.inject({ url: '/', headers: { accept: 'text/html' } });
    assert.equal(page.statusCode, 200);
    assert.match(page.body, /1\.2\.3.*bin\/loggia frontend install.*\/docs/s);
    const other = await bare.fastify.inject({ url: '/c/abc', headers: { accept: 'text/html' } });
    assert.equal(other.statusCode, 404);
    assert.equal((await bare.fastify.inject({ url: '/favicon.png' })).statusCode, 404);
    await mkdir(build);
    await writeFile(join(build, 'index.html'), 'now');
    assert.equal((await bare.fastify.inject({ url: '/c/abc' })).body, 'now');
    await bare.fastify.close();
  });
});
