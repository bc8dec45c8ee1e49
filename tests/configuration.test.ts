import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { catalogue, configurationRoutes, type EventSink } from '../src/features/configuration/index.ts';
import { HttpError } from '../src/kernel/http/errors.ts';
import type { Principal, User } from '../src/kernel/http/principal.ts';
import { createHttpServer, type HttpServer } from '../src/kernel/http/server.ts';
import { type Config, createConfig, loadSettings } from '../src/kernel/settings/index.ts';
import { createLog } from '../src/kernel/telemetry/log.ts';
import { openFresh } from './databases/dialects.ts';

const folder = mkdtempSync(join(tmpdir(), 'loggia-configuration-'));
const published: { event: string; data: Record<string, unknown> | undefined }[] = [];
let hasUsers = false;
let providers: Record<string, string> = {};
let http: HttpServer;
let config: Config;
let database: Awaited<ReturnType<typeof openFresh>>;
let upstream: Server;
let upstreamUrl = '';

/** The token is the role. */
function principal(token: string): Principal {
  if (token === 'gone') throw new HttpError(401, 'Invalid authentication request.');
  if (!['admin', 'user', 'pending'].includes(token)) throw new HttpError(401, 'Invalid token');
  const credential = { kind: 'session' as const, token, claims: {} };
  return { user: { id: token, name: token, role: token } as User, credential };
}

before(async () => {
  upstream = createServer((request, response) => {
    const answers: Record<string, [number, string]> = {
      '/api/config': [200, '{}'],
      '/api/v1/policies/locked': [409, 'policy is locked'],
    };
    const [status, text] = answers[request.url ?? ''] ?? [404, 'no'];
    response.writeHead(status).end(text);
  });
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;

  database = await openFresh('sqlite');
  const log = createLog({ level: 'CRITICAL', format: '' });
  const settings = loadSettings({ WEBUI_SECRET_KEY: 'x', DATA_DIR: folder, OLLAMA_BASE_URL: 'http://o' }, folder);
  const bus = { shared: true, publish: () => {}, subscribe: () => () => {} };
  config = await createConfig({ settings, database, bus, log });
  const events: EventSink = { publish: (event, { data }) => void published.push({ event, data }) };
  http = await createHttpServer(
    {
      log,
      authenticator: {
        authenticate: async (request) => {
          const token = request.headers.authorization?.slice('Bearer '.length);
          if (!token) throw new HttpError(401, 'Not authenticated');
          return principal(token);
        },
        identify: async () => null,
      },
      permissions: () => false,
      cors: { origins: [] },
      securityHeaders: {},
      compression: false,
      forwardedAllowIps: '',
      bodyLimit: 1_000_000,
      translateError: () => null,
    },
    configurationRoutes({
      settings,
      config,
      events,
      version: '0.12.4',
      session: async (token) => principal(token),
      hasUsers: async () => hasUsers,
      groupDefaultModels: async ({ role }) => (role === 'admin' ? 'group-model' : null),
      loginProviders: () => providers,
      fetch: (url, init) => fetch(url, init),
      checkUrl: (url) => {
        if (url.includes('127.0.0.1')) throw new HttpError(400, 'not public');
      },
      putSettings: (values) => config.put(values),
      onError: () => {},
    }),
  );
});

