import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forkDocument } from './branches.ts';
import type { Messages } from './document.ts';

const messages: Messages = {
  q: { id: 'q', parentId: null, role: 'user', content: 'Q', user_id: 'u', childrenIds: ['r', 's'] },
  r: { id: 'r', parentId: 'q', role: 'assistant', content: 'R', done: false, childrenIds: [] },
  s: {
    id: 's',
    parentId: 'q',
    role: 'assistant',
    done: false,
    output: [{ type: 'function_call', status: 'pending' }],
    childrenIds: [],
  },
  a: { id: 'a', parentId: 'b', role: 'user' },
  b: { id: 'b', parentId: 'a', role: 'assistant' },
  lost: { id: 'lost', parentId: 'gone', role: 'user' },
};
const document = {
  title: 'T',
  currentId: 'r',
  share_mode: 'continue',
  history: { messages: { q: { id: 'q', role: 'user', user: { id: 'u', name: 'Una' } } } },
};
const fork = (from: string | null) => forkDocument({ id: 'chat', title: 'T', document, messages, from });

test('a fork is the branch alone, unfinished replies end unless they wait for somebody', () => {
  const { document: copy } = fork('r');
  assert.deepEqual(copy.history, {
    currentId: 'r',
    messages: {
      q: { ...messages.q, childrenIds: ['r'], user: { id: 'u', name: 'Una' } },
      r: { ...messages.r, done: true },
    },
  });
  assert.deepEqual([copy.title, copy.originalChatId, copy.branchPointMessageId], ['T (fork)', 'chat', 'r']);
  assert.ok(!('currentId' in copy) && !('share_mode' in copy));
  const waiting = fork('s').document.history as { messages: Messages };
  assert.equal(waiting.messages.s?.done, false);
});

test('trees that cannot be forked say why', () => {
  assert.throws(() => fork(null), { status: 400, detail: 'chat has no messages to fork' });
  assert.throws(() => fork('nobody'), { status: 404, detail: 'message not found' });
  assert.throws(() => fork('lost'), { status: 404, detail: 'message not found' });
  assert.throws(() => fork('a'), { status: 400, detail: 'message branch contains a cycle' });
});
