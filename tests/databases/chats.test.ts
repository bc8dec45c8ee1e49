import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import {
  type ChatDocument,
  findChat,
  firstTurnDocument,
  insertChat,
  linkFiles,
  loadBranch,
  loadChat,
  loadMessage,
  loadMessages,
  type Messages,
  messagesOf,
  placeTurn,
  setTags,
  setTasks,
  setTitle,
  setVariables,
  unfinishedReplies,
  upsertMessage,
  upsertMessages,
  writeReplyRow,
} from '../../src/features/chats/index.ts';
import { type Database, json } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const author = { id: 'ada', name: 'Ada' };

function question(id: string, parentId: string | null, content = 'Hi') {
  return { id, parentId, role: 'user', content, models: ['hello'] };
}

/** What document and rows both keep of a message. */
function kept(messages: Messages) {
  return Object.fromEntries(
    Object.entries(messages).map(([id, { role, content, parentId, childrenIds, done, model, output, timestamp }]) => [
      id,
      {
        role,
        content: content ?? '',
        parentId: parentId ?? null,
        childrenIds: childrenIds?.toSorted(),
        done: done ?? true,
        model,
        output,
        timestamp,
      },
    ]),
  );
}

onEachDialect('stored chats', (dialect) => {
  let database: Database & { drop(): Promise<void> };
  before(async () => {
    database = await openFresh(dialect);
  });
  after(() => database.drop());

  async function newChat(document?: ChatDocument) {
    const id = randomUUID();
    const first = {
      author,
      userMessage: question('q1', null),
      replies: [{ id: 'r1', model: 'hello' }],
    };
    await database.transaction((tx) =>
      insertChat(tx, { id, userId: author.id, document: document ?? firstTurnDocument(id, first, ['hello']) }),
    );
    return id;
  }

  /** The document and the rows tell the same tree. */
  async function inStep(id: string) {
    const chat = await loadChat(database.db, id);
    assert.ok(chat);
    const rows = await loadMessages(database.db, id);
    assert.deepEqual(kept(rows), kept(messagesOf(chat.document)));
    return chat;
  }

  test('a first turn, its answer and a second turn are in document and rows alike', async () => {
    const id = await newChat();
    await inStep(id);
    assert.deepEqual(
      (await unfinishedReplies(database.db)).filter((one) => one.chatId === id),
      [{ chatId: id, messageId: 'r1' }],
    );
    const output = [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello 😀' }] }];
    await database.transaction((tx) =>
      upsertMessage(tx, id, 'r1', { output, done: true, usage: { prompt_tokens: 3 } }),
    );
    await database.transaction((tx) =>
      placeTurn(tx, id, {
        author,
        userMessage: question('q2', 'r1', 'And?'),
        replies: [
          { id: 'r2', model: 'hello', modelIdx: 0 },
          { id: 'r3', model: 'echo', modelIdx: 1 },
        ],
      }),
    );
    const chat = await inStep(id);
    assert.equal(chat.current_message_id, 'r3');
    const messages = messagesOf(chat.document);
    assert.equal(messages.r1?.content, 'Hello 😀');
    assert.deepEqual(messages.q2?.childrenIds, ['r2', 'r3']);
    const row = await loadMessage(database.db, id, 'r1');
    assert.deepEqual(row?.usage, { prompt_tokens: 3, input_tokens: 3, output_tokens: 0, total_tokens: 3 });
    const branch = await loadBranch(database.db, id, 'r2');
    assert.deepEqual(
      branch.map((message) => message.id),
      ['q1', 'r1', 'q2', 'r2'],
    );
  });

  test('a turn that does not fit changes nothing', async () => {
    const id = await newChat();
    const before = await loadChat(database.db, id);
    const turn = (parent: string, reply: string) => ({
      author,
      userMessage: question('q2', parent),
      replies: [{ id: reply, model: 'hello' }],
    });
    const place = (parent: string, reply: string) =>
      database.transaction((tx) => placeTurn(tx, id, turn(parent, reply)));
    await assert.rejects(place('gone', 'r2'), { status: 409, detail: 'Parent message no longer exists.' });
    await assert.rejects(place('r1', 'q1'), { status: 409 });
    await assert.rejects(place('r1', 'q2'), { status: 409 });
    assert.deepEqual(await loadChat(database.db, id), before);
    await inStep(id);
  });

  test('what a running reply writes to its row is read at once and joins the document with its next write', async () => {
    const id = await newChat();
    const statusHistory = [{ action: 'web_search', done: false }];
    assert.ok(await writeReplyRow(database.db, id, 'r1', { statusHistory, content: 'Half an' }));
    const running = messagesOf((await loadChat(database.db, id))?.document ?? {});
    assert.deepEqual(running.r1?.statusHistory, statusHistory);
    assert.equal(running.r1?.content, 'Half an');
    await database.transaction((tx) => upsertMessage(tx, id, 'r1', { done: true }));
    const stored = await database.db.selectFrom('chat').select('chat').where('id', '=', id).executeTakeFirstOrThrow();
    const r1 = messagesOf(stored.chat as ChatDocument).r1;
    assert.deepEqual([r1?.statusHistory, r1?.content, r1?.done], [statusHistory, 'Half an', true]);
    assert.equal(await writeReplyRow(database.db, id, 'nobody', { content: 'x' }), false);
  });

  test('NUL and lone surrogates are dropped, everything else comes back as it was', async () => {
    const text = `a\0b\ud800c 😀 ü "\\ \n ${'x'.repeat(300)}`;
    const id = await newChat({
      title: 'T\0itle\udfff',
      history: {
        currentId: 'q1',
        messages: { q1: { id: 'q1', parentId: null, childrenIds: [], role: 'user', content: text, timestamp: 5 } },
      },
      params: { 'k\0ey': [1.5, null, true, '\ud83d'] },
    });
    const chat = await inStep(id);
    const cleaned = text.replace('\0', '').replace('\ud800', '');
    assert.equal(chat.title, 'Title');
    assert.equal(messagesOf(chat.document).q1?.content, cleaned);
    assert.equal((await loadMessage(database.db, id, 'q1'))?.content, cleaned);
    assert.deepEqual(chat.document.params, { key: [1.5, null, true, ''] });
    assert.ok(await database.transaction((tx) => setTitle(tx, id, 'N\0ew')));
    assert.equal((await findChat(database.db, id))?.title, 'New');
  });

  test('changes made at the same time are all kept', async () => {
    const id = await newChat();
    const replies = Array.from({ length: 8 }, (_, index) => `r${index + 10}`);
    await Promise.all(
      replies.map((reply) =>
        database.transaction((tx) =>
          placeTurn(tx, id, { author, userMessage: question('q1', null), replies: [{ id: reply, model: 'hello' }] }),
        ),
      ),
    );
    await Promise.all([
      ...replies.map((reply) =>
        database.transaction((tx) => upsertMessage(tx, id, reply, { content: `said ${reply}`, done: true })),
      ),
      database.transaction((tx) => setTitle(tx, id, 'Renamed')),
      database.transaction((tx) => setTags(tx, id, ['Work'])),
    ]);
    const chat = await inStep(id);
    const messages = messagesOf(chat.document);
    assert.deepEqual(messages.q1?.childrenIds?.toSorted(), ['r1', ...replies].toSorted());
    for (const reply of replies) assert.equal(messages[reply]?.content, `said ${reply}`);
    assert.equal(chat.title, 'Renamed');
    assert.deepEqual(chat.meta, { tags: ['work'] });
  });

  test('a chat whose rows are missing is read from its document, and gets them', async () => {
    const id = await newChat();
    await database.db.deleteFrom('chat_message').where('chat_id', '=', id).execute();
    const both = await Promise.all([loadMessages(database.db, id), loadMessages(database.db, id)]);
    assert.deepEqual(
      both.map((messages) => Object.keys(messages).sort()),
      [
        ['q1', 'r1'],
        ['q1', 'r1'],
      ],
    );
    assert.ok(await loadMessage(database.db, id, 'q1'));
    await database.db.deleteFrom('chat_message').where('id', '=', `${id}-q1`).execute();
    assert.deepEqual(
      (await loadBranch(database.db, id, 'r1')).map((message) => message.id),
      ['q1', 'r1'],
    );
    await inStep(id);
  });

  test('odd rows of earlier releases are read', async () => {
    const id = randomUUID();
    await database.db
      .insertInto('chat')
      .values({
        id,
        user_id: 'ada',
        title: null,
        chat: json('{"title":"twice encoded"}'),
        meta: json([]),
        tasks: json({}),
      })
      .execute();
    const chat = await loadChat(database.db, id);
    assert.deepEqual(
      [chat?.title, chat?.document.title, chat?.meta, chat?.variables, chat?.tasks, chat?.archived, chat?.created_at],
      ['', 'twice encoded', {}, {}, null, false, 0],
    );
    const written = await database.transaction((tx) => upsertMessages(tx, id, { m: { role: 'user', content: 'x' } }));
    assert.equal(written?.chat.title, 'twice encoded');
    await inStep(id);
  });

  test('several messages, tasks, variables and files', async () => {
    const id = await newChat();
    const updated = (await findChat(database.db, id))?.updated_at;
    await database.transaction((tx) =>
      upsertMessages(
        tx,
        id,
        { r1: { content: 'A', done: true }, x: { content: 'B', parentId: 'r1' } },
        { touch: false },
      ),
    );
    await setTasks(database.db, id, [{ id: '1', content: 'do', status: 'pending' }]);
    await setVariables(database.db, id, { tone: 'dry' });
    await database.db
      .insertInto('file')
      .values({ id: `f-${id}`, user_id: 'ada', filename: 'a.txt' })
      .execute();
    const link = { chatId: id, userId: 'ada', messageId: 'q1', fileIds: [`f-${id}`, 'no-such-file', `f-${id}`] };
    await linkFiles(database.db, link);
    await linkFiles(database.db, link);
    const chat = await inStep(id);
    assert.equal(messagesOf(chat.document).x?.role, 'user');
    assert.deepEqual(chat.tasks, [{ id: '1', content: 'do', status: 'pending' }]);
    assert.deepEqual(chat.variables, { tone: 'dry' });
    assert.equal(chat.updated_at, updated);
    const links = await database.db
      .selectFrom('chat_file')
      .select(['file_id', 'message_id'])
      .where('chat_id', '=', id)
      .execute();
    assert.deepEqual(
      links.map((one) => ({ ...one })),
      [{ file_id: `f-${id}`, message_id: 'q1' }],
    );
  });

  test('generated tags replace the list and leave no rows behind', async () => {
    const [one, two] = [await newChat(), await newChat()];
    const owner = `tags-${one}`;
    await database.db.updateTable('chat').set({ user_id: owner }).where('id', 'in', [one, two]).execute();
    const rows = async () =>
      (
        await database.db.selectFrom('tag').select(['id', 'name']).where('user_id', '=', owner).orderBy('id').execute()
      ).map((row) => `${row.id}=${row.name}`);
    assert.deepEqual(await database.transaction((tx) => setTags(tx, one, ['Big Data', 'None', 'big data', 'Ünï'])), [
      'big_data',
      'ünï',
    ]);
    await database.transaction((tx) => setTags(tx, two, ['Ünï']));
    assert.deepEqual(await rows(), ['big_data=Big Data', 'ünï=Ünï']);
    await database.transaction((tx) => setTags(tx, one, ['other']));
    assert.deepEqual(await rows(), ['other=other', 'ünï=Ünï']);
    await database.transaction((tx) => setTags(tx, two, []));
    assert.deepEqual(await rows(), ['other=other']);
    assert.equal(await database.transaction((tx) => setTags(tx, randomUUID(), ['x'])), null);
  });
  if (dialect !== 'sqlite') return;

  test('what is added to a long chat costs what is added', async () => {
    const file = database.description.replace(/^sqlite:\/\/\//, '');
    const messages = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [
        `m${n}`,
        {
          id: `m${n}`,
          role: 'user',
          parentId: n === 0 ? null : `m${n - 1}`,
          childrenIds: [],
          content: 'Grüße '.repeat(4_000),
        },
      ]),
    );
    const document = { title: 'Long', history: { currentId: 'm99', messages }, files: [] };
    await database.transaction((tx) => insertChat(tx, { id: 'long', userId: 'ada', document }));
    const add = (n: number) =>
      database.transaction((tx) => upsertMessage(tx, 'long', `m${n}`, { parentId: `m${n - 1}`, content: `more ${n}` }));
    // The first one makes room.
    await add(100);
    await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(database.db);
    for (let n = 101; n < 104; n += 1) await add(n);
    const written = statSync(`${file}-wal`).size;
    assert.ok(written > 0 && written < 400_000, `${written} bytes for three messages`);
    const chat = await loadChat(database.db, 'long');
    assert.equal(Object.keys(messagesOf(chat?.document ?? {})).length, 104);
  });
});
