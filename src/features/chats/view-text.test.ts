import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatDocument, Message } from './document.ts';
import { coversOverlay, fillGaps, writeView } from './view-text.ts';

const message = (id: string, more: Partial<Message> = {}): Message => ({ id, role: 'assistant', content: id, ...more });
const nothing = { rows: [], live: [] };
const read = (parts: readonly Buffer[]) => JSON.parse(Buffer.concat(parts).toString());

test('a document without moving replies is one text', async () => {
  const document: ChatDocument = {
    title: 'Ünï "x"',
    params: undefined,
    history: { currentId: 'a', messages: { a: message('a'), b: message('b', { done: true }) }, more: [1, null] },
    messages: [message('a'), 'not a message', null],
    empty: {},
  };
  const view = await writeView(document, new Set());
  assert.equal(view.pieces.length, 1);
  assert.deepEqual(read(fillGaps(view, nothing, () => {})), JSON.parse(JSON.stringify(document)));
});

test('what moves is laid over at each reading, in the tree and in the list', async () => {
  const document: ChatDocument = {
    history: { messages: { a: message('a', { done: false }), b: message('b'), c: message('c', { done: true }) } },
    messages: [message('a', { done: false })],
  };
  const view = await writeView(document, new Set());
  const output = [{ type: 'message', content: [{ type: 'output_text', text: 'live' }] }];
  const overlay = { rows: [message('a', { content: 'row', sources: [1] })], live: [{ messageId: 'a', output }] };
  assert.equal(coversOverlay(view, overlay), true);
  const { history, messages } = read(fillGaps(view, overlay, (one) => delete one.user_id));
  assert.deepEqual(history.messages.a, { ...message('a'), content: 'live', sources: [1], output, done: false });
  assert.deepEqual(messages[0].content, 'live');
  assert.deepEqual(read(fillGaps(view, nothing, () => {})).history.messages.a, message('a', { done: false }));

  const other = { rows: [message('c', { content: 'row' })], live: [] };
  assert.equal(coversOverlay(view, other), false);
  const again = await writeView(document, new Set(['c']));
  assert.equal(read(fillGaps(again, other, () => {})).history.messages.c.content, 'row');
});

test('a long document is written in pieces', async () => {
  const messages = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`m${i}`, message(`m${i}`, { content: 'ü'.repeat(5_000) })]),
  );
  const view = await writeView({ history: { messages } }, new Set(['m7']));
  assert.ok(view.pieces.length > 3);
  assert.deepEqual(read(fillGaps(view, nothing, () => {})), { history: { messages } });
});
