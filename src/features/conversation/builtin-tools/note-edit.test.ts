import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editNote, isFailure } from './note-edit.ts';

const text = '🙂 one two one';
const code = (operations: unknown[]) => {
  const edited = editNote(text, operations);
  return isFailure(edited) ? edited.code : edited.content;
};
const put = (more: object) => ({ action: 'replace_text', content: 'X', ...more });

describe('changes of a note', () => {
  it('count code points and apply from the end', () => {
    assert.deepEqual(editNote(text, [put({ start: 2, end: 5 }), put({ find: 'two' })]), {
      content: '🙂 X X one',
      ranges: [
        { start: 2, end: 5 },
        { start: 6, end: 9 },
      ],
      count: 2,
    });
    assert.equal(code([put({ find: 'one', replace_all: true })]), '🙂 X two X');
    assert.equal(code([put({ find: 'one', occurrence: 2 })]), '🙂 one two X');
    assert.equal(code([{ action: 'replace', content: 'all' }]), 'all');
    assert.equal(code([{ ...put({ start: 0, end: 1 }), action: 'replace_range', expected: '🙂' }]), 'X one two one');
  });

  it('are refused whole, with a reason', () => {
    assert.equal(code(['x']), 'invalid_operation');
    assert.equal(code([{ action: 'erase', content: '' }]), 'invalid_action');
    assert.equal(code([{ action: 'replace_text', find: 'one' }]), 'invalid_content');
    assert.equal(code([put({ find: '' })]), 'invalid_find');
    assert.equal(code([put({ find: 'one', occurrence: 3 })]), 'invalid_occurrence');
    assert.equal(code([put({ start: 3, end: 1 })]), 'invalid_range');
    assert.equal(code([put({ start: 0, end: 99 })]), 'range_out_of_bounds');
    assert.equal(code([put({ start: 2, end: 5, expected: 'two' })]), 'expected_mismatch');
    assert.equal(code([put({ find: 'three' })]), 'text_not_found');
    assert.equal(code([put({ find: 'one' })]), 'ambiguous_match');
    assert.equal(code([put({ find: 'two' }), put({ start: 5, end: 7 })]), 'overlapping_operations');
    assert.equal(code([put({ find: 'two' }), { action: 'replace', content: '' }]), 'invalid_operations');
    const ambiguous = editNote(text, [put({ find: 'one' })]);
    assert.deepEqual(
      (ambiguous as { matches?: { start: number }[] }).matches?.map(({ start }) => start),
      [2, 10],
    );
  });
});
