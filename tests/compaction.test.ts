import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import type { Account } from './support/client.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import type { TestSocket } from './support/socket.ts';

interface Stored {
  chat: { history: { messages: Record<string, { contextSummary?: string }> } };
}

describe('conversations that grow too long', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    ({ server, admin, user, socket } = await startSite({ env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } }));
    await change({
      ENABLE_CONTEXT_COMPACTION: true,
      CONTEXT_COMPACTION_TOKEN_THRESHOLD: 300,
      CONTEXT_COMPACTION_TOKEN_CAP: 300,
      CONTEXT_COMPACTION_PROMPT_TEMPLATE: 'Shorten {{PREVIOUS_SUMMARY}} + {{COMPACTED_MESSAGES|start:12}}',
    });
  });
  after(async () => {
    socket?.close();
    await server?.stop();
  });

  const change = async (changes: Record<string, unknown>) => {
    const before = await admin.ok<Record<string, unknown>>('GET', '/api/v1/chats/config');
    await admin.ok('POST', '/api/v1/chats/config', { json: { ...before, ...changes } });
  };
  const asked = () => server.provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
  const long = (word: string) => `${word} ${'x'.repeat(400)}`;
  const events = (replyId: string) =>
    socket
      .events(replyId)
      .filter(({ data }) => data.type === 'context_compaction')
      .map(({ data }) => data.data as Record<string, unknown>);

  it('are summarised before the model is asked, once for all turns that follow', async () => {
    const one = await sendTurn(user, socket, { model: 'echo', content: long('First') });
    assert.deepEqual(events(one.replyId), []);
    const two = await sendTurn(user, socket, {
      model: 'echo',
      content: long('Second'),
      chatId: one.chatId,
      parentId: one.replyId,
    });
    const summary = 'You said: Shorten  + USER: First xxxxxx\nASSISTANT: You said: Fi';
    assert.deepEqual(
      asked().map(({ role }) => role),
      ['system', 'user'],
    );
    assert.equal(asked()[0]?.content, `[CONVERSATION SUMMARY]\n${summary}`);
    const [begun, done] = events(two.replyId);
    assert.deepEqual([begun?.done, done?.done, done?.context_summary], [false, true, summary]);
    assert.equal(done?.checkpoint_message_id, two.userId);
    const stored = await user.ok<Stored>('GET', `/api/v1/chats/${one.chatId}`);
    assert.equal(stored.chat.history.messages[two.userId]?.contextSummary, summary);

    await change({ CONTEXT_COMPACTION_TOKEN_THRESHOLD: 80_000, CONTEXT_COMPACTION_TOKEN_CAP: 80_000 });
    const next = { model: 'echo', content: 'Third', chatId: one.chatId, parentId: two.replyId };
    const three = await sendTurn(user, socket, next);
    assert.deepEqual(events(three.replyId), []);
    assert.deepEqual(
      asked().map(({ role }) => role),
      ['system', 'user', 'assistant', 'user'],
    );
  });

  it('are sent whole when no summary can be made', async () => {
    await change({
      CONTEXT_COMPACTION_TOKEN_THRESHOLD: 300,
      CONTEXT_COMPACTION_TOKEN_CAP: 300,
      CONTEXT_COMPACTION_MODEL: 'fail-500',
    });
    const template = { CONTEXT_COMPACTION_PROMPT_TEMPLATE: 'Shorten' };
    await change(template);
    const one = await sendTurn(user, socket, { model: 'echo', content: long('First') });
    const two = await sendTurn(user, socket, {
      model: 'echo',
      content: long('Second'),
      chatId: one.chatId,
      parentId: one.replyId,
    });
    assert.equal(asked().length, 3);
    assert.equal(events(two.replyId).at(-1)?.error, true);
    await change({ CONTEXT_COMPACTION_MODEL: '' });
  });

  it('are summarised when their owner wants it', async () => {
    await change({
      CONTEXT_COMPACTION_TOKEN_THRESHOLD: 80_000,
      CONTEXT_COMPACTION_TOKEN_CAP: 80_000,
      CONTEXT_COMPACTION_PROMPT_TEMPLATE: '',
    });
    const one = await sendTurn(user, socket, { content: long('First') });
    const path = `/api/v1/chats/${one.chatId}/compact`;
    const answer = await user.ok('POST', path, { json: { model: 'hello' } });
    assert.deepEqual(
      { ...answer, context_usage: null },
      {
        ok: true,
        compacted: true,
        dropped_messages: 1,
        kept_messages: 1,
        summary_chars: 'Hello from hello.'.length,
        context_usage: null,
      },
    );
    const again = await user.ok('POST', path, { json: {} });
    assert.deepEqual([again.compacted, again.reason], [false, 'too_short']);
    await sendTurn(user, socket, { content: 'And now?', chatId: one.chatId, parentId: one.replyId });
    assert.deepEqual(
      asked().map(({ content }) => content),
      ['[CONVERSATION SUMMARY]\nHello from hello.', 'Hello from hello.', 'And now?'],
    );
  });

  it('are summarised between the rounds of one reply too, and the next turn begins there', async () => {
    await change({
      CONTEXT_COMPACTION_TOKEN_THRESHOLD: 300,
      CONTEXT_COMPACTION_TOKEN_CAP: 300,
      CONTEXT_COMPACTION_PROMPT_TEMPLATE: 'Shorten',
      CONTEXT_COMPACTION_MODEL: 'hello',
    });
    const note = (n: number) => ({ name: 'write_note', arguments: { title: `Note ${n}`, content: 'x'.repeat(400) } });
    const content = JSON.stringify([[note(0)], [note(1)], [note(2)], [note(3)]]);
    const one = await sendTurn(user, socket, { model: 'plan', content });
    const told = events(one.replyId).filter(({ done }) => done);
    assert.ok(told.length > 0, 'a summary was made');
    const stored = await user.ok<Stored>('GET', `/api/v1/chats/${one.chatId}`);
    const { output } = stored.chat.history.messages[one.replyId] as { output: { type: string; call_id: string }[] };
    const checkpoint = output.findLast(({ type }) => type === 'open_webui:context_compaction');
    assert.ok(checkpoint);
    const sent = asked();
    assert.equal(sent[0]?.content, '[CONVERSATION SUMMARY]\nHello from hello.');
    assert.deepEqual(
      sent.slice(0, 3).map(({ role }) => role),
      ['system', 'user', 'assistant'],
    );
    assert.ok(!JSON.stringify(sent).includes('Note 0":') && sent.length < 9, 'the first rounds are left out');

    await change({ CONTEXT_COMPACTION_TOKEN_THRESHOLD: 80_000, CONTEXT_COMPACTION_TOKEN_CAP: 80_000 });
    await sendTurn(user, socket, { model: 'echo', content: 'And now?', chatId: one.chatId, parentId: one.replyId });
    const next = asked() as { role: string; content: string; tool_calls?: { id: string }[] }[];
    assert.equal(next[0]?.content, '[CONVERSATION SUMMARY]\nHello from hello.');
    assert.equal(next[1]?.role, 'user');
    assert.equal(next[2]?.tool_calls?.[0]?.id, checkpoint.call_id);
  });
});
