import assert from 'node:assert/strict';
import { it } from 'node:test';
import { completionParts } from './completion-parts.ts';

it('takes a completion that came whole apart', () => {
  const parts = completionParts({
    choices: [
      {
        message: {
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
          reasoning_content: 'hm',
          tool_calls: [{ id: 'c', function: { name: 'f', arguments: { x: 1 } } }],
        },
        finish_reason: 'tool_calls',
      },
    ],
    usage: { prompt_tokens: 1 },
  });
  assert.deepEqual(parts, [
    { type: 'reasoning', text: 'hm' },
    { type: 'text', text: 'ab' },
    { type: 'tool_call', index: 0, id: 'c', name: 'f', arguments: '{"x":1}' },
    { type: 'usage', usage: { prompt_tokens: 1 } },
    { type: 'finish', reason: 'tool_calls' },
  ]);
});

it('sees errors, and nothing where nothing is', () => {
  assert.deepEqual(completionParts({ error: { message: 'x' } }), [
    { type: 'error', status: null, error: { message: 'x' } },
  ]);
  for (const odd of [{}, { choices: [] }, { choices: 'x' }, { choices: [{ message: null }] }]) {
    assert.deepEqual(completionParts(odd), []);
  }
});
