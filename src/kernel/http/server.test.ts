import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pino from 'pino';
import { anyone, current, on, resource, verified } from './access.ts';
import { HttpError } from './errors.ts';
import { buildOpenApi } from './openapi.ts';
import type { User } from './principal.ts';
import { route } from './route.ts';
import { createHttpServer, type HttpServer } from './server.ts';
import { Default, Int, Obj, Str, shape } from './shapes.ts';

const user = { id: 'u1', name: 'Una', role: 'user' } as User;
const thing = resource<{ id: string; owner: string }>({
  name: 'thing',
  load: async (id) => (id === 'missing' ? null : { id, owner: id }),
  allows: (who, target) => who.id === target.owner,
});
const Form = shape('ThingForm', { title: Str() });
const aborted: string[] = [];

const routes = [
  route({ method: 'GET', url: '/open', access: anyone, handler: () => ({ big: 9007199254740993n, nan: Number.NaN }) }),
  route({
    method: 'POST',
    url: '/things/:id',
    access: on(thing, 'write'),
    body: Form,
    handler: ({ target, body }) => ({ ...target, ...body }),
  }),
  route({
    method: 'GET',
    url: '/page',
    access: verified,
    query: Obj({ page: Default(Int(), 1) }),
    handler: ({ query }) => query.page,
  }),
  route({
    method: 'GET',
    url: '/fails',
    access: anyone,
    handler: () => {
      throw new Error('secret text');
    },
  }),
  route({
    method: 'POST',
    url: '/auths',
    access: current,
    body: Form,
    invalidDetail: 'Invalid.',
    headers: { 'cache-control': 'no-store' },
    handler: ({ body }) => body,
  }),
  route({
    method: 'POST',
    url: '/slow',
    access: anyone,
    body: Form,
    handler: ({ signal, body }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          aborted.push(body.title);
          resolve(null);
        }),
      ),
  }),
];

describe('HTTP server', () => {
  let http: HttpServer;
  let base: string;
  before(async () => {
    http = await createHttpServer(
      {
        log: pino({ level: 'silent' }),
        authenticator: {
          authenticate: async (request) => {
            if (!request.headers.authorization) throw new HttpError(401, 'Not authenticated');
            return { user, credential: { kind: 'session', token: 't', claims: {} } };
          },
          identify: async () => null,
        },
        permissions: () => false,
        cors: { origins: ['https://a.example'] },
        securityHeaders: { 'x-frame-options': 'DENY' },
        compression: true,
        forwardedAllowIps: '',
        bodyLimit: 1_000,
        translateError: () => null,
      },
      routes,
    );
    base = await http.fastify.listen({ port: 0, host: '127.0.0.1' });
  });
  after(() => http.fastify.close());

  const call = (method: 'GET' | 'POST', url: string, payload?: string, headers: Record<string, string> = {}) =>
    http.fastify.inject({
      method,
      url,
      headers: { authorization: 'Bearer x', 'content-type': 'application/json', ...headers },
      ...(payload === undefined ? {} : { payload }),
    });

  it('writes big integers digit by digit and NaN as null, without a charset', async () => {
    const reply = await call('GET', '/open');
    assert.equal(reply.body, '{"big":9007199254740993,"nan":null}');
    assert.equal(reply.headers['content-type'], 'application/json');
    assert.match(String(reply.headers['x-process-time']), /^\d+\.\d{6}$/);
    assert.equal(reply.headers['x-frame-options'], 'DENY');
  });

  it('answers broken JSON first, then the caller, then the fields, then the object', async () => {
    const broken = await http.fastify.inject({
      method: 'POST',
      url: '/things/u1',
      payload: '{',
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(broken.statusCode, 422);
    assert.equal(
      (
        await http.fastify.inject({
          method: 'POST',
          url: '/things/u1',
          payload: '{}',
          headers: { 'content-type': 'application/json' },
        })
      ).statusCode,
      401,
    );
    assert.equal((await call('POST', '/things/missing', '{}')).statusCode, 422);
    assert.equal((await call('POST', '/things/missing', '{"title":"x"}')).statusCode, 404);
    assert.equal((await call('POST', '/things/u2', '{"title":"x"}')).statusCode, 401);
    const invalid = await call('POST', '/things/u1', '{}');
    assert.deepEqual([invalid.statusCode, invalid.json().detail[0].loc], [422, ['body', 'title']]);
    assert.deepEqual((await call('POST', '/things/u1', '{"title":"x"}')).json(), { id: 'u1', owner: 'u1', title: 'x' });
  });

  it('takes the last of a repeated query value and an empty JSON body', async () => {
    assert.equal((await call('GET', '/page?page=1&page=4')).body, '4');
    assert.equal((await call('POST', '/auths', '')).json().detail, 'Invalid.');
    assert.equal((await call('POST', '/auths', '{}')).headers['cache-control'], 'no-store');
  });

  it('never sends the text of an unexpected error', async () => {
    const reply = await call('GET', '/fails', undefined, { 'x-request-id': 'req-7', origin: 'https://a.example' });
    assert.deepEqual([reply.statusCode, reply.body], [500, 'Internal Server Error']);
    assert.equal(reply.headers['x-request-id'], 'req-7');
    assert.equal(reply.headers['access-control-allow-origin'], 'https://a.example');
  });

  it('refuses bodies over the limit', async () => {
    assert.equal((await call('POST', '/auths', JSON.stringify({ title: 'x'.repeat(2_000) }))).statusCode, 413);
  });

  it('echoes only allowed origins', async () => {
    const allowed = await http.fastify.inject({
      method: 'OPTIONS',
      url: '/open',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    });
    assert.deepEqual(
      [allowed.statusCode, allowed.body, allowed.headers['access-control-allow-origin']],
      [200, 'OK', 'https://a.example'],
    );
    const refused = await http.fastify.inject({
      method: 'OPTIONS',
      url: '/open',
      headers: { origin: 'https://b.example', 'access-control-request-method': 'POST' },
    });
    assert.deepEqual([refused.statusCode, refused.headers['access-control-allow-origin']], [400, undefined]);
  });

  it('aborts the signal of a POST only when the client really leaves', async () => {
    const leave = new AbortController();
    const pending = fetch(`${base}/slow`, {
      method: 'POST',
      body: '{"title":"gone"}',
      headers: { 'content-type': 'application/json' },
      signal: leave.signal,
    });
    await fetch(`${base}/open`);
    assert.deepEqual(aborted, []);
    leave.abort();
    await assert.rejects(pending);
    while (aborted.length === 0) await new Promise(setImmediate);
    assert.deepEqual(aborted, ['gone']);
  });

  it('describes its routes as OpenAPI and knows the methods of a path', () => {
    const document = buildOpenApi(routes, { title: 't', version: '1' }) as {
      paths: Record<string, Record<string, { 'x-access': string }>>;
    };
    assert.equal(document.paths['/things/{id}']?.post?.['x-access'], 'on thing:write');
    assert.deepEqual(http.methods.methodsFor('/things/5'), ['POST']);
    assert.deepEqual(http.methods.methodsFor('/nothing'), []);
  });
});
