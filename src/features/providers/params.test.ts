import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withOllamaParams, withOpenaiParams, withSystemPrompt } from './params.ts';

describe('parameters of a model', () => {
  it('fill what a chat completion request does not say', () => {
    const params = {
      system: 'x',
      function_calling: 'native',
      temperature: '0.2',
      top_p: 0.3,
      max_tokens: 11.7,
      stop: ['A\\nB', 'Grüße\\u0021'],
      seed: null,
      custom_params: { top_k: '4', extra: '{"a":1}', response_format: { type: 'json_object' } },
    };
    assert.deepEqual(withOpenaiParams({ model: 'm', top_p: 0.9 }, params), {
      model: 'm',
      top_p: 0.9,
      temperature: 0.2,
      max_tokens: 11,
      stop: ['A\nB', 'Grüße!'],
      top_k: 4,
      extra: { a: 1 },
      response_format: { type: 'json_object' },
    });
    assert.deepEqual(withOpenaiParams({}, { stop: 'one' }), { stop: ['one'] });
  });

  it('go to the root or the options of an Ollama request', () => {
    const params = { max_tokens: 9, num_ctx: '512', think: true, keep_alive: '"5m"', use_mmap: 'true', temperature: 1 };
    assert.deepEqual(withOllamaParams({ model: 'm', think: false, options: { temperature: 0.1 } }, params), {
      model: 'm',
      think: true,
      keep_alive: '5m',
      options: { temperature: 0.1, num_ctx: 512, use_mmap: true, num_predict: 9 },
    });
    assert.deepEqual(withOllamaParams({}, {}), { options: {} });
  });

  it('put a system prompt in front of what is there', () => {
    const user = { role: 'user', content: 'Hi' };
    assert.deepEqual(withSystemPrompt([user], 'P'), [{ role: 'system', content: 'P' }, user]);
    assert.deepEqual(withSystemPrompt([{ role: 'system', content: 'old' }, user], 'P'), [
      { role: 'system', content: 'P\nold' },
      user,
    ]);
    const parts = [{ type: 'text', text: 'a' }, { type: 'image_url' }];
    assert.deepEqual(withSystemPrompt([{ role: 'system', content: parts }], 'P'), [
      { role: 'system', content: [{ type: 'text', text: 'P\na' }, { type: 'image_url' }] },
    ]);
  });
});
