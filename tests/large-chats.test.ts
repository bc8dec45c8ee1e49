import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Account, signUp } from './support/client.ts';
import { chatDocument, importChats } from './support/documents.ts';
import { startServer, type TestServer } from './support/server.ts';

interface ChatBody {
  id: string;
  title: string;
  chat: { history: { messages: Record<string, Record<string, unknown>>; currentId: string | null } };
}

const WRITERS = 200;
const MANY = 100_000;

/** What people with years of history, or broken files, have. */
describe('large and odd chats', () => {
  let server: TestServer;
  let ada: Account;
  before(async () => {
    server = await startServer();
    ada = await signUp(server);
  });
  after(() => server?.stop());

  const open = (id: string) => ada.ok<ChatBody>('GET', `/api/v1/chats/${id}`);
  const total = async () => (await ada.ok<unknown[]>('GET', '/api/v1/chats/')).length;

  /** Answers of the server while something else goes on. */
  async function answersDuring(work: Promise<unknown>): Promise<number> {
    let over = false;
    const ended = work.finally(() => {
      over = true;
    });
    let answers = 0;
    while (!over) {
      await ada.ok('GET', '/health');
      answers += 1;
    }
    await ended;
    return answers;
  }

  test('two hundred write at once, to one chat and to many, and nobody finds it locked', async () => {
    const names = Array.from({ length: WRITERS / 2 }, (_, n) => `Chat ${n}`);
    const ids = await importChats(
      ada,
      names.map((title) => ({ chat: chatDocument(title) })),
    );
    const shared = ids['Chat 0'] ?? '';
    const writes = names.flatMap((title, n) => [
      ada.ok('POST', `/api/v1/chats/${ids[title]}/messages/m2`, { json: { content: `own ${n}` } }),
      ada.ok('POST', `/api/v1/chats/${shared}/messages/w${n}`, { json: { content: `shared ${n}` } }),
    ]);
    await Promise.all(writes);
    const { messages } = (await open(shared)).chat.history;
    for (const n of names.keys()) assert.equal(messages[`w${n}`]?.content, `shared ${n}`);
    assert.equal((await open(ids['Chat 7'] ?? '')).chat.history.messages.m2?.content, 'own 7');
    assert.doesNotMatch(server.output(), /locked|SQLITE_BUSY/);
    await ada.ok('DELETE', '/api/v1/chats/');
  });

  test('a chat of a hundred thousand messages, deep and wide, holds up nobody', async () => {
    const messages: Record<string, Record<string, unknown>> = {};
    for (let n = 0; n < MANY; n += 1) {
      // The first half is one branch, the second half are answers to its first question.
      const parentId = n === 0 ? null : n < MANY / 2 ? `m${n - 1}` : 'm0';
      const role = n % 2 === 0 ? 'user' : 'assistant';
      messages[`m${n}`] = {
        id: `m${n}`,
        parentId,
        childrenIds: [],
        role,
        content: `text ${n}`,
        timestamp: 1_600_000_000 + n,
      };
    }
    const chat = { title: 'Endless', history: { messages, currentId: `m${MANY / 2 - 1}` } };
    let id = '';
    const made = ada.ok<ChatBody>('POST', '/api/v1/chats/new', { json: { chat } }).then((body) => {
      id = body.id;
    });
    assert.ok((await answersDuring(made)) > 20);
    const told = await ada.ok<ChatBody>('POST', `/api/v1/chats/${id}/messages/extra`, {
      json: { content: 'one more' },
    });
    const { m0, extra } = told.chat.history.messages;
    assert.equal(Object.keys(told.chat.history.messages).length, MANY + 1);
    assert.equal((m0?.childrenIds as string[] | undefined)?.length, MANY / 2 + 1);
    assert.equal(extra?.content, 'one more');
    const after = await ada.ok<ChatBody>('DELETE', `/api/v1/chats/${id}/messages/m1`);
    assert.equal(Object.keys(after.chat.history.messages).length, MANY - 1);
    assert.equal(after.chat.history.messages.m3?.parentId, 'm0');
    await ada.ok('DELETE', `/api/v1/chats/${id}`);
  });

  test('trees with circles and lost parents are read, searched and written', async () => {
    const message = (id: string, parentId: string | null, role: string) => ({
      ...{ id, parentId, role, childrenIds: [], timestamp: 1 },
      content: `${id} speaks`,
    });
    const messages = {
      a: message('a', 'b', 'user'),
      b: message('b', 'a', 'assistant'),
      orphan: message('orphan', 'gone', 'assistant'),
      self: message('self', 'self', 'user'),
      broken: 'no message',
    };
    const chat = { title: 'Circles', history: { messages, currentId: 'a' } };
    const { id } = await ada.ok<ChatBody>('POST', '/api/v1/chats/new', { json: { chat } });
    const read = await open(id);
    assert.deepEqual(Object.keys(read.chat.history.messages), ['a', 'b', 'orphan', 'self']);
    const found = await ada.ok<{ id: string }[]>('GET', '/api/v1/chats/search', { query: { text: 'orphan speaks' } });
    assert.deepEqual(
      found.map((one) => one.id),
      [id],
    );
    const fork = await ada.call('POST', `/api/v1/chats/${id}/fork`, { json: { message_id: 'a' } });
    assert.deepEqual([fork.status, fork.body], [400, { detail: 'message branch contains a cycle' }]);
    for (const gone of ['a', 'self', 'orphan']) await ada.ok('DELETE', `/api/v1/chats/${id}/messages/${gone}`);
    assert.deepEqual(Object.keys((await open(id)).chat.history.messages), []);
    await ada.ok('DELETE', `/api/v1/chats/${id}`);
  });

  test('of a broken import nothing is stored, and the answer says where it is broken', async () => {
    const chat = chatDocument('Whole');
    const text = JSON.stringify({ chats: [{ chat }, { chat }] });
    const half = await fetch(`${server.base}/api/v1/chats/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ada.token}`, 'content-type': 'application/json' },
      body: text.slice(0, -40),
    });
    assert.equal(half.status, 422);
    const [problem] = ((await half.json()) as { detail: { type: string; loc: unknown[]; ctx: unknown }[] }).detail;
    assert.equal(problem?.type, 'json_invalid');
    assert.equal(typeof problem?.loc[1], 'number');
    for (const wrong of [{ chat: 'text' }, {}, { chat, created_at: 'yesterday' }, { chat, meta: [] }]) {
      const { status, body } = await ada.call('POST', '/api/v1/chats/import', { json: { chats: [{ chat }, wrong] } });
      assert.equal(status, 422, JSON.stringify(wrong));
      const { loc } = (body as { detail: { loc: unknown[] }[] }).detail[0] ?? { loc: [] };
      assert.deepEqual(loc.slice(0, 3), ['body', 'chats', 1]);
    }
    assert.equal(await total(), 0);
  });
});
