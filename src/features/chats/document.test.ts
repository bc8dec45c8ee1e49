import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  branchTo,
  clean,
  currentMessageId,
  encodeDocument,
  type History,
  historyOf,
  type Message,
  mergeHistory,
  messagesOf,
  outputText,
  parseDocument,
  removeMessage,
  repairHistory,
  sameJson,
} from './document.ts';

function message(id: string, parentId: string | null, role: string, more: Partial<Message> = {}): Message {
  return { id, parentId, childrenIds: [], role, content: id, timestamp: 100, ...more };
}

function tree(currentId: string | null, ...messages: Message[]): History {
  const history: History = { messages: Object.fromEntries(messages.map((entry) => [entry.id, entry])), currentId };
  for (const entry of messages) {
    const parent = entry.parentId ? history.messages[entry.parentId] : undefined;
    parent?.childrenIds?.push(entry.id);
  }
  return history;
}

describe('reading a document', () => {
  it('takes whatever is stored', () => {
    for (const text of [null, '', 'null', '[]', '7', 'oops', '"text"']) assert.deepEqual(parseDocument(text), {});
    assert.deepEqual(parseDocument('{"title":"A"}'), { title: 'A' });
    assert.deepEqual(parseDocument(JSON.stringify('{"title":"A"}')), { title: 'A' });
  });

  it('leaves out messages that are no objects', () => {
    const document = { history: { messages: { a: message('a', null, 'user'), b: null, c: 'text' }, currentId: 7 } };
    assert.deepEqual(Object.keys(messagesOf(document)), ['a']);
    assert.equal(historyOf(document).currentId, null);
  });

  it('keeps a message called __proto__ without touching any prototype', () => {
    const document = parseDocument('{"history":{"messages":{"__proto__":{"id":"__proto__","role":"user","evil":1}}}}');
    assert.deepEqual(Object.keys(messagesOf(document)), ['__proto__']);
    assert.equal(({} as Record<string, unknown>).evil, undefined);
  });

  it('finds the current message where releases have put it', () => {
    assert.equal(currentMessageId({ history: { currentId: 'a' }, currentId: 'b' }), 'a');
    assert.equal(currentMessageId({ currentId: 'b' }), 'b');
    assert.equal(currentMessageId({ messages: [{ id: 'x' }, { role: 'user' }] }), 'x');
    assert.equal(currentMessageId({ messages: 'none' }), null);
  });
});

describe('cleaning', () => {
  it('drops NUL and lone surrogates everywhere, keeps pairs', () => {
    const dirty = { 'a\0': ['x\0y', '\ud800', 'ok 😀', { deep: 'low \udc00 end' }], n: 1, z: null };
    assert.deepEqual(clean(dirty), { a: ['xy', '', 'ok 😀', { deep: 'low  end' }], n: 1, z: null });
  });

  it('happens on the way in and on the way out, only where needed', () => {
    assert.equal(encodeDocument({ title: 'a\0b\ud83d' }), '{"title":"ab"}');
    assert.equal(encodeDocument({ title: 'a \\u0000 written out' }), '{"title":"a \\\\u0000 written out"}');
    assert.deepEqual(parseDocument('{"title":"a\\u0000b","emoji":"\\ud83d\\ude00"}'), { title: 'ab', emoji: '😀' });
  });
});

describe('merging trees', () => {
  it('never removes, replaces whole messages, derives children', () => {
    const stored = tree('b', message('a', null, 'user', { extra: 1 }), message('b', 'a', 'assistant'));
    const merged = mergeHistory(stored, {
      messages: { a: message('a', null, 'user', { content: 'edited' }), c: message('c', 'a', 'assistant'), d: 'junk' },
      currentId: 'gone',
      note: 'kept',
    });
    assert.deepEqual(Object.keys(merged.messages), ['a', 'b', 'c']);
    assert.deepEqual(merged.messages.a?.childrenIds, ['b', 'c']);
    assert.equal(merged.messages.a?.content, 'edited');
    assert.equal('extra' in (merged.messages.a ?? {}), false);
    assert.equal(merged.currentId, 'b');
    assert.equal(merged.note, 'kept');
  });

  it('does not change what it was given', () => {
    const stored = tree('a', message('a', null, 'user'));
    const before = structuredClone(stored);
    mergeHistory(stored, { messages: { b: message('b', 'a', 'assistant') }, currentId: 'b' });
    assert.deepEqual(stored, before);
  });
});