after(async () => {
  config.close();
  await http.fastify.close();
  await database.drop();
  upstream.closeAllConnections();
  upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, token?: string, body?: unknown) {
  const answer = await http.fastify.inject({
    method,
    url,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
  return { status: answer.statusCode, body: answer.json(), text: answer.body };
}

describe('GET /api/config', () => {
  it('tells a visitor little, and whether there is nobody yet', async () => {
    assert.equal((await ask('GET', '/api/config')).body.onboarding, true);
    hasUsers = true;
    const { body } = await ask('GET', '/api/config', 'sk-key');
    assert.ok(!('onboarding' in body));
    assert.ok(!('enable_notes' in body.features) && !('permissions' in body));
    assert.deepEqual((await ask('GET', '/api/config', 'broken')).body, body);
  });

  it('tells each kind of account its part', async () => {
    const { body: pending } = await ask('GET', '/api/config', 'pending');
    assert.equal(pending.features.enable_notes, true);
    assert.deepEqual(Object.keys(pending.ui).sort(), ['pending_user_overlay_content', 'pending_user_overlay_title']);
    const { body: user } = await ask('GET', '/api/config', 'user');
    assert.equal(user.default_models, null);
    assert.equal(user.permissions.chat.delete, true);
    assert.equal((await ask('GET', '/api/config', 'admin')).body.default_models, 'group-model');
    const gone = await ask('GET', '/api/config', 'gone');
    assert.deepEqual(gone.body, (await ask('GET', '/api/config')).body);
  });

  it('shows a change at once', async () => {
    await config.set({ 'ui.watermark': 'made here', 'notes.enable': false });
    const { body } = await ask('GET', '/api/config', 'user');
    assert.equal(body.ui.response_watermark, 'made here');
    assert.equal(body.features.enable_notes, false);
    providers = { oidc: 'Ours' };
    assert.deepEqual((await ask('GET', '/api/config')).body.oauth.providers, { oidc: 'Ours' });
  });
});

describe('settings forms', () => {
  it('store what is given and announce it', async () => {
    const url = '/api/v1/configs/code_execution';
    const { body: form } = await ask('GET', url, 'admin');
    const next = { ...form, CODE_EXECUTION_JUPYTER_URL: null, CODE_EXECUTION_JUPYTER_TIMEOUT: null };
    assert.deepEqual((await ask('POST', url, 'admin', next)).body, next);
    assert.equal(config.get('code_execution.jupyter.timeout'), 60);
    assert.equal(published.at(-1)?.event, 'config.code_execution.updated');
    assert.equal((await ask('POST', url, 'admin', { ENABLE_CODE_EXECUTION: true })).status, 422);
    assert.equal((await ask('GET', url, 'user')).status, 401);
  });

  it('keep optional members of the connections', async () => {
    const url = '/api/v1/configs/connections';
    const all = { ENABLE_DIRECT_CONNECTIONS: true, ENABLE_DIRECT_INTEGRATIONS: true, ENABLE_BASE_MODELS_CACHE: false };
    await ask('POST', url, 'admin', all);
    const given = { ENABLE_DIRECT_CONNECTIONS: false, ENABLE_BASE_MODELS_CACHE: true };
    assert.deepEqual((await ask('POST', url, 'admin', given)).body, { ...all, ...given });
  });

  it('show stored banners of any age', async () => {
    await config.put({ 'ui.banners': [{ id: 'b', content: 'c' }, 'odd'] });
    assert.deepEqual((await ask('GET', '/api/v1/configs/banners', 'user')).body, [
      { i18n: null, id: 'b', type: '', title: null, content: 'c', dismissible: false, timestamp: 0 },
    ]);
  });

  it('change single members of the retrieval settings', async () => {
    const url = '/api/v1/retrieval/config';
    const changed = {
      TOP_K: 5,
      FILE_MAX_SIZE: 10,
      CHUNK_SIZE: null,
      web: { EXA_MAX_CONTENT_LENGTH: null, DDGS_BACKEND: 'lite' },
    };
    const { body } = await ask('POST', `${url}/update`, 'admin', changed);
    assert.deepEqual(
      [body.TOP_K, body.FILE_MAX_SIZE, body.CHUNK_SIZE, body.web.DDGS_BACKEND],
      [5, 10, 1000, undefined],
    );
    await ask('POST', `${url}/update`, 'admin', { FILE_MAX_SIZE: '' });
    const { body: after } = await ask('GET', url, 'admin');
    assert.deepEqual([after.FILE_MAX_SIZE, after.web.DDGS_BACKEND], [null, 'lite']);
  });
});

describe('export and import', () => {
  it('give back what was stored, and keep unknown keys', async () => {
    const { body: all } = await ask('GET', '/api/v1/configs/export', 'admin');
    const { body } = await ask('POST', '/api/v1/configs/import', 'admin', {
      config: { ...all, 'house.rule': { nested: [1, null] }, 'rag.top_k': 9 },
    });
    assert.deepEqual(body['house.rule'], { nested: [1, null] });
    assert.deepEqual((await ask('GET', '/api/v1/configs/namespace/house', 'admin')).body, {
      'house.rule': { nested: [1, null] },
    });
    assert.equal(config.get('rag.top_k'), 9);
  });

  it('take exports of earlier releases and refuse nonsense by name', async () => {
    await ask('POST', '/api/v1/configs/import', 'admin', { config: { ui: { watermark: 'nested' } } });
    assert.equal(config.get('ui.watermark'), 'nested');
    const { status, body } = await ask('POST', '/api/v1/configs/import', 'admin', { config: { 'rag.top_k': {} } });
    assert.deepEqual([status, body.detail], [400, 'rag.top_k: expected integer']);
  });
});

describe('terminal servers', () => {
  it('pass on what an orchestrator refuses', async () => {
    const base = '/api/v1/configs/terminal_servers';
    assert.deepEqual((await ask('POST', `${base}/verify`, 'admin', { url: upstreamUrl })).body, {
      status: true,
      type: 'terminal',
    });
    const refused = await ask('POST', `${base}/policy`, 'admin', { url: upstreamUrl, policy_id: 'locked' });
    assert.deepEqual([refused.status, refused.body.detail], [409, 'policy is locked']);
    const none = await ask('POST', `${base}/policy`, 'admin', { url: '', policy_id: 'locked' });
    assert.deepEqual([none.status, none.body.detail], [400, 'Terminal server URL is required']);
  });
});

describe('event webhooks', () => {
  const url = '/api/events/webhooks';

  it('are added, changed and removed', async () => {
    const { body: made } = await ask('POST', url, 'admin', {
      url: 'https://h.example',
      events: ['user.created', 'config.*'],
    });
    assert.deepEqual([made.name, made.targets, made.enabled], ['Webhook', null, true]);
    const { body: changed } = await ask('PUT', `${url}/${made.id}`, 'admin', { enabled: false });
    assert.deepEqual([changed.enabled, changed.events], [false, ['user.created', 'config.*']]);
    assert.deepEqual(published.at(-1), {
      event: 'config.webhook.updated',
      data: { action: 'updated', enabled: false, events: ['user.created', 'config.*'], targets: null },
    });
    assert.deepEqual((await ask('GET', url, 'admin')).body, [changed]);
    assert.deepEqual((await ask('DELETE', `${url}/${made.id}`, 'admin')).body, { status: true });
    assert.equal((await ask('DELETE', `${url}/${made.id}`, 'admin')).status, 404);
  });

  it('refuse unknown events, odd targets and addresses inside', async () => {
    const refusals: [object, string][] = [
      [{ events: ['nonsense'] }, 'Invalid event: nonsense'],
      [{ events: ['nonsense.*'] }, 'Invalid event pattern: nonsense.*'],
      [{ targets: [{ type: 'room', id: 'x' }] }, 'Invalid target'],
      [{ url: 'http://127.0.0.1' }, 'not public'],
    ];
    for (const [given, detail] of refusals) {
      const { status, body } = await ask('POST', url, 'admin', { url: 'https://h.example', ...given });
      assert.deepEqual([status, body.detail], [400, detail]);
    }
  });

  it('have a catalogue of 191 events', async () => {
    assert.equal(catalogue.length, 191);
    const { body } = await ask('GET', '/api/events', 'admin');
    const labels = Object.fromEntries(
      body.events.map((entry: { event: string; message: string }) => [entry.event, entry.message]),
    );
    assert.equal(labels['knowledge.file.added'], 'Knowledge File added');
    assert.equal(labels['system.startup.started'], 'Startup started');
    assert.equal(labels['auth.mfa.recovery_used'], 'MFA recovery used');
  });
});
