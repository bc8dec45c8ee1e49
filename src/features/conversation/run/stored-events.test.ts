import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { foldEvent, isForWatchers, sharedEvent } from './stored-events.ts';

describe('events that are stored', () => {
  it('add to lists', () => {
    const status = { action: 'web_search', done: false };
    const first = foldEvent({}, { type: 'status', data: status });
    assert.deepEqual(first.changed, { statusHistory: [status] });
    const second = foldEvent(first.changed ?? {}, { type: 'status', data: { done: true } });
    assert.deepEqual(second.changed, { statusHistory: [status, { done: true }] });
    assert.deepEqual(foldEvent({}, { type: 'source', data: { document: [] } }).changed, {
      sources: [{ document: [] }],
    });
  });

  it('but code executions are not', () => {
    assert.equal(foldEvent({}, { type: 'source', data: { type: 'code_execution', id: 'x' } }).changed, null);
  });

  it('tell the whole list where clients replace theirs', () => {
    const { event, changed } = foldEvent(
      { files: [{ id: 'old' }] },
      { type: 'files', data: { files: [{ id: 'new' }] } },
    );
    assert.deepEqual(event.data, { files: [{ id: 'new' }, { id: 'old' }] });
    assert.deepEqual(changed, { files: [{ id: 'new' }, { id: 'old' }] });
    const replaced = foldEvent({ embeds: ['a'] }, { type: 'embeds', data: { embeds: ['b'], replace: true } });
    assert.deepEqual(replaced.changed, { embeds: ['b'] });
  });
});

it('tells every tab when a reply ends, and only those that watch how it grows', () => {
  const watchers = (type: string, data?: unknown) => isForWatchers({ type, data });
  assert.equal(watchers('response:completion', {}), true);
  assert.equal(watchers('chat:completion', { usage: {} }), true);
  assert.equal(watchers('chat:completion', { done: true, output: [] }), false);
  assert.equal(watchers('chat:message:error', { error: {} }), false);
  for (const type of ['chat:active', 'chat:list', 'chat:title', 'chat:tags', 'chat:tasks:cancel', 'notification']) {
    assert.equal(watchers(type, {}), false, type);
  }
});

it('tells others of the reply and nothing of the chat around it', () => {
  const done = sharedEvent({ type: 'chat:completion', data: { done: true, output: [], title: 'Secret', id: 'x' } });
  assert.deepEqual(done?.data, { output: [], done: true });
  assert.equal(sharedEvent({ type: 'chat:title', data: 'Secret' }), null);
  const status = { type: 'status', data: { done: true } };
  assert.equal(sharedEvent(status), status);
});
