import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';

let server: TestServer;
let admin: Account;
let una: Account;

before(async () => {
  server = await startServer({
    env: {
      ENABLE_CHANNELS: 'true',
      USER_PERMISSIONS_WORKSPACE_SKILLS_ACCESS: 'true',
      USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ACCESS: 'true',
    },
  });
  admin = await signUp(server);
  una = await addAccount(admin, 'una');
  const { default: Sqlite } = await import('better-sqlite3');
  const db = new Sqlite(join(server.dataDir, 'webui.db'));
  const code = 'class Tools:\n    pass\n';
  db.prepare(
    `INSERT INTO tool (id, user_id, name, content, specs, meta, valves, updated_at, created_at)
     VALUES ('clock', ?, 'Clock', ?, '[]', '{"description":"tells","manifest":{"a":1}}', '{"zone":"UTC"}', 1, 1)`,
  ).run(una.id, code);
  db.prepare(
    `INSERT INTO "function" (id, user_id, name, type, content, meta, valves, is_active, is_global, updated_at, created_at)
     VALUES ('pipe', ?, 'Pipe', 'pipe', 'x = 1', '{}', NULL, 0, 0, 1, 1)`,
  ).run(admin.id);
  db.close();
});
after(() => server.stop());

interface Item {
  id: string;
  name: string;
}

test('a note whose data is no object has it as its text', async () => {
  for (const [data, md] of [
    ['plain words', 'plain words'],
    [7, '7'],
  ]) {
    const json = { title: 'Odd', data };
    const made = await admin.ok<{ data: unknown }>('POST', '/api/v1/notes/create', { json });
    assert.deepEqual(made.data, { content: { md } });
  }
});

describe('tools and functions of an earlier release', () => {
  test('are listed to those who may see them, without their code', async () => {
    const vic = await addAccount(admin, 'vic');
    const names = async (as: Account) => (await as.ok<Item[]>('GET', '/api/v1/tools/')).map((tool) => tool.id);
    assert.deepEqual([await names(una), await names(admin), await names(vic)], [['clock'], ['clock'], []]);
    assert.equal((await vic.call('GET', '/api/v1/tools/id/clock')).status, 401);
    const [listed] = await una.ok<Record<string, unknown>[]>('GET', '/api/v1/tools/list');
    assert.deepEqual([listed?.content, listed?.write_access], [null, true]);
    assert.equal((await una.ok<Item[]>('GET', '/api/v1/functions/'))[0]?.id, 'pipe');
    assert.equal((await una.call('GET', '/api/v1/functions/list')).status, 401);
    const share = { access_grants: [{ principal_type: 'user', principal_id: vic.id, permission: 'read' }] };
    await admin.ok('POST', '/api/v1/tools/id/clock/access/update', { json: share });
    assert.deepEqual(await names(vic), ['clock']);
    const shown = await vic.ok('GET', '/api/v1/tools/id/clock');
    assert.deepEqual([shown.content, shown.write_access], [null, false]);
    assert.equal((await vic.call('GET', '/api/v1/tools/id/clock/valves')).status, 401);
  });

  test('may be renamed with a history, but other code is refused in words', async () => {
    const tool = await una.ok('GET', '/api/v1/tools/id/clock');
    const form = { id: 'clock', name: 'Watch', content: tool.content, meta: { description: 'shows' } };
    const renamed = await una.ok<{ meta: object }>('POST', '/api/v1/tools/id/clock/update', { json: form });
    assert.deepEqual((renamed.meta as { manifest: object }).manifest, { a: 1 });
    const history = await una.ok<unknown[]>('GET', '/api/v1/tools/id/clock/history');
    assert.equal(history.length, 1);
    const code = await admin.call('POST', '/api/v1/tools/id/clock/update', { json: { ...form, content: 'y = 2' } });
    assert.equal(code.status, 400);
    assert.match(JSON.stringify(code.body), /cannot be run/);
    const flipped = await admin.ok('POST', '/api/v1/functions/id/pipe/toggle');
    assert.equal(flipped.is_active, true);
    assert.deepEqual(await una.ok('GET', '/api/v1/tools/id/clock/valves'), { zone: 'UTC' });
  });
});

test('an upload meant for a knowledge base is linked to it once, and goes with the last base that has it', async () => {
  const form = { name: 'Inbox', description: '' };
  const { id } = await una.ok<Item>('POST', '/api/v1/knowledge/create', { json: form });
  const upload = async (name: string, content: string) => {
    const body = new FormData();
    body.append('file', new Blob([content], { type: 'text/plain' }), name);
    body.append('metadata', JSON.stringify({ knowledge_id: id }));
    const query = { process_in_background: 'false' };
    const made = await una.ok<Item>('POST', '/api/v1/files/', { form: body, query });
    return una.ok<{ id: string; data: { status: string } }>('GET', `/api/v1/files/${made.id}`);
  };
  const first = await upload('a.txt', 'same words');
  const second = await upload('b.txt', 'same words');
  assert.deepEqual([first.data.status, second.data.status], ['completed', 'failed']);
  const files = await una.ok<{ total: number }>('GET', `/api/v1/knowledge/${id}/files`);
  assert.equal(files.total, 1);
  await una.ok('POST', `/api/v1/knowledge/${id}/file/remove`, { json: { file_id: first.id } });
  assert.equal((await una.call('GET', `/api/v1/files/${first.id}`)).status, 404);
});

test('two changes of a skill from one version: the second is told', async () => {
  const skill = { id: 'Paint walls', name: 'Paint walls', content: '# Paint' };
  const made = await una.ok<{ id: string; version_id: string }>('POST', '/api/v1/skills/create', { json: skill });
  assert.equal(made.id, 'paint-walls');
  const url = `/api/v1/skills/id/${made.id}/update`;
  const change = (path: string) => ({
    expected_version_id: made.version_id,
    operations: [{ op: 'put', path, content: 'x' }],
  });
  const answers = await Promise.all(['a.txt', 'b.txt'].map((path) => una.call('POST', url, { json: change(path) })));
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 409]);
  const bad = await una.call('POST', url, {
    json: { ...change('../x'), expected_version_id: undefined },
  });
  assert.equal(bad.status, 400);
});

test('a direct conversation is one for its people, hidden from all others', async () => {
  const ben = await addAccount(admin, 'ben');
  const one = await una.ok<Item>('GET', `/api/v1/channels/users/${ben.id}`);
  const two = await ben.ok<Item>('POST', '/api/v1/channels/create', { json: { type: 'dm', user_ids: [una.id] } });
  assert.equal(two.id, one.id);
  await una.ok('POST', `/api/v1/channels/${one.id}/messages/post`, { json: { content: 'hello' } });
  const [listed] = await ben.ok<{ unread_count: number }[]>('GET', '/api/v1/channels/');
  assert.equal(listed?.unread_count, 1);
  assert.equal((await admin.call('GET', `/api/v1/channels/${one.id}/messages`)).status, 403);
  const all = await admin.ok<Item[]>('GET', '/api/v1/channels/list');
  assert.deepEqual(all, []);
});
