import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contextUsage, estimateText } from './context-usage.ts';
import type { Message } from './document.ts';
import { parseSearch, snippetOf } from './search-query.ts';
import { mergeUsage, normaliseUsage } from './usage.ts';

describe('token figures', () => {
  it('get one set of names', () => {
    assert.deepEqual(normaliseUsage({ prompt_tokens: 3, completion_tokens: 4 }), {
      prompt_tokens: 3,
      completion_tokens: 4,
      input_tokens: 3,
      output_tokens: 4,
      total_tokens: 7,
    });
    assert.deepEqual(normaliseUsage({ prompt_n: 5, cache_n: 2, predicted_n: 1 }), {
      prompt_n: 5,
      cache_n: 2,
      predicted_n: 1,
      input_tokens: 7,
      output_tokens: 1,
      total_tokens: 8,
    });
    for (const none of [null, {}, 'text', []]) assert.equal(normaliseUsage(none), null);
  });

  it('add up when a reply was continued', () => {
    const stored = {
      input_tokens: 10,
      output_tokens: 5,
      total_tokens: 15,
      cost: 1,
      output_tokens_details: { reasoning: 2 },
    };
    const more = {
      input_tokens: 20,
      output_tokens: 1,
      total_tokens: 21,
      cost: 2,
      output_tokens_details: { reasoning: 1, other: 4 },
    };
    assert.deepEqual(mergeUsage(stored, more), {
      input_tokens: 30,
      output_tokens: 6,
      total_tokens: 36,
      cost: 3,
      output_tokens_details: { reasoning: 3, other: 4 },
      prompt_tokens: 20,
      completion_tokens: 1,
    });
    assert.deepEqual(mergeUsage(stored, { ...stored }), stored);
  });
});

describe('context usage', () => {
  const limits = { threshold: 1000, cap: null };
  const user: Message = { id: 'u', role: 'user', content: 'x'.repeat(400) };

  it('estimates what no provider has counted', () => {
    assert.deepEqual(contextUsage([user], {}, limits), {
      tokens: 104,
      estimated_tokens: 104,
      threshold: 1000,
      percent: 10,
      source: 'estimated',
    });
    assert.equal(contextUsage([], {}, limits), null);
  });

  it('starts from the newest counted reply', () => {
    const reply: Message = {
      id: 'a',
      role: 'assistant',
      content: 'y',
      usage: { prompt_tokens: 500, completion_tokens: 20 },
    };
    assert.equal(contextUsage([user, reply, user], {}, limits)?.tokens, 624);
  });

  it('starts at a checkpoint and counts its summary', () => {
    const checkpoint: Message = { id: 'c', role: 'user', content: 'abcd', contextSummary: 's'.repeat(40) };
    assert.equal(contextUsage([user, user, checkpoint], {}, limits)?.tokens, 10 + 5);
  });

  it('takes the chat threshold below the cap', () => {
    assert.equal(contextUsage([user], { compact_token_threshold: 500 }, limits)?.threshold, 500);
    assert.equal(
      contextUsage([user], { compact_token_threshold: 5000 }, { threshold: 1000, cap: 2000 })?.threshold,
      2000,
    );
  });

  it('measures images and data by what they cost', () => {
    assert.equal(estimateText(`a data:image/png;base64,${'A'.repeat(4000)} b`), 1);
    const image: Message = {
      id: 'i',
      role: 'user',
      content: [
        { type: 'image_url', image_url: {} },
        { type: 'text', text: 'abcd' },
      ],
    };
    assert.equal(contextUsage([image], {}, limits)?.tokens, 4 + 1000 + 1);
  });
});

describe('the search language', () => {
  it('takes filters out of the phrase', () => {
    const query = parseSearch('  TAG:Big_Science pinned:true  Walnut  cake folder:My_Work archived: shared:maybe ');
    assert.deepEqual(query, {
      tags: ['big_science'],
      untagged: false,
      folders: ['my work'],
      pinned: true,
      archived: null,
      shared: null,
      phrase: 'walnut cake',
      terms: ['walnut', 'cake'],
    });
    assert.deepEqual(parseSearch('oven').terms, []);
    assert.deepEqual(parseSearch('C++').terms, ['c']);
    assert.equal(parseSearch('tag:none tag:x').untagged, true);
  });

  it('shows two hundred characters around the first match', () => {
    const text = `${'😀'.repeat(150)}needle${'b'.repeat(300)}`;
    const found = snippetOf(
      { history: { messages: { a: { id: 'a', role: 'user', content: text } } } },
      { phrase: 'needle', terms: [] },
    );
    assert.equal(found, `...${'😀'.repeat(100)}needle${'b'.repeat(94)}...`);
    assert.equal(snippetOf({}, { phrase: 'needle', terms: [] }), null);
  });
});
