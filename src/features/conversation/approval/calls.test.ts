import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { FunctionCallItem, OutputItem } from '../reply/items.ts';
import { decide, holdCalls, openCalls, surviveStop, takeNext } from './calls.ts';

const call = (call_id: string, more: Partial<FunctionCallItem> = {}): FunctionCallItem => ({
  type: 'function_call',
  id: call_id,
  call_id,
  name: 'add',
  arguments: '{}',
  status: 'completed',
  ...more,
});
const result = (call_id: string): OutputItem => ({ type: 'function_call_output', call_id, status: 'completed' });
const statuses = (items: readonly OutputItem[]) => items.map(({ type, status }) => `${type}:${status}`);
const decision = (callId: string, action: 'approve' | 'reject' | 'answer', answers: unknown = null) => ({
  callId,
  action,
  answers,
  timedOut: false,
});
const refused = (status: number) => (error: unknown) => error instanceof HttpError && error.status === status;

function waiting(...ids: string[]): OutputItem[] {
  const calls = ids.map((id) => call(id));
  holdCalls(calls);
  return calls;
}

describe('calls that wait', () => {
  it('are those without a result', () => {
    assert.deepEqual(
      openCalls([call('a'), call('b'), result('a')]).map(({ call_id }) => call_id),
      ['b'],
    );
  });

  it('are asked one after another', () => {
    const items = waiting('a', 'b');
    assert.deepEqual(statuses(items), ['function_call:pending', 'function_call:queued']);
    assert.equal(decide(items, decision('a', 'reject')), null);
    assert.deepEqual(statuses(items), [
      'function_call:rejected',
      'function_call:pending',
      'function_call_output:rejected',
    ]);
    assert.equal(decide(items, decision('b', 'approve')), 'tools');
  });

  it('go on to the model when the last is rejected', () => {
    const items = waiting('a');
    assert.equal(decide(items, decision('a', 'reject')), 'model');
    assert.deepEqual(statuses(items).at(-1), 'message:in_progress');
  });

  it('are decided once', () => {
    const items = waiting('a', 'b');
    assert.equal(decide(items, decision('a', 'approve')), 'tools');
    assert.throws(() => decide(items, decision('a', 'approve')), refused(409));
    assert.throws(() => decide(items, decision('a', 'reject')), refused(409));
    assert.throws(() => decide([call('a'), result('a')], decision('a', 'approve')), refused(409));
    assert.throws(() => decide(items, decision('z', 'approve')), refused(404));
    assert.throws(() => decide(items, decision('b', 'answer', {})), refused(400));
  });

  it('join those that are being run', () => {
    const items = waiting('a', 'b');
    decide(items, decision('a', 'approve'));
    assert.notEqual(typeof takeNext(items, false), 'string');
    assert.equal(decide(items, decision('b', 'approve')), null);
    assert.equal(takeNext(items, false), 'waits');
  });

  it('take answers where they ask', () => {
    const items = waiting('a');
    (items[0] as FunctionCallItem).name = 'ask_user';
    assert.throws(() => decide(items, decision('a', 'approve')), refused(400));
    assert.throws(() => decide(items, decision('a', 'answer')), refused(400));
    assert.equal(takeNext(structuredClone(items), true), 'waits');
    assert.equal(decide(items, decision('a', 'answer', { q: 'Red' })), 'model');
    const output = { type: 'input_text', text: '{"status":"answered","answers":{"q":"Red"}}' };
    assert.deepEqual((items[1] as { output?: unknown }).output, [output]);
  });

  it('are run when they are approved, or when nobody is asked any more', () => {
    const items = waiting('a', 'b');
    assert.equal(takeNext(structuredClone(items), false), 'waits');
    assert.equal((takeNext(structuredClone(items), true) as FunctionCallItem).call_id, 'a');
    decide(items, decision('b', 'approve'));
    const next = takeNext(items, false) as FunctionCallItem;
    assert.deepEqual([next.call_id, next.status], ['b', 'in_progress']);
    next.status = 'completed';
    items.push(result('b'));
    assert.equal(takeNext(items, false), 'waits');
    assert.equal((items[0] as FunctionCallItem).status, 'pending');
  });

  it('outlive the server, and what ran is not run again', () => {
    const items = waiting('a', 'b', 'c');
    decide(items, decision('a', 'approve'));
    takeNext(items, false);
    assert.equal(surviveStop(items), 'waits');
    assert.deepEqual(statuses(items), [
      'function_call:failed',
      'function_call:pending',
      'function_call:queued',
      'function_call_output:failed',
    ]);
    decide(items, decision('b', 'approve'));
    assert.equal(surviveStop(items), 'tools');
    assert.equal(surviveStop([call('a', { status: 'in_progress' })]), null);
  });
});
