import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { missingDatabase } from './support/databases.ts';
import { startServer, type TestServer } from './support/server.ts';

const everybody = { principal_type: 'user', principal_id: '*', permission: 'read' };
const may = (account: Account, permission = 'read') => ({
  principal_type: 'user',
  principal_id: account.id,
  permission,
});
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

interface Listed {
  id: string;
  name: string;
  info?: { params: Record<string, unknown>; meta: Record<string, unknown> };
  tags: { name: string }[];
}

const form = (id: string, over: Record<string, unknown> = {}) => ({
  id,
  name: id,
  base_model_id: 'hello',
  meta: {},
  params: {},
  ...over,
});

async function list(account: Account): Promise<Listed[]> {
  return (await account.ok<{ data: Listed[] }>('GET', '/api/models')).data;
}

async function ids(account: Account): Promise<string[]> {
  return (await list(account)).map(({ id }) => id);
}

const chat = (model: string) => ({ model, stream: false, messages: [{ role: 'user', content: 'Hi' }] });

for (const kind of ['sqlite', 'postgresql', 'mysql'] as const) {
  const skip = await missingDatabase(kind);
  describe(`models of the workspace on ${kind}`, { skip }, () => {
    let server: TestServer;
    let admin: Account;
    let user: Account;
    const create = (over: ReturnType<typeof form>, account = admin) =>
      account.ok('POST', '/api/v1/models/create', { json: over });

    before(async () => {
      server = await startServer({ database: kind });
      admin = await signUp(server);
      user = await addAccount(admin, 'una');
    });
    after(() => server.stop());

    it('are seen and used by those they are shared with, at once', async () => {
      await create(
        form('pirate', {
          params: { system: 'Arr', temperature: 0.5 },
          base_model_id: 'echo-system',
          meta: { tags: ['sea', ' '] },
        }),
      );
      assert.deepEqual(await ids(user), []);
      await admin.ok('POST', '/api/v1/models/model/access/update', {
        json: { id: 'pirate', access_grants: [may(user)] },
      });
      const [seen] = await list(user);
      assert.deepEqual([seen?.id, seen?.tags, seen?.info?.params], ['pirate', [{ name: 'sea' }], {}]);
      assert.equal((await user.call('POST', '/api/chat/completions', { json: chat('pirate') })).status, 400);
      await admin.ok('POST', '/api/v1/models/model/access/update', {
        json: { id: 'echo-system', access_grants: [everybody] },
      });
      const answer = await user.ok<{ choices: { message: { content: string } }[] }>('POST', '/api/chat/completions', {
        json: chat('pirate'),
      });
      assert.equal(answer.choices[0]?.message.content, 'SYSTEM<<Arr>>');
      await admin.ok('POST', '/api/v1/models/model/access/update', { json: { id: 'pirate', access_grants: [] } });
      assert.deepEqual(await ids(user), ['echo-system']);
    });

    it('change in versions, and one of two changes at a time wins', async () => {
      const first = await create(form('ver', { params: { system: 'one' }, commit_message: 'start' }));
      const change = (system: string) =>
        admin.call('POST', '/api/v1/models/model/update', { json: form('ver', { params: { system } }) });
      const answers = await Promise.all(['two', 'three', 'four', 'five'].map(change));
      const statuses = answers.map(({ status }) => status);
      assert.ok(
        statuses.includes(200) && statuses.every((status) => status === 200 || status === 409),
        statuses.join(),
      );
      const history = await admin.ok<{ id: string; parent_id: string | null }[]>(
        'GET',
        '/api/v1/models/model/history',
        { query: { id: 'ver' } },
      );
      assert.equal(history.length, 1 + statuses.filter((status) => status === 200).length);
      const known = new Set(history.map(({ id }) => id));
      assert.ok(history.every(({ parent_id }) => parent_id === null || known.has(parent_id)));
      const back = await admin.ok('POST', '/api/v1/models/model/update/version', {
        query: { id: 'ver' },
        json: { version_id: String(first.version_id) },
      });
      assert.deepEqual(back.params, { system: 'one' });
    });

    it('are found by name, owner and tag, in any case', async () => {
      await create(form('find-a', { name: 'Ärger 100%', meta: { tags: [{ name: 'Größe' }] } }));
      const find = async (query: Record<string, string>) =>
        (await admin.ok<{ items: { id: string }[] }>('GET', '/api/v1/models/list', { query })).items.map(
          ({ id }) => id,
        );
      assert.deepEqual(await find({ query: 'ärger' }), ['find-a']);
      assert.deepEqual(await find({ query: '100%' }), ['find-a']);
      assert.deepEqual(await find({ query: '1%0' }), []);
      assert.deepEqual(await find({ tag: 'Größe' }), ['find-a']);
      assert.ok((await find({ query: 'ada@' })).includes('find-a'));
    });

    it('import all or nothing', async () => {
      const importing = (models: unknown[]) => admin.call('POST', '/api/v1/models/import', { json: { models } });
      const bad = await importing([
        form('in-1'),
        form('in-2', { meta: { background_image_url: 'https://example.com' } }),
      ]);
      assert.equal(bad.status, 400);
      assert.equal((await admin.call('GET', '/api/v1/models/model', { query: { id: 'in-1' } })).status, 404);
      assert.equal((await importing([form('in-1'), { id: 'bad id' }, form('in-2')])).status, 200);
      assert.equal((await admin.call('GET', '/api/v1/models/model', { query: { id: 'in-2' } })).status, 200);
    });

    it('sync makes the table equal to a list that has to be given', async () => {
      assert.equal((await admin.call('POST', '/api/v1/models/sync', { json: {} })).status, 422);
      const rows = await admin.ok<Record<string, unknown>[]>('GET', '/api/v1/models/all');
      const kept = rows.filter(({ id }) => id === 'ver');
      const after = await admin.ok<{ id: string }[]>('POST', '/api/v1/models/sync', { json: { models: kept } });
      assert.deepEqual(
        after.map(({ id }) => id),
        ['ver'],
      );
    });
  });
}

