import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { splitLines } from './lines.ts';
import { unifiedDiff } from './unified-diff.ts';

const names = { from: 'a', to: 'b' };
const numbers = (count: number) => Array.from({ length: count }, (_, at) => `line ${at + 1}`);

describe('unified diff', () => {
  it('shows changed lines within three lines of context', () => {
    const after = numbers(12).with(5, 'changed');
    assert.deepEqual(unifiedDiff(numbers(12), after, names), [
      '--- a',
      '+++ b',
      '@@ -3,7 +3,7 @@',
      ' line 3',
      ' line 4',
      ' line 5',
      '-line 6',
      '+changed',
      ' line 7',
      ' line 8',
      ' line 9',
    ]);
  });

  it('parts hunks that lie further apart than two contexts', () => {
    const after = numbers(30).with(2, 'x').with(20, 'y');
    const heads = unifiedDiff(numbers(30), after, names).filter((line) => line.startsWith('@@'));
    assert.deepEqual(heads, ['@@ -1,6 +1,6 @@', '@@ -18,7 +18,7 @@']);
  });

  it('names empty and single ranges as the format asks', () => {
    assert.deepEqual(unifiedDiff([], ['one'], names), ['--- a', '+++ b', '@@ -0,0 +1 @@', '+one']);
    assert.deepEqual(unifiedDiff(['one'], [], names), ['--- a', '+++ b', '@@ -1 +0,0 @@', '-one']);
  });

  it('is empty for equal texts and finds lines too common to start a match', () => {
    assert.deepEqual(unifiedDiff(numbers(3), numbers(3), names), []);
    const common = Array.from({ length: 300 }, () => 'same');
    assert.deepEqual(unifiedDiff(common, [...common, 'end'], names).slice(2), [
      '@@ -298,3 +298,4 @@',
      ' same',
      ' same',
      ' same',
      '+end',
    ]);
  });
});

describe('lines', () => {
  it('breaks at every Unicode line break and drops the last empty one', () => {
    assert.deepEqual(splitLines('a\r\nb\u2028c\rd\n'), ['a', 'b', 'c', 'd']);
    assert.deepEqual(splitLines('\n\n'), ['', '']);
    assert.deepEqual(splitLines(''), []);
  });
});
