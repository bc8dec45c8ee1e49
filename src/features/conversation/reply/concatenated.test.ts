import assert from 'node:assert/strict';
import { it } from 'node:test';
import { splitObjects } from './concatenated.ts';

it('tells objects that were written into one text apart', () => {
  assert.deepEqual(splitObjects('{"a":1}{"b":{"c":"}"}}\n {"d":"\\"{"}'), [
    '{"a":1}',
    '{"b":{"c":"}"}}',
    '{"d":"\\"{"}',
  ]);
  assert.deepEqual(splitObjects('{"a":1}'), ['{"a":1}']);
  for (const text of ['', '[1]', '{"a":1} and', '{"a":1}{', '"{}"']) assert.deepEqual(splitObjects(text), [], text);
});
