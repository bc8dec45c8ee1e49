import assert from 'node:assert/strict';
import { test } from 'node:test';
import { excerpt, termsOf } from './excerpt.ts';

test('an excerpt begins a quarter before the first term and never cuts a character', () => {
  const text = `${'a'.repeat(100)}😀needle${'b'.repeat(100)}`;
  assert.equal(excerpt(text, ['needle'], 40), `…${'a'.repeat(9)}😀needle${'b'.repeat(24)}…`);
  assert.equal(excerpt('short needle', ['needle'], 40), 'short needle');
  assert.equal(excerpt('x'.repeat(50), ['needle'], 40), `${'x'.repeat(40)}…`);
  assert.equal(excerpt(`${'x'.repeat(50)}needle`, ['needle'], 40), `…${'x'.repeat(34)}needle`);
});

test('terms are the distinct words in lower case, twelve at most', () => {
  assert.deepEqual(termsOf('  Red ROSES red '), ['red', 'roses']);
  assert.equal(termsOf('a b c d e f g h i j k l m n').length, 12);
});
