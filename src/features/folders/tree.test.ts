import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rollUp, strayFolders, withDescendants } from './tree.ts';

const nodes = [
  { id: 'a', parent_id: null },
  { id: 'b', parent_id: 'a' },
  { id: 'c', parent_id: 'b' },
  { id: 'lost', parent_id: 'gone' },
  { id: 'x', parent_id: 'y' },
  { id: 'y', parent_id: 'x' },
  { id: 'below-circle', parent_id: 'x' },
];

test('everything below a folder, circles included once', () => {
  assert.deepEqual([...withDescendants(nodes, ['a'])].sort(), ['a', 'b', 'c']);
  assert.deepEqual([...withDescendants(nodes, ['x', 'c'])].sort(), ['below-circle', 'c', 'x', 'y']);
});

test('counts add up to the root and every folder has one', () => {
  assert.deepEqual(
    rollUp(
      nodes,
      new Map([
        ['c', 2],
        ['a', 1],
        ['x', 3],
        ['unknown', 9],
      ]),
    ),
    { a: 3, b: 2, c: 2, lost: 0, x: 3, y: 3, 'below-circle': 0 },
  );
});

test('folders without a way to the root', () => {
  assert.deepEqual(strayFolders(nodes), ['lost', 'x', 'y']);
});
