import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { type DatabaseKind, missingDatabase } from './support/databases.ts';
import { allow, chatDocument, importChats } from './support/documents.ts';
import { startServer, type TestServer } from './support/server.ts';

interface Found {
  items: {
    id: string;
    title: string;
    context: string;
    url: string;
    shared: boolean;
    pinned: boolean;
    snippet: string;
  }[];
  has_more: boolean;
  scopes: { id: string; name: string }[];
}

for (const kind of ['sqlite', 'postgresql', 'mysql'] satisfies DatabaseKind[]) {
  describe(`search over everything (${kind})`, { skip: await missingDatabase(kind) }, () => suite(kind));
}

function suite(kind: DatabaseKind): void {
  let server: TestServer;
  let admin: Account;
  let una: Account;
  let greta: Account;
  before(async () => {
    server = await startServer({ database: kind });
    admin = await signUp(server);
    una = await addAccount(admin, 'una');
    greta = await addAccount(admin, 'greta');
  });
  after(() => server?.stop());

  const search = (account: Account, query: Record<string, string>) =>
    account.ok<Found>('GET', '/api/v1/search', { query });
  const brief = (found: Found) => found.items.map(({ title, context }) => `${title} | ${context}`);

  test('titles come first, then what is newest; hidden and shelved chats never', async () => {
    await importChats(una, [
      { chat: chatDocument('About roses') },
      { chat: chatDocument('Roses') },
      { chat: chatDocument('Garden', [['user', 'Do ROSES like Übermut?']]) },
      { chat: chatDocument('Shelved roses'), archived: true },
    ]);
    const note = { title: 'Soil', data: { content: { md: 'roses like it', html: '', json: null } } };
    await una.ok('POST', '/api/v1/notes/create', { json: note });
    const found = await search(una, { q: 'roses' });
    assert.deepEqual(brief(found), [
      'Roses | Personal chat',
      'About roses | Personal chat',
      'Soil | Personal note',
      'Garden | Personal chat',
    ]);
    assert.match(found.items[3]?.url ?? '', /\?message=m1$/);
    assert.deepEqual(brief(await search(una, { q: 'übermut roses' })), ['Garden | Personal chat']);
    assert.deepEqual(brief(await search(una, { q: '100%' })), []);
    assert.deepEqual(brief(await search(greta, { q: 'roses' })), []);
  });

  test('pages follow each other without gaps', async () => {
    const user = await addAccount(admin, 'pager');
    await importChats(
      user,
      Array.from({ length: 30 }, (_, index) => ({ chat: chatDocument(`Chat ${index}`, [['user', 'needle']]) })),
    );
    const [one, two] = [await search(user, { q: 'needle' }), await search(user, { q: 'needle', page: '2' })];
    assert.deepEqual([one.items.length, one.has_more, two.items.length, two.has_more], [24, true, 6, false]);
    assert.equal(new Set([...one.items, ...two.items].map((item) => item.id)).size, 30);
  });

  test('others find what they were given, as it was given', async () => {
    await allow(admin, (permissions) => {
      if (permissions.sharing) permissions.sharing.folders = true;
    });
    const folder = await una.ok<{ id: string }>('POST', '/api/v1/folders/', { json: { name: 'Project' } });
    const below = { name: 'Below', parent_id: folder.id };
    const inner = await una.ok<{ id: string }>('POST', '/api/v1/folders/', { json: below });
    const ids = await importChats(una, [
      { chat: chatDocument('Tulip in a folder'), folder_id: inner.id },
      { chat: chatDocument('Tulip to reply') },
      { chat: chatDocument('Tulip as it was') },
    ]);
    const grants = [{ principal_type: 'user', principal_id: greta.id, permission: 'read' }];
    await una.ok('POST', `/api/v1/folders/${folder.id}/access/update`, { json: { access_grants: grants } });
    for (const [title, mode] of [
      ['Tulip to reply', 'continue'],
      ['Tulip as it was', null],
    ] as const) {
      await una.ok('POST', `/api/v1/chats/${ids[title]}/share`, { json: { share_mode: mode } });
      await una.ok('POST', `/api/v1/chats/shared/${ids[title]}/access/update`, { json: { access_grants: grants } });
    }
    await una.ok('POST', `/api/v1/chats/${ids['Tulip as it was']}`, { json: { chat: { title: 'Daffodil' } } });
    const found = await search(greta, { q: 'tulip' });
    assert.deepEqual(brief(found).toSorted(), [
      'Tulip as it was | Shared snapshot',
      'Tulip in a folder | Below',
      'Tulip to reply | Shared chat',
    ]);
    assert.ok(found.items.every((item) => item.shared));
    assert.deepEqual(
      found.scopes.map((scope) => scope.name),
      ['Below', 'Project'],
    );
    assert.deepEqual(brief(await search(greta, { q: 'tulip', scope: `folder:${folder.id}` })), [
      'Tulip in a folder | Below',
    ]);
    assert.deepEqual(brief(await search(greta, { q: 'tulip', sharing: 'mine' })), []);
    assert.equal((await search(una, { q: 'tulip in', sharing: 'mine' })).items[0]?.shared, true);
    const unknown = await search(greta, { q: 'tulip', scope: 'folder:none' });
    assert.deepEqual(unknown.items, []);
  });
}
