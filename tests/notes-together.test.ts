import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as Y from 'yjs';
import { type Account, addAccount, signUp } from './support/client.ts';
import { type DatabaseKind, freshDatabase, missingDatabase } from './support/databases.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

interface Variant {
  name: string;
  database: DatabaseKind;
  processes: 1 | 2;
}

const variants: Variant[] = [
  { name: 'SQLite', database: 'sqlite', processes: 1 },
  { name: 'MariaDB', database: 'mysql', processes: 1 },
  { name: 'PostgreSQL, two processes', database: 'postgresql', processes: 2 },
];

const named = <T>(socket: TestSocket, name: string) =>
  socket.received.filter(([one]) => one === name).map(([, payload]) => payload as T);
const ask = (socket: TestSocket, event: string, payload: object) =>
  socket.raw.timeout(10_000).emitWithAck(event, payload);

function textOf(...updates: number[][]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, Uint8Array.from(update));
  return doc.getText('t').toString();
}

function edit(before: number[] | null, at: number, text: string): number[] {
  const doc = new Y.Doc();
  if (before) Y.applyUpdate(doc, Uint8Array.from(before));
  const known = Y.encodeStateVector(doc);
  doc.getText('t').insert(at, text);
  return [...Y.encodeStateAsUpdate(doc, known)];
}

