import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Account, addAccount, signIn, signUp } from './support/client.ts';
import { type DatabaseKind, missingDatabase } from './support/databases.ts';
import { allow, chatDocument, importChats, T0 } from './support/documents.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';

interface ChatBody extends Record<string, unknown> {
  id: string;
  title: string;
  updated_at: number;
  chat: {
    history: { messages: Record<string, Record<string, unknown>>; currentId: string | null };
    params: Record<string, unknown>;
  } & Record<string, unknown>;
}

interface Listed {
  id: string;
  title: string;
  snippet: string | null;
}

const NOBODY = '00000000-0000-4000-8000-000000000000';
const HIDDEN = "We could not find what you're looking for :/";
const titles = (list: Listed[]) => list.map((chat) => chat.title);

for (const kind of ['sqlite', 'postgresql', 'mysql'] satisfies DatabaseKind[]) {
  describe(`chats (${kind})`, { skip: await missingDatabase(kind) }, () => suite(kind));
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

  const open = (account: Account, id: string) => account.ok<ChatBody>('GET', `/api/v1/chats/${id}`);
  const list = (account: Account, query: Record<string, string> = {}) =>
    account.ok<Listed[]>('GET', '/api/v1/chats/', { query });

  test('a new chat has an id of the server, is read by its owner alone, and goes with its tags', async () => {
    const json = { chat: { ...chatDocument('First'), id: 'mine' }, variables: { tone: 'dry' } };
    const made = await una.ok<ChatBody>('POST', '/api/v1/chats/new', { json });
    assert.notEqual(made.id, 'mine');
    const read = await open(una, made.id);
    assert.deepEqual(read.variables, { tone: 'dry' });
    assert.equal(read.chat.share_mode, 'continue');
    assert.deepEqual(read.chat.history.messages.m1?.user, { id: una.id, name: una.name });
    for (const path of [`/api/v1/chats/${made.id}`, `/api/v1/chats/${NOBODY}`]) {
      const { status, body } = await greta.call('GET', path);
      assert.deepEqual([status, body], [401, { detail: HIDDEN }]);
    }
    await una.ok('POST', `/api/v1/chats/${made.id}/tags`, { json: { name: 'Big Science' } });
    assert.deepEqual(await una.ok('GET', '/api/v1/chats/all/tags'), [
      { id: 'big_science', name: 'Big Science', user_id: una.id, meta: null },
    ]);
    assert.equal((await greta.call('DELETE', `/api/v1/chats/${made.id}`)).status, 404);
    assert.equal(await una.ok('DELETE', `/api/v1/chats/${made.id}`), true);
    assert.equal((await una.call('GET', `/api/v1/chats/${made.id}`)).status, 401);
    assert.deepEqual(await una.ok('GET', '/api/v1/chats/all/tags'), []);
  });

  test('the same chat read again and again shows each change', async () => {
    const { id } = await una.ok<ChatBody>('POST', '/api/v1/chats/new', { json: { chat: chatDocument('Steady') } });
    await open(una, id);
    await open(una, id);
    await una.ok('POST', `/api/v1/chats/${id}/messages/m2`, { json: { content: 'changed' } });
    assert.equal((await open(una, id)).chat.history.messages.m2?.content, 'changed');
    await una.ok('PATCH', `/api/v1/chats/${id}/params`, { json: { seed: 7 } });
    assert.deepEqual((await open(una, id)).chat.params, { seed: 7 });
  });

  test('a long chat comes whole, packed or not, and out of the export', async () => {
    const large = chatDocument('Long');
    const content = 'Grüße, “Welt” 😀\n'.repeat(40_000);
    Object.assign(large.history.messages.m2 ?? {}, { content });
    const { id } = await una.ok<ChatBody>('POST', '/api/v1/chats/new', { json: { chat: large } });
    for (const encoding of ['identity', 'gzip', 'br', 'gzip;q=0']) {
      const answer = await una.call('GET', `/api/v1/chats/${id}`, { headers: { 'accept-encoding': encoding } });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-encoding'), /^(?:gzip|br)$/.test(encoding) ? encoding : null);
      assert.equal((answer.body as ChatBody).chat.history.messages.m2?.content, content);
    }
    await una.ok('POST', `/api/v1/chats/${id}/messages/m2`, { json: { content: `${content}!` } });
    assert.equal((await open(una, id)).chat.history.messages.m2?.content, `${content}!`);
    const lines = String((await una.call('GET', '/api/v1/chats/all')).body)
      .trim()
      .split('\n');
    const exported = lines.map((line) => JSON.parse(line) as ChatBody).find((chat) => chat.id === id);
    assert.equal(exported?.chat.history.messages.m2?.content, `${content}!`);
    await una.ok('DELETE', `/api/v1/chats/${id}`);
  });

  test('ids too long for the database are refused, nothing half-stored', async () => {
    const id = 'k'.repeat(300);
    const history = { messages: { [id]: { id, role: 'user', content: 'x' } }, currentId: id };
    const { status } = await una.call('POST', '/api/v1/chats/new', { json: { chat: { title: 'Long id', history } } });
    assert.equal(status, kind === 'mysql' ? 400 : 200);
    const found = await una.ok<Listed[]>('GET', '/api/v1/chats/search', { query: { text: 'long id' } });
    assert.equal(found.length, kind === 'mysql' ? 0 : 1);
  });

  test('a stale tab loses nobody a message', async () => {
    const two = chatDocument('Merged');
    const { Merged: id = '' } = await importChats(una, [{ chat: two }]);
    const path = `/api/v1/chats/${id}`;
    const four = chatDocument('Merged', [
      ['user', 'Hi'],
      ['assistant', 'Hello'],
      ['user', 'More'],
      ['assistant', 'Yes'],
    ]);
    const moved = await una.ok<ChatBody>('POST', path, { json: { chat: { history: four.history } } });
    assert.ok(moved.updated_at > T0 + 1_000);
    const edited = { m1: { ...two.history.messages.m1, content: 'Hi, edited' } };
    const stale = { history: { messages: edited, currentId: 'm2' } };
    const merged = await una.ok<ChatBody>('POST', path, { json: { chat: stale } });
    assert.deepEqual(Object.keys(merged.chat.history.messages), ['m1', 'm2', 'm3', 'm4']);
    assert.equal(merged.chat.history.messages.m1?.content, 'Hi, edited');
    assert.deepEqual(merged.chat.history.messages.m2?.childrenIds, ['m3']);
    const quiet = await una.ok<ChatBody>('POST', path, { json: { chat: { models: ['echo'] } } });
    assert.equal(quiet.updated_at, merged.updated_at);
  });

  test('messages are deleted with their answers, the rest moves up', async () => {
    const lines = chatDocument('Cut', [
      ['user', 'Q1'],
      ['assistant', 'A1'],
      ['user', 'Q2'],
      ['assistant', 'A2'],
      ['user', 'Q3'],
    ]);
    const { Cut: id = '' } = await importChats(una, [{ chat: lines }]);
    const socket = await connectSocket(server.base, una);
    try {
      const after = await una.ok<ChatBody>('DELETE', `/api/v1/chats/${id}/messages/m3`);
      assert.deepEqual(Object.keys(after.chat.history.messages), ['m1', 'm2', 'm5']);
      assert.equal(after.chat.history.messages.m5?.parentId, 'm2');
      await una.ok('POST', `/api/v1/chats/${id}/messages/m5/event`, {
        json: { type: 'status', data: { description: 'Looking' } },
      });
      await socket.wait((name, event) => name === 'events' && (event as { chat_id: string }).chat_id === id);
      const m5 = (await open(una, id)).chat.history.messages.m5;
      assert.deepEqual(m5?.statusHistory, [{ description: 'Looking' }]);
      const bad = await greta.call('POST', `/api/v1/chats/${id}/messages/m1`, { json: { content: 'forged' } });
      assert.equal(bad.status, 401);
    } finally {
      socket.close();
    }
  });

  test('lists are paged, sorted, and leave out what is put away', async () => {
    const user = await addAccount(admin, 'lister');
    const many = Array.from({ length: 62 }, (_, index) => ({
      chat: chatDocument(`Chat ${String(index).padStart(2, '0')}`),
    }));
    const ids = await importChats(user, [
      ...many,
      { chat: chatDocument('Pinned'), pinned: true },
      { chat: chatDocument('Shelved 100%'), archived: true },
      { chat: chatDocument('Hidden'), meta: { internal: true, type: 'timer', tags: ['kept'] } },
    ]);
    assert.deepEqual(titles(await list(user, { page: '1' })).slice(0, 2), ['Hidden', 'Chat 61']);
    assert.equal((await list(user, { page: '1' })).length, 60);
    assert.deepEqual(titles(await list(user, { page: '2' })), ['Chat 02', 'Chat 01', 'Chat 00']);
    assert.equal((await list(user)).length, 63);
    assert.equal((await list(user, { page: '-3' })).length, 60);
    assert.equal((await list(user, { include_pinned: 'true' })).length, 64);
    assert.equal(titles(await list(user, { page: '1', sort_by: 'title', sort_dir: 'asc' }))[0], 'Chat 00');
    assert.deepEqual(titles(await user.ok('GET', '/api/v1/chats/pinned')), ['Pinned']);
    const archived = (query: Record<string, string>) => user.call('GET', '/api/v1/chats/archived', { query });
    assert.deepEqual(titles((await archived({ query: 'shelved 100%' })).body as Listed[]), ['Shelved 100%']);
    assert.deepEqual((await archived({ query: '1_0%' })).body, []);
    assert.equal((await archived({ order_by: 'chat', direction: 'asc' })).status, 400);
    assert.equal((await archived({ order_by: 'title', direction: 'sideways' })).status, 400);
    await user.ok('POST', `/api/v1/chats/${ids['Chat 00']}/pin`);
    assert.equal(titles(await user.ok('GET', '/api/v1/chats/pinned'))[0], 'Chat 00');
    await user.ok('POST', '/api/v1/chats/archive/all');
    assert.equal(await user.ok('GET', '/api/v1/chats/archived/count'), 65);
    assert.equal(await user.ok('DELETE', '/api/v1/chats/'), true);
    assert.deepEqual(await user.ok('GET', '/api/v1/chats/all/tags'), []);
  });

  test('search finds words in titles and messages, in every script', async () => {
    const user = await addAccount(admin, 'seeker');
    await importChats(user, [
      {
        chat: chatDocument('Walnut recipes', [
          ['user', 'How?'],
          ['assistant', 'With an oven.'],
        ]),
      },
      {
        chat: chatDocument('Split', [
          ['user', 'I like cake.'],
          ['assistant', 'A walnut is a nut.'],
        ]),
      },
      { chat: chatDocument('Exact', [['user', 'the "walnut cake" of ÜBUNG \\ more']]) },
      { chat: chatDocument('Blocks', [['user', [{ type: 'text', text: 'hazelnut' }]]]), meta: { tags: ['a_b'] } },
      { chat: chatDocument('Shelved walnut'), archived: true },
    ]);
    const find = async (text: string) =>
      titles(await user.ok<Listed[]>('GET', '/api/v1/chats/search', { query: { text } }));
    assert.deepEqual(await find('WALNUT cake'), ['Exact', 'Split']);
    assert.deepEqual(await find('übung'), ['Exact']);
    assert.deepEqual(await find('"walnut'), ['Exact', 'Split', 'Walnut recipes']);
    assert.deepEqual(await find('übung \\ more'), ['Exact']);
    assert.deepEqual(await find('hazelnut'), ['Blocks']);
    assert.deepEqual(await find('100%'), []);
    assert.deepEqual(await find('tag:a_b'), ['Blocks']);
    assert.deepEqual(await find('tag:none recipes'), ['Walnut recipes']);
    assert.deepEqual(await find('archived:true walnut'), ['Shelved walnut']);
    assert.equal((await find('  ')).length, 4);
    const [exact] = await user.ok<Listed[]>('GET', '/api/v1/chats/search', { query: { text: 'übung' } });
    assert.match(exact?.snippet ?? '', /ÜBUNG/);
    const { Old: old = '' } = await importChats(user, [{ chat: chatDocument('Old') }]);
    await user.ok('POST', `/api/v1/chats/${old}`, { json: { chat: { title: 'Older' } } });
    assert.deepEqual(await find('older'), ['Older']);
  });

  test('a link shows a snapshot to those it was given to, or the chat itself in reply mode', async () => {
    const chat = chatDocument('Shared', [], { params: { system: 'secret' }, tool_ids: ['t'] });
    const { Shared: id = '' } = await importChats(una, [{ chat, variables: { a: 1 } }]);
    const { share_id } = await una.ok<{ share_id: string }>('POST', `/api/v1/chats/${id}/share`);
    const link = `/api/v1/chats/share/${share_id}`;
    const grant = [{ principal_type: 'user', principal_id: greta.id, permission: 'read' }];
    const access = `/api/v1/chats/shared/${id}/access/update`;
    assert.equal((await greta.call('GET', link)).status, 401);
    await una.ok('POST', access, { json: { access_grants: grant } });
    const seen = await greta.ok<ChatBody>('GET', link);
    assert.equal(seen.id, share_id);
    assert.deepEqual([seen.variables, seen.chat.params, seen.chat.tool_ids], [{}, undefined, undefined]);
    await una.ok('POST', `/api/v1/chats/${id}`, { json: { chat: { title: 'Renamed' } } });
    assert.equal((await greta.ok<ChatBody>('GET', link)).title, 'Shared');
    assert.equal((await greta.call('GET', `/api/v1/chats/${id}`)).status, 401);

    await una.ok('POST', access, { json: { access_grants: grant, share_mode: 'continue' } });
    assert.equal((await greta.ok<ChatBody>('GET', link)).id, id);
    const live = await open(greta, id);
    assert.deepEqual([live.title, live.chat.share_mode, live.chat.params], ['Renamed', 'continue', undefined]);
    assert.equal((await greta.call('POST', `/api/v1/chats/${id}`, { json: { chat: { title: 'Mine' } } })).status, 401);
    const socket = await connectSocket(server.base, greta);
    try {
      const join = { chat_id: id, data: { type: 'join' } };
      assert.equal(await socket.raw.timeout(5_000).emitWithAck('events:chat', join), true);
      const gone = socket.wait((name, event) => name === 'events' && isAccess(event));
      assert.equal(await una.ok('DELETE', `/api/v1/chats/${id}/share`), true);
      await gone;
      assert.equal(await socket.raw.timeout(5_000).emitWithAck('events:chat', join), false);
    } finally {
      socket.close();
    }
    assert.equal((await greta.call('GET', link)).status, 401);
  });

  test('a fork is one branch with its own chat, a clone a copy', async () => {
    const chat = chatDocument('Tree', [
      ['user', 'Q1'],
      ['assistant', 'A1', { annotation: { rating: 1 } }],
      ['user', 'Q2'],
    ]);
    const { Tree: id = '' } = await importChats(una, [
      { chat, meta: { tags: ['x'] }, variables: { v: 1 }, pinned: true },
    ]);
    const fork = await una.ok<ChatBody>('POST', `/api/v1/chats/${id}/fork`, { json: { message_id: 'm2' } });
    assert.deepEqual(Object.keys(fork.chat.history.messages), ['m1', 'm2']);
    assert.deepEqual(fork.chat.history.messages.m2?.annotation, { rating: 1 });
    assert.deepEqual([fork.title, fork.pinned, fork.variables], ['Tree (fork)', true, { v: 1 }]);
    assert.deepEqual(fork.meta, { tags: ['x'], forked_from: id, forked_from_message_id: 'm2' });
    assert.equal((await una.call('POST', `/api/v1/chats/${id}/fork`, { json: { message_id: 'zz' } })).status, 404);
    assert.equal((await greta.call('POST', `/api/v1/chats/${id}/fork`)).status, 401);
    const clone = await una.ok<ChatBody>('POST', `/api/v1/chats/${id}/clone`, { json: {} });
    assert.deepEqual([clone.title, clone.chat.originalChatId, clone.meta], ['Clone of Tree', id, { tags: ['x'] }]);
    assert.equal((await greta.call('POST', `/api/v1/chats/${id}/clone`, { json: {} })).status, 401);
  });

  test('imports plant nothing the server alone may set, and exports give all back', async () => {
    const user = await addAccount(admin, 'mover');
    const meta = { internal: true, type: 'timer', status: 'pending', parent_chat_id: 'x', tags: ['t'] };
    await importChats(user, [
      { chat: chatDocument('One'), meta },
      { chat: chatDocument('Two'), archived: true },
    ]);
    const lines = (await user.ok<string>('GET', '/api/v1/chats/all')).trim().split('\n');
    const chats = lines.map((line) => JSON.parse(line) as ChatBody);
    assert.deepEqual(titles(chats as unknown as Listed[]), ['Two', 'One']);
    assert.deepEqual(chats[1]?.meta, { tags: ['t'] });
    assert.equal((await user.call('POST', '/api/v1/chats/import', { json: { chats: [{ title: 'x' }] } })).status, 422);
    assert.deepEqual(await user.ok('POST', '/api/v1/chats/import', { json: { chats: [] } }), []);
  });

  test('administrators see every chat, others never', async () => {
    const { Private: id = '' } = await importChats(una, [{ chat: chatDocument('Private') }]);
    for (const path of ['/api/v1/chats/all/db', `/api/v1/chats/list/user/${admin.id}`, '/api/v1/chats/config']) {
      assert.equal((await una.call('GET', path)).status, 401, path);
    }
    const all = await admin.ok<ChatBody[]>('GET', '/api/v1/chats/all/db');
    assert.ok(all.some((chat) => chat.id === id));
    assert.equal((await open(admin, id)).chat.share_mode, null);
    assert.equal((await admin.call('POST', `/api/v1/chats/${id}/pin`)).status, 401);
    assert.equal((await admin.call('POST', `/api/v1/chats/${id}`, { json: { chat: { title: 'x' } } })).status, 401);
    assert.equal(await admin.ok('DELETE', `/api/v1/chats/${id}`), true);
  });

  test('the chats of an account go with it', async () => {
    const leaver = await addAccount(admin, 'leaver');
    const { Gone: id = '' } = await importChats(leaver, [{ chat: chatDocument('Gone'), meta: { tags: ['t'] } }]);
    await leaver.ok('POST', `/api/v1/chats/${id}/share`);
    assert.equal((await admin.call('GET', `/api/v1/chats/${id}`)).status, 200);
    await admin.ok('DELETE', `/api/v1/users/${leaver.id}`);
    assert.equal((await admin.call('GET', `/api/v1/chats/${id}`)).status, 401);
  });

  test('unread chats count in their folder and all above it, until they are read', async () => {
    const user = await addAccount(admin, 'reader');
    const top = await user.ok<{ id: string }>('POST', '/api/v1/folders/', { json: { name: 'Top' } });
    const sub = await user.ok<{ id: string }>('POST', '/api/v1/folders/', { json: { name: 'Sub', parent_id: top.id } });
    const { In: id = '' } = await importChats(user, [{ chat: chatDocument('In'), folder_id: sub.id }]);
    const marked = await user.ok('POST', `/api/v1/chats/${id}/unread`);
    assert.deepEqual(marked.folder_unread_counts, { [top.id]: 1, [sub.id]: 1 });
    const socket = await connectSocket(server.base, user);
    try {
      socket.raw.emit('events:chat', { chat_id: id, data: { type: 'last_read_at' } });
      const [, event] = await socket.wait((name, sent) => name === 'events' && isList(sent));
      const told = (event as { data: { data: Record<string, unknown> } }).data.data;
      assert.deepEqual(told.folder_unread_counts, { [top.id]: 0, [sub.id]: 0 });
    } finally {
      socket.close();
    }
  });

  test('a shared folder opens its chats to its readers, replies where it says so', async () => {
    await allow(admin, (permissions) => {
      if (permissions.sharing) permissions.sharing.folders = true;
    });
    const folder = await una.ok<{ id: string }>('POST', '/api/v1/folders/', { json: { name: 'Project' } });
    const { Plan: id = '' } = await importChats(una, [{ chat: chatDocument('Plan'), folder_id: folder.id }]);
    assert.equal((await greta.call('GET', `/api/v1/chats/${id}`)).status, 401);
    const path = `/api/v1/folders/${folder.id}`;
    const grants = [{ principal_type: 'user', principal_id: greta.id, permission: 'read' }];
    await una.ok('POST', `${path}/access/update`, { json: { access_grants: grants } });
    assert.equal((await open(greta, id)).chat.share_mode, null);
    await una.ok('POST', `${path}/access/update`, { json: { access_grants: grants, share_mode: 'continue' } });
    assert.equal((await open(greta, id)).chat.share_mode, 'continue');
    const everyone = [{ principal_type: 'user', principal_id: '*', permission: 'read' }];
    assert.equal((await una.call('POST', `${path}/access/update`, { json: { access_grants: everyone } })).status, 403);
    const shared = await greta.ok<{ chats: { title: string; participants: { name: string }[] }[] }>(
      'GET',
      `${path}/shared/chats`,
    );
    assert.deepEqual(
      shared.chats.map((chat) => [chat.title, chat.participants[0]?.name]),
      [['Plan', una.name]],
    );
    assert.equal((await greta.call('DELETE', path)).status, 403);
    assert.equal(await una.ok('DELETE', path), true);
    assert.equal((await una.call('GET', `/api/v1/chats/${id}`)).status, 401);
  });
}

