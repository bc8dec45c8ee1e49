import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateDocument } from './update.ts';

const message = (id: string, parentId: string | null, role: string, more: object = {}) => ({
  id,
  parentId,
  childrenIds: [],
  role,
  content: id,
  ...more,
});

const stored = {
  title: 'T',
  params: { temperature: 1 },
  history: {
    currentId: 'r',
    messages: {
      q: message('q', null, 'user'),
      g: message('g', null, 'user', { user_id: 'guest' }),
      r: message('r', 'q', 'assistant', { done: false }),
      d: message('d', 'g', 'assistant', { done: true }),
    },
  },
};

test('messages of others and replies being written stay as stored', () => {
  const submitted = {
    history: {
      currentId: 'r',
      messages: {
        q: { ...message('q', null, 'user'), content: 'edited', user_id: 'owner' },
        g: { ...message('g', null, 'user'), content: 'forged', user_id: 'owner' },
        r: { ...message('r', 'q', 'assistant'), content: 'finished by a stale tab', done: true },
        d: { ...message('d', 'g', 'assistant'), content: 'reopened', done: false },
      },
    },
  };
  const { document, changed, touches } = updateDocument(stored, submitted, 'owner');
  const { messages } = document.history as typeof stored.history;
  assert.deepEqual(
    Object.values(messages).map((one) => one.content),
    ['edited', 'g', 'r', 'd'],
  );
  assert.equal((messages.g as { user_id?: string }).user_id, 'guest');
  assert.deepEqual(messages.q.childrenIds, ['r']);
  assert.ok(touches && changed.q && !changed.r);
});

test('a tree that names nothing changes nothing, and keys are laid over each other', () => {
  const { document, changed, touches } = updateDocument(stored, { params: { top_p: 2 }, models: ['x'] }, 'owner');
  assert.deepEqual(document, { ...stored, params: { top_p: 2 }, models: ['x'] });
  assert.deepEqual([changed, touches], [{}, false]);
  for (const history of [null, 'text', [], { messages: { q: 'no message', z: null } }]) {
    const after = updateDocument(stored, { history }, 'owner').document.history as typeof stored.history;
    assert.deepEqual(Object.keys(after.messages), ['q', 'g', 'r', 'd']);
  }
});