for (const { name, database, processes } of variants) {
  describe(`writing in a note together on ${name}`, { skip: await missingDatabase(database) }, () => {
    let servers: TestServer[] = [];
    let drop: (() => Promise<void>) | undefined;
    let admin: Account;
    before(async () => {
      const env: Record<string, string> = {};
      if (database !== 'sqlite') {
        const fresh = await freshDatabase(database);
        env.DATABASE_URL = fresh.url;
        drop = fresh.drop;
      }
      for (let started = 0; started < processes; started += 1) {
        servers.push(await startServer({ provider: null, env }));
      }
      const [first] = servers;
      assert.ok(first);
      admin = await signUp(first);
      await admin.ok('POST', '/api/v1/users/default/permissions', {
        json: { ...(await admin.ok('GET', '/api/v1/users/default/permissions')), sharing: { notes: true } },
      });
    });
    after(async () => {
      await Promise.all(servers.map((server) => server.stop()));
      servers = [];
      await drop?.();
    });
    const place = (index: number): string => servers[index % servers.length]?.base ?? '';

    it('merges what two write, keeps it in the note, and forgets it when all have left', async () => {
      const other = await addAccount(admin, 'writer');
      const grants = ['read', 'write'].map((permission) => ({
        principal_type: 'user',
        principal_id: other.id,
        permission,
      }));
      const note = await admin.ok<{ id: string }>('POST', '/api/v1/notes/create', {
        json: { title: 'Together', data: { content: { md: 'seed' }, kept: 1 }, access_grants: grants },
      });
      const document = { document_id: `note:${note.id}` };
      const [a, b] = [await connectSocket(place(0), admin), await connectSocket(place(1), other)];
      await ask(a, 'ydoc:document:join', document);
      type State = { state: number[]; content: unknown };
      assert.deepEqual(named<State>(a, 'ydoc:document:state')[0], {
        ...document,
        state: [0, 0],
        content: { md: 'seed' },
      });

      const seed = edit(null, 0, 'Hello');
      assert.deepEqual(await ask(a, 'ydoc:document:update', { ...document, update: seed, initialize: true }), seed);
      await ask(b, 'ydoc:document:join', { document_id: `note_${note.id}`, user_name: 'Bea' });
      const state = named<State>(b, 'ydoc:document:state')[0]?.state ?? [];
      assert.equal(textOf(state), 'Hello');
      await until(() => named(a, 'ydoc:user:joined').length === 1);

      const late = await ask(b, 'ydoc:document:update', {
        ...document,
        update: edit(null, 0, 'other'),
        initialize: true,
      });
      assert.equal(textOf(late), 'Hello');
      const delta = edit(state, 5, ' world');
      await ask(b, 'ydoc:document:update', { ...document, update: delta });
      await until(() => named(a, 'ydoc:document:update').length === 1);
      assert.equal(
        textOf(seed, named<{ update: number[] }>(a, 'ydoc:document:update')[0]?.update ?? []),
        'Hello world',
      );
      assert.equal(named(b, 'ydoc:document:update').length, 0);

      // Binary is as good as numbers, and nonsense is not passed on.
      await ask(a, 'ydoc:document:update', { ...document, update: Buffer.from(edit(state, 0, '>')) });
      for (const update of [[1, 2, 3, 255], [-1], 'text', { a: 1 }]) {
        await ask(a, 'ydoc:document:update', { ...document, update });
      }
      await ask(a, 'ydoc:document:state', document);
      assert.equal(textOf(named<State>(a, 'ydoc:document:state').at(-1)?.state ?? []), '>Hello world');
      await until(() => named(b, 'ydoc:document:update').length === 1);

      await ask(a, 'ydoc:document:update', { ...document, data: { content: { md: '>Hello world' } } });
      a.close();
      b.close();
      const data = async () =>
        (await admin.ok<{ data: Record<string, unknown> }>('GET', `/api/v1/notes/${note.id}`)).data;
      await until(async () => (await data()).kept === 1 && JSON.stringify(await data()).includes('>Hello world'));
      const again = await connectSocket(place(1), admin);
      await until(async () => {
        await ask(again, 'ydoc:document:join', document);
        const last = named<State>(again, 'ydoc:document:state').at(-1);
        return JSON.stringify(last?.state) === '[0,0]';
      });
      again.close();
    });

    it('lets a reader listen only, and nobody once the note is taken away', async () => {
      const reader = await addAccount(admin, 'reader');
      const grant = { principal_type: 'user', principal_id: reader.id, permission: 'read' };
      const note = await admin.ok<{ id: string }>('POST', '/api/v1/notes/create', {
        json: { title: 'Mine', data: { content: { md: 'keep' } }, access_grants: [grant] },
      });
      const document = { document_id: `note:${note.id}` };
      const [a, r] = [await connectSocket(place(0), admin), await connectSocket(place(1), reader)];
      for (const socket of [a, r]) await ask(socket, 'ydoc:document:join', document);
      await ask(r, 'join-note', { note_id: note.id, auth: { token: reader.token } });
      const update = edit(null, 0, 'reader');
      assert.equal(
        await ask(r, 'ydoc:document:update', { ...document, update, data: { content: { md: 'x' } } }),
        undefined,
      );
      await ask(r, 'ydoc:awareness:update', { ...document, update: [123, 125], user_id: 'forged' });
      await until(() => named(a, 'ydoc:awareness:update').length === 1);
      assert.deepEqual(named(a, 'ydoc:awareness:update'), [{ ...document, user_id: reader.id, update: [123, 125] }]);
      assert.equal(named(a, 'ydoc:document:update').length, 0);

      await admin.ok('POST', `/api/v1/notes/${note.id}/update`, { json: { title: 'Seen' } });
      await until(() => named(r, 'events:note').length === 1);
      await admin.ok('POST', `/api/v1/notes/${note.id}/access/update`, { json: { access_grants: [] } });
      await until(async () => {
        await ask(a, 'ydoc:document:state', document);
        await ask(a, 'ydoc:document:update', { ...document, update: edit(null, 0, 'a') });
        const last = named<{ sessions: string[] }>(a, 'ydoc:document:state').at(-1);
        return last?.sessions?.length === 1;
      });
      const heard = named(r, 'ydoc:document:update').length;
      await admin.ok('POST', `/api/v1/notes/${note.id}/update`, { json: { title: 'Unseen' } });
      await ask(a, 'ydoc:document:update', { ...document, update: edit(null, 0, 'b') });
      await ask(r, 'heartbeat', {});
      assert.equal(named(r, 'events:note').length, 1);
      assert.equal(named(r, 'ydoc:document:update').length, heard);
      const { data } = await admin.ok<{ data: unknown }>('GET', `/api/v1/notes/${note.id}`);
      assert.deepEqual(data, { content: { md: 'keep' } });
      a.close();
      r.close();
    });

    it('makes many updates one', async () => {
      const note = await admin.ok<{ id: string }>('POST', '/api/v1/notes/create', { json: { title: 'Long' } });
      const document = { document_id: `note:${note.id}` };
      const socket = await connectSocket(place(0), admin);
      await ask(socket, 'ydoc:document:join', document);
      const doc = new Y.Doc();
      const updates: number[][] = [];
      doc.on('update', (update: Uint8Array) => updates.push([...update]));
      for (let index = 0; index < 520; index += 1) doc.getText('t').insert(index, String(index % 10));
      await Promise.all(updates.map((update) => ask(socket, 'ydoc:document:update', { ...document, update })));
      await ask(socket, 'ydoc:document:state', document);
      assert.equal(
        textOf(named<{ state: number[] }>(socket, 'ydoc:document:state').at(-1)?.state ?? []),
        doc.getText('t').toString(),
      );
      socket.close();
    });
  });
}