function isAccess(event: unknown): boolean {
  return (event as { data?: { type?: string } }).data?.type === 'chat:access';
}

function isList(event: unknown): boolean {
  return (event as { data?: { type?: string } }).data?.type === 'chat:list';
}

test('the chats of a data folder of 0.12.4 are listed, opened and searched', async () => {
  const fixture = new URL('../../shared/fixtures/data-0.12.4', import.meta.url).pathname;
  await using server = await startServer({ fixture, provider: null });
  const ada = await signIn(server, 'ada@example.com', 'Correct-horse-1');
  const listed = await ada.ok<Listed[]>('GET', '/api/v1/chats/');
  assert.equal(listed.length, 5);
  for (const { id, title } of listed) {
    const chat = await ada.ok<ChatBody>('GET', `/api/v1/chats/${id}`);
    assert.equal(chat.title, title);
    const { messages, currentId } = chat.chat.history;
    assert.ok(currentId && messages[currentId], `${title} has a current message`);
    assert.deepEqual(await ada.ok<ChatBody>('GET', `/api/v1/chats/${id}`), chat);
  }
  assert.deepEqual(titles(await ada.ok('GET', '/api/v1/chats/search', { query: { text: 'fail please' } })), [
    'Fail please',
  ]);
  const tagged = await ada.ok<Listed[]>('POST', '/api/v1/chats/tags', { json: { name: 'science' } });
  assert.equal(tagged.length, 3);
});
