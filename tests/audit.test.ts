import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import yauzl from 'yauzl';
import { type Account, apiClient, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

interface Entry {
  id: string;
  timestamp: number;
  user: { id?: string; name?: string; email?: string; role?: string };
  audit_level: string;
  verb: string | null;
  request_uri: string | null;
  response_status_code: number | null;
  source_ip: string | null;
  user_agent: string | null;
  model_id: string | null;
  usage: { input_tokens: number; output_tokens: number; total_tokens: number } | null;
  request_object: string | null;
  response_object: string | null;
  extra: Record<string, unknown>;
}

const textOf = async (server: TestServer) => readFile(join(server.dataDir, 'audit.log'), 'utf8').catch(() => '');
const entriesOf = async (server: TestServer) =>
  (await textOf(server))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
/** The newest entry of a request to this path. */
const entryOf = (server: TestServer, path: string, wanted: (entry: Entry) => boolean = () => true) =>
  until(async () => (await entriesOf(server)).findLast((one) => one.request_uri?.includes(path) && wanted(one)), {
    what: `an entry for ${path}`,
  });

describe('the audit log', () => {
  let server: TestServer;
  let admin: Account;
  before(async () => {
    server = await startServer({
      env: { AUDIT_LOG_LEVEL: 'REQUEST_RESPONSE', MAX_BODY_LOG_SIZE: '300', ENABLE_API_KEYS: 'true' },
    });
    admin = await signUp(server);
  });
  after(() => server?.stop());

  const tag = (json: unknown, query: Record<string, string> = {}) =>
    admin.call('POST', '/api/v1/prompts/create', { json, query, headers: { 'user-agent': 'audit-test/1' } });

  it('says who did what, when, from where, and what came of it', async () => {
    const answer = await tag({ command: 'greet', name: 'Greeting', content: 'Hello' });
    assert.equal(answer.status, 200);
    const entry = await entryOf(server, '/api/v1/prompts/create');
    const { id, timestamp, request_object, response_object, ...rest } = entry;
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs(timestamp - Date.now() / 1_000) < 10);
    assert.deepEqual(JSON.parse(request_object ?? ''), { command: 'greet', name: 'Greeting', content: 'Hello' });
    assert.match(response_object ?? '', /"command":"greet"/);
    assert.deepEqual(rest, {
      user: { id: admin.id, name: admin.name, email: admin.email, role: 'admin' },
      audit_level: 'REQUEST_RESPONSE',
      verb: 'POST',
      request_uri: `${server.base}/api/v1/prompts/create`,
      response_status_code: 200,
      source_ip: '127.0.0.1',
      user_agent: 'audit-test/1',
      model_id: null,
      usage: null,
      extra: {},
    });
    assert.equal((await stat(join(server.dataDir, 'audit.log'))).mode & 0o777, 0o600);
  });

  it('says which key with a name was used', async () => {
    const key = await admin.ok<{ id: string; api_key: string }>('POST', '/api/v1/auths/api_keys', {
      json: { name: 'k' },
    });
    await apiClient(server.base, key.api_key).call('POST', '/api/v1/prompts/create', {
      json: {},
      query: { mark: 'key' },
    });
    const entry = await entryOf(server, 'mark=key');
    assert.deepEqual([entry.user.id, entry.extra], [admin.id, { api_key: key.id }]);
    assert.ok(!(await textOf(server)).includes(key.api_key));
  });

  it('always has sign-ins, without their bodies', async () => {
    const json = { email: 'nobody@example.com', password: 'hunter2-hunter2' };
    await apiClient(server.base).call('POST', '/api/v1/auths/signin', { json });
    const entry = await entryOf(server, '/api/v1/auths/signin');
    assert.deepEqual(
      [entry.user, entry.response_status_code, entry.request_object, entry.response_object],
      [{}, 400, null, null],
    );
  });

  it('leaves out strangers, reads, and paths that are excluded', async () => {
    await apiClient(server.base).call('POST', '/api/v1/prompts/create', { json: {}, query: { mark: 'stranger' } });
    await admin.call('GET', '/api/v1/prompts/', { query: { mark: 'read' } });
    await admin.call('POST', '/api/v1/chats/new', { json: { chat: {} }, query: { mark: 'excluded' } });
    await tag({}, { mark: 'last' });
    await entryOf(server, 'mark=last');
    const text = await textOf(server);
    for (const mark of ['stranger', 'read', 'excluded']) assert.ok(!text.includes(`mark=${mark}`), mark);
  });

  it('has no secrets: not in bodies, not in addresses, not where a body was cut off', async () => {
    const form = await admin.ok<Record<string, unknown>>('GET', '/openai/config');
    const json = { ...form, ENABLE_OPENAI_API: true, OPENAI_API_KEYS: ['sk-very-secret-1'] };
    await admin.call('POST', '/openai/config/update', { json });
    await tag(
      { command: 'x', name: 'x', content: 'x', password: 'pw-secret', data: { api_key: 'key-secret' } },
      { token: 'query-secret' },
    );
    await tag({ content: 'y'.repeat(240), access_token: 'z-secret'.repeat(40) }, { mark: 'cut' });
    const entry = await entryOf(server, 'mark=cut');
    assert.ok((entry.request_object ?? '').length <= 320);
    assert.match(entry.request_object ?? '', /"access_token":"\*{8}"$/);
    const text = await textOf(server);
    for (const secret of ['very-secret', 'pw-secret', 'key-secret', 'query-secret', 'z-secret', admin.token]) {
      assert.ok(!text.includes(secret), secret);
    }
    assert.match(text, /\?token=\*{8}/);
  });

  it('keeps a body to its limit, cut between characters or not', async () => {
    await tag({ command: 'long', name: 'ü'.repeat(500), content: 'x' }, { mark: 'long' });
    const { request_object: text } = await entryOf(server, 'mark=long');
    assert.ok(Buffer.byteLength(text ?? '') <= 303);
  });

  it('names a file by its kind instead of copying it', async () => {
    const body = new FormData();
    body.set('file', new Blob(['the content of the file']), 'note.txt');
    await admin.call('POST', '/api/v1/files/', { form: body, query: { process: 'false' } });
    const entry = await entryOf(server, '/api/v1/files/');
    assert.equal(entry.request_object, '[multipart form]');
    assert.equal(entry.response_status_code, 200);
    assert.ok(!(await textOf(server)).includes('the content of the file'));
  });

  it('sees a stream without holding it back', async () => {
    const answer = await fetch(`${server.base}/openai/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gate-5', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
    });
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    // The provider waits: what it has said so far is here, and nothing is written down yet.
    assert.match(new TextDecoder().decode(first?.value), /data: /);
    assert.ok(!(await textOf(server)).includes('/openai/chat/completions'));
    server.provider.release();
    while (!(await reader?.read())?.done);
    const entry = await entryOf(server, '/openai/chat/completions');
    assert.match(entry.response_object ?? '', /^data: /);
    assert.ok(Buffer.byteLength(entry.response_object ?? '') <= 300);
  });

  it('has a line of its own for each call of a model', async () => {
    for (const stream of [false, true]) {
      const json = {
        model: 'echo',
        stream,
        stream_options: { include_usage: true },
        messages: [{ role: 'user', content: 'hello' }],
      };
      const before = (await entriesOf(server)).length;
      const { status, headers, body } = await admin.call('POST', '/api/v1/chat/completions', { json });
      assert.equal(status, 200, JSON.stringify(body));
      assert.ok(headers);
      const call = await until(async () =>
        (await entriesOf(server)).slice(before).find(({ model_id: id }) => id === 'echo'),
      );
      assert.equal(call.user.id, admin.id);
      assert.equal(call.extra.event, 'model_usage');
      assert.ok(call.usage && call.usage.total_tokens > 0, JSON.stringify(call.usage));
      assert.equal(call.usage.total_tokens, call.usage.input_tokens + call.usage.output_tokens);
      // The path is excluded, so there is no line of the request to point to.
      assert.equal(call.verb, null);
    }
  });

  it('writes down a request whose client went away', async () => {
    await new Promise<void>((resolve) => {
      const call = request(`${server.base}/openai/chat/completions?mark=gone`, {
        method: 'POST',
        headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
      });
      call.on('error', () => {});
      call.on('response', (answer) => {
        answer.once('data', () => {
          call.destroy();
          resolve();
        });
      });
      call.end(JSON.stringify({ model: 'gate-50', stream: true, messages: [{ role: 'user', content: 'hi' }] }));
    });
    assert.equal((await entryOf(server, 'mark=gone')).response_status_code, 200);
    assert.equal((await admin.call('GET', '/api/v1/auths/')).status, 200);
  });

  it('goes on where it left off once the disk takes lines again', async () => {
    const path = join(server.dataDir, 'audit.log');
    await rm(path);
    await mkdir(path);
    await tag({}, { mark: 'waiting' });
    await until(() => server.output().includes('the audit log cannot be written'));
    await rm(path, { recursive: true });
    await entryOf(server, 'mark=waiting');
  });

  it('has what happens to a second factor', async () => {
    const form = await admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...form, ENABLE_MFA: true } });
    const entry = await entryOf(server, '/api/v1/auths/mfa', ({ verb }) => verb === 'MFA');
    assert.deepEqual([entry.user.email, entry.extra.event], [admin.email, 'auth.mfa.policy_changed']);
  });
});

describe('the audit log as it is set up', () => {
  it('puts the file away as a zip archive at its size, and loses no line', async () => {
    await using server = await startServer({
      env: { AUDIT_LOG_LEVEL: 'METADATA', AUDIT_LOG_FILE_ROTATION_SIZE: '20KB' },
    });
    const admin = await signUp(server);
    const marks = Array.from({ length: 120 }, (_, at) => `m${at}m`);
    for (let at = 0; at < marks.length; at += 20) {
      await Promise.all(
        marks
          .slice(at, at + 20)
          .map((mark) => admin.call('POST', '/api/v1/prompts/create', { json: {}, query: { mark } })),
      );
    }
    const archives = await until(async () => {
      const names = await readdir(server.dataDir);
      const old = names.filter((name) => /^audit\..+/.test(name) && name !== 'audit.log');
      return old.length > 0 && old.every((name) => name.endsWith('.log.zip')) ? old : null;
    });
    const texts = await Promise.all(archives.map((name) => unzipped(join(server.dataDir, name))));
    const text = texts.join('') + (await textOf(server));
    for (const mark of marks) assert.equal(text.split(`mark=${mark}"`).length, 2, mark);
    const entry = JSON.parse(text.split('\n')[0] ?? '') as Entry;
    assert.deepEqual([entry.request_object, entry.response_object], [null, null]);
  });

  it('has reads, only some paths, and goes to standard output, when it is told so', async () => {
    await using server = await startServer({
      env: {
        AUDIT_LOG_LEVEL: 'request',
        ENABLE_AUDIT_GET_REQUESTS: 'true',
        AUDIT_INCLUDED_PATHS: '/users/search,prompts',
        ENABLE_AUDIT_STDOUT: 'true',
        ENABLE_AUDIT_LOGS_FILE: 'false',
        GLOBAL_LOG_LEVEL: 'ERROR',
      },
    });
    const admin = await signUp(server);
    await admin.call('GET', '/api/v1/tools/', { query: { mark: 'other' } });
    await admin.call('GET', '/api/v1/users/search', { query: { mark: 'wanted' } });
    await until(() => server.output().includes('mark=wanted'));
    assert.ok(!server.output().includes('mark=other'));
    assert.equal(await textOf(server), '');
  });

  it('refuses to start with a size or a pattern that makes no sense', async () => {
    for (const [name, value] of [
      ['AUDIT_LOG_FILE_ROTATION_SIZE', 'daily'],
      ['AUDIT_EXCLUDED_PATHS', '/chats('],
    ] as const) {
      await assert.rejects(startServer({ env: { AUDIT_LOG_LEVEL: 'METADATA', [name]: value } }), new RegExp(name));
    }
  });
});

async function unzipped(path: string): Promise<string> {
  const zip = await yauzl.openPromise(path);
  let text = '';
  for await (const entry of zip.eachEntry()) {
    for await (const chunk of await zip.openReadStreamPromise(entry)) text += String(chunk);
  }
  return text;
}