describe('repairing a tree', () => {
  it('descends from the current message to the last leaf', () => {
    const history = tree(
      'a',
      message('a', null, 'user'),
      message('b', 'a', 'assistant'),
      message('c', 'a', 'assistant'),
      message('d', 'c', 'user'),
    );
    repairHistory(history);
    assert.equal(history.currentId, 'd');
  });

  it('links children their parents do not name, and survives cycles', () => {
    const history = tree('a', message('a', 'b', 'user'), message('b', 'a', 'assistant'));
    for (const entry of Object.values(history.messages)) entry.childrenIds = [];
    repairHistory(history);
    assert.deepEqual(history.messages.a?.childrenIds, ['b']);
    assert.equal(history.currentId, 'b');
  });

  it('leaves a stray reply for the newest leaf', () => {
    const stray: Message = { id: 'x', role: 'assistant', output: [{ type: 'message', role: 'assistant' }] };
    const history = tree('x', message('a', null, 'user'), message('b', 'a', 'assistant', { timestamp: 200 }), stray);
    repairHistory(history);
    assert.equal(history.currentId, 'b');
  });

  it('takes the newest leaf when the current message is not there', () => {
    const history = tree(
      'gone',
      message('a', null, 'user'),
      message('b', 'a', 'assistant'),
      message('c', 'a', 'assistant'),
    );
    repairHistory(history);
    assert.equal(history.currentId, 'b');
  });
});

describe('branches', () => {
  it('run from the root, and end at cycles and gaps', () => {
    const history = tree('c', message('a', 'lost', 'user'), message('b', 'a', 'assistant'), message('c', 'b', 'user'));
    assert.deepEqual(
      branchTo(history.messages, 'c').map(({ id }) => id),
      ['a', 'b', 'c'],
    );
    const cycle = tree('b', message('a', 'b', 'user'), message('b', 'a', 'assistant'));
    assert.deepEqual(
      branchTo(cycle.messages, 'b').map(({ id }) => id),
      ['a', 'b'],
    );
    assert.deepEqual(branchTo(history.messages, 'none'), []);
  });
});

describe('removing a message', () => {
  it('takes its answers along and moves what follows up', () => {
    const history = tree(
      'f',
      message('a', null, 'user'),
      message('b', 'a', 'assistant'),
      message('c', 'b', 'user'),
      message('d', 'c', 'assistant'),
      message('e', 'd', 'user'),
      message('f', 'e', 'assistant'),
    );
    assert.deepEqual(removeMessage(history, 'c'), { removed: ['c', 'd'], moved: ['e'] });
    assert.deepEqual(Object.keys(history.messages), ['a', 'b', 'e', 'f']);
    assert.equal(history.messages.e?.parentId, 'b');
    assert.deepEqual(history.messages.b?.childrenIds, ['e']);
    assert.equal(history.currentId, 'f');
  });

  it('ends at the last root when a root goes, at nothing when all go', () => {
    const history = tree('b', message('a', null, 'user'), message('b', null, 'user'));
    removeMessage(history, 'b');
    assert.equal(history.currentId, 'a');
    removeMessage(history, 'a');
    assert.equal(history.currentId, null);
    assert.equal(removeMessage(history, 'a'), null);
  });
});

describe('texts and equality', () => {
  it('joins the text of message items', () => {
    const output = [
      { type: 'reasoning', content: [{ text: 'no' }] },
      { type: 'message', content: [{ text: 'one ' }, { text: 'two' }] },
      { type: 'message', content: [{ text: '  ' }] },
      { type: 'message', content: [{ text: 'three' }] },
      null,
    ];
    assert.equal(outputText(output), 'one two\nthree');
    assert.equal(outputText('none'), '');
  });

  it('compares JSON by value', () => {
    assert.equal(sameJson({ a: [1, { b: null }] }, { a: [1, { b: null }] }), true);
    assert.equal(sameJson({ a: 1, b: 2 }, { b: 2, a: 1 }), true);
    assert.equal(sameJson({ a: undefined }, { b: 1 }), false);
    assert.equal(sameJson([], {}), false);
  });
});
