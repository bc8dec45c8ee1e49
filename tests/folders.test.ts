import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { type DatabaseKind, missingDatabase } from './support/databases.ts';
import { allow, chatDocument, importChats } from './support/documents.ts';
import { startServer, type TestServer } from './support/server.ts';

interface FolderBody {
  id: string;
  name: string;
  parent_id: string | null;
  user_id: string;
  data: Record<string, unknown> | null;
  permission?: string;
}

for (const kind of ['sqlite', 'postgresql', 'mysql'] satisfies DatabaseKind[]) {
  describe(`folders (${kind})`, { skip: await missingDatabase(kind) }, () => suite(kind));
}

function suite(kind: DatabaseKind): void {
  let server: TestServer;
  let admin: Account;
  let una: Account;
  let walt: Account;
  let xeno: Account;
  before(async () => {
    server = await startServer({ database: kind });
    admin = await signUp(server);
    una = await addAccount(admin, 'una');
    walt = await addAccount(admin, 'walt');
    xeno = await addAccount(admin, 'xeno');
    await allow(admin, (permissions) => {
      if (permissions.sharing) permissions.sharing.folders = true;
    });
  });
  after(() => server?.stop());

  const make = (account: Account, json: Record<string, unknown>) =>
    account.ok<FolderBody>('POST', '/api/v1/folders/', { json });
  const names = async (account: Account) =>
    (await account.ok<FolderBody[]>('GET', '/api/v1/folders/')).map((folder) => folder.name).sort();

  test('a name is there once among siblings, whatever its case', async () => {
    const top = await make(una, { name: '100%' });
    for (const name of ['100%', 'Ünter', 'ünTER']) {
      const answer = await una.call('POST', '/api/v1/folders/', { json: { name, parent_id: top.id } });
      assert.equal(answer.status, name === 'ünTER' ? 400 : 200, name);
    }
    assert.equal((await una.call('POST', '/api/v1/folders/', { json: { name: '100x' } })).status, 200);
    assert.equal((await una.call('POST', '/api/v1/folders/', { json: { name: 'x', colour: 'red' } })).status, 422);
  });

  test('a folder is moved only where it stays in the tree', async () => {
    const [a, foreign] = [await make(una, { name: 'A' }), await make(xeno, { name: 'Foreign' })];
    const b = await make(una, { name: 'B', parent_id: a.id });
    const move = (parent_id: string | null) =>
      una.call('POST', `/api/v1/folders/${a.id}/update/parent`, { json: { parent_id } });
    assert.equal((await move(a.id)).status, 400);
    assert.equal((await move(b.id)).status, 400);
    assert.equal((await move(foreign.id)).status, 404);
    assert.equal((await move('nowhere')).status, 404);
    assert.equal((await move(null)).status, 200);
    assert.equal((await xeno.call('POST', `/api/v1/folders/${a.id}/update/parent`, { json: {} })).status, 404);
    assert.equal(
      (await xeno.call('POST', `/api/v1/folders/${a.id}/update/expanded`, { json: { is_expanded: true } })).status,
      404,
    );
  });

  test('members are laid over, files must be readable', async () => {
    const folder = await make(una, { name: 'Data', data: { system_prompt: 'Brief.', own: 1 } });
    const path = `/api/v1/folders/${folder.id}/update`;
    const changed = await una.ok<FolderBody>('POST', path, { json: { data: { system_prompt: 'Long.' }, meta: null } });
    assert.deepEqual(changed.data, { system_prompt: 'Long.', own: 1 });
    const form = new FormData();
    form.append('file', new Blob(['text'], { type: 'text/plain' }), 'a.txt');
    const file = await xeno.ok<{ id: string }>('POST', '/api/v1/files/', { form, query: { process: 'false' } });
    const files = { data: { files: [{ type: 'file', id: file.id }] } };
    assert.equal((await una.call('POST', path, { json: files })).status, 403);
    assert.equal((await una.call('POST', path, { json: { data: { files: 'x' } } })).status, 403);
    const own = await make(xeno, { name: 'Own', ...files });
    await xeno.ok('DELETE', `/api/v1/files/${file.id}`);
    await xeno.ok('GET', '/api/v1/folders/');
    const after = await xeno.ok<FolderBody>('GET', `/api/v1/folders/${own.id}`);
    assert.deepEqual(after.data, { files: [] });
  });

  test('a writer adds to a shared tree, which stays its owner’s', async () => {
    const project = await make(una, { name: 'Project' });
    const inner = await make(una, { name: 'Inner', parent_id: project.id });
    const path = `/api/v1/folders/${project.id}`;
    const grants = ['read', 'write'].map((permission) => ({
      principal_type: 'user',
      principal_id: walt.id,
      permission,
    }));
    await una.ok('POST', `${path}/access/update`, { json: { access_grants: grants } });
    const added = await make(walt, { name: 'Added', parent_id: inner.id });
    assert.equal(added.user_id, una.id);
    assert.equal(
      (await xeno.call('POST', '/api/v1/folders/', { json: { name: 'No', parent_id: inner.id } })).status,
      403,
    );
    const shared = await walt.ok<FolderBody[]>('GET', '/api/v1/folders/shared');
    assert.deepEqual(
      shared.map((folder) => [folder.name, folder.permission]),
      [
        ['Project', 'write'],
        ['Inner', 'write'],
        ['Added', 'write'],
      ],
    );
    const mode = { data: { share_mode: 'continue' } };
    assert.equal((await walt.call('POST', `${path}/update`, { json: mode })).status, 403);
    const chat = { chat: chatDocument('Walt’s'), folder_id: inner.id };
    const { id } = await walt.ok<{ id: string }>('POST', '/api/v1/chats/new', { json: chat });
    const refile = (folder_id: string | null) =>
      una.call('POST', `/api/v1/chats/${id}/folder`, { json: { folder_id } });
    assert.equal((await refile(null)).status, 401);
    assert.equal((await refile(project.id)).status, 200);
    const other = await make(una, { name: 'Elsewhere' });
    assert.equal((await refile(other.id)).status, 401);
    const renamed = await una.ok<{ title: string }>('POST', `/api/v1/chats/${id}`, {
      json: { chat: { title: ' New ' } },
    });
    assert.equal(renamed.title, 'New');
    assert.equal((await xeno.call('GET', `${path}/shared/chats`)).status, 403);

    assert.equal(await una.ok('DELETE', path), true);
    const kept = await walt.ok<{ folder_id: string | null }>('GET', `/api/v1/chats/${id}`);
    assert.equal(kept.folder_id, null);
    assert.ok(!(await names(una)).some((name) => ['Project', 'Inner', 'Added'].includes(name)));
  });

  test('deleting a folder takes its chats along, or leaves them', async () => {
    const user = await addAccount(admin, 'tidy');
    const [gone, kept] = [await make(user, { name: 'Gone' }), await make(user, { name: 'Kept' })];
    await importChats(user, [
      { chat: chatDocument('In gone'), folder_id: gone.id, meta: { tags: ['t'] } },
      { chat: chatDocument('In kept'), folder_id: kept.id },
    ]);
    await user.ok('DELETE', `/api/v1/folders/${gone.id}`);
    await user.ok('DELETE', `/api/v1/folders/${kept.id}`, { query: { delete_contents: 'false' } });
    const left = await user.ok<{ title: string }[]>('GET', '/api/v1/chats/');
    assert.deepEqual(
      left.map((chat) => chat.title),
      ['In kept'],
    );
    assert.deepEqual(await user.ok('GET', '/api/v1/chats/all/tags'), []);
    assert.deepEqual(await names(user), []);
  });

  test('folders that lost their way come back at the root', async () => {
    const user = await addAccount(admin, 'lost');
    await make(user, { name: 'Stray', parent_id: 'gone' });
    const listed = await user.ok<FolderBody[]>('GET', '/api/v1/folders/');
    assert.deepEqual([listed[0]?.name, listed[0]?.parent_id], ['Stray', null]);
  });
}
