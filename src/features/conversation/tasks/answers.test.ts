import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFollowUps, readQueries, readTags, readTitle } from './answers.ts';

const answer = (content: unknown, more: object = {}) => ({ choices: [{ message: { content, ...more } }] });

describe('what models answer to tasks', () => {
  it('is JSON, alone or among other text', () => {
    assert.equal(readTitle(answer('{"title": " Big\\n whales "}')), 'Big whales');
    assert.equal(readTitle(answer('Here you go:\n```json\n{ "title": "Whales" }\n```\nEnjoy!')), 'Whales');
    assert.equal(readTitle(answer('I use {braces}. {"title": "Whales"} And {more}.')), 'Whales');
    assert.equal(readTitle(answer('<think>{"title": "draft"}</think>{"title": "Whales"}')), 'Whales');
  });

  it('may be in the thoughts, or have slips', () => {
    assert.equal(readTitle(answer('', { reasoning_content: '{"title": "Whales"}' })), 'Whales');
    assert.deepEqual(readTags(answer('{"tags": ["a", "b",],}')), ['a', 'b']);
    assert.equal(readTitle(answer('{"title": "Two\nlines"}')), 'Two lines');
  });

  it('may be nothing that can be read', () => {
    for (const nothing of [
      null,
      {},
      answer(null),
      answer('Whales'),
      answer('{"title": 5}'),
      answer('{"title": ""}'),
      answer('{"x"'),
    ]) {
      assert.equal(readTitle(nothing), null);
    }
    assert.equal(readTags(answer('{"tags": "a"}')), null);
    assert.equal(readQueries(answer('no')), null);
    assert.deepEqual(readFollowUps(answer('{"follow_ups": null}')), []);
  });

  it('is held to what clients show', () => {
    const follow_ups = [' a ', 'a', '', 5, 'x'.repeat(401), 'b', 'c', 'd', 'e', 'f'];
    assert.deepEqual(readFollowUps(answer(JSON.stringify({ follow_ups }))), ['a', 'b', 'c', 'd', 'e']);
  });
});