describe('the list of models', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;

  before(async () => {
    server = await startServer();
    admin = await signUp(server);
    user = await addAccount(admin, 'una');
  });
  after(() => server.stop());

  it('follows overrides, order and defaults as soon as they are stored', async () => {
    await admin.ok('POST', '/api/v1/models/create', {
      json: form('echo', { base_model_id: null, name: 'Parrot', meta: { profile_image_url: PIXEL } }),
    });
    const before = await admin.ok<Record<string, unknown>>('GET', '/api/v1/configs/models');
    await admin.ok('POST', '/api/v1/configs/models', {
      json: {
        ...before,
        MODEL_ORDER_LIST: ['reasoner', 'echo'],
        DEFAULT_MODEL_METADATA: { capabilities: { vision: true } },
      },
    });
    const models = await list(admin);
    assert.deepEqual(
      models.slice(0, 2).map(({ id, name }) => [id, name]),
      [
        ['reasoner', 'reasoner'],
        ['echo', 'Parrot'],
      ],
    );
    assert.equal('profile_image_url' in (models[1]?.info?.meta ?? {}), false);
    assert.ok(
      models.every(({ info }) => (info?.meta.capabilities as { vision?: boolean } | undefined)?.vision === true),
    );
    await admin.ok('POST', '/api/v1/models/model/toggle', { query: { id: 'echo' } });
    assert.ok(!(await ids(admin)).includes('echo'));
    await admin.ok('POST', '/api/v1/configs/models', { json: before });
  });

  it('shows a group what the group may use, as long as one belongs to it', async () => {
    const group = await admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
      json: { name: 'Readers', description: '' },
    });
    const access_grants = [{ principal_type: 'group', principal_id: group.id, permission: 'read' }];
    await admin.ok('POST', '/api/v1/models/model/access/update', { json: { id: 'hello', access_grants } });
    assert.deepEqual(await ids(user), []);
    await admin.ok('POST', `/api/v1/groups/id/${group.id}/users/add`, { json: { user_ids: [user.id] } });
    assert.deepEqual(await ids(user), ['hello']);
    await admin.ok('POST', `/api/v1/groups/id/${group.id}/users/remove`, { json: { user_ids: [user.id] } });
    assert.deepEqual(await ids(user), []);
  });

  it('gives pictures to those who may see the model, the default one to others', async () => {
    await admin.ok('POST', '/api/v1/models/create', { json: form('pic', { meta: { profile_image_url: PIXEL } }) });
    const url = '/api/v1/models/model/profile/image';
    const mine = await admin.call('GET', url, { query: { id: 'pic' } });
    assert.deepEqual([mine.status, mine.headers.get('content-type')], [200, 'image/png']);
    const etag = mine.headers.get('etag') ?? '';
    assert.equal(
      (await admin.call('GET', url, { query: { id: 'pic' }, headers: { 'if-none-match': etag } })).status,
      304,
    );
    const others = await user.call('GET', url, { query: { id: 'pic' } });
    assert.deepEqual([others.status, others.headers.get('location')], [302, '/static/favicon.png']);
    for (const picture of ['javascript:alert(1)', 'data:image/svg+xml;base64,AAAA', '/static/../api/config']) {
      await admin.ok('POST', '/api/v1/models/model/update', {
        json: form('pic', { meta: { profile_image_url: picture } }),
      });
      const served = await admin.call('GET', url, { query: { id: 'pic' } });
      assert.deepEqual([served.status, served.headers.get('location')], [302, '/static/favicon.png'], picture);
    }
  });

  it('refuses files of others as knowledge', async () => {
    const group = await admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
      json: { name: 'Makers', description: '', permissions: { workspace: { models: true } } },
    });
    await admin.ok('POST', `/api/v1/groups/id/${group.id}/users/add`, { json: { user_ids: [user.id] } });
    const text = new FormData();
    text.append('file', new Blob(['secret'], { type: 'text/plain' }), 'secret.txt');
    const file = await admin.ok<{ id: string }>('POST', '/api/v1/files/', { form: text, query: { process: 'false' } });
    const json = form('thief', { meta: { knowledge: [{ type: 'file', id: file.id }] } });
    assert.equal((await user.call('POST', '/api/v1/models/create', { json })).status, 403);
    assert.equal((await admin.call('POST', '/api/v1/models/create', { json })).status, 200);
  });
});
