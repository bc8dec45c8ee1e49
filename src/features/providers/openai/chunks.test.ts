import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Part } from '../part.ts';
import { createChunkReader, wholeParts } from './chunks.ts';

function parts(...chunks: unknown[]): Part[] {
  const reader = createChunkReader();
  const found: Part[] = [];
  for (const chunk of chunks) reader.read(chunk, found);
  return found;
}

const delta = (value: unknown, finish: string | null = null) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: value, finish_reason: finish }],
});

describe('chunks of chat completions', () => {
  it('are text, thoughts and an end', () => {
    assert.deepEqual(
      parts(
        delta({ role: 'assistant', content: '' }),
        delta({ reasoning_content: 'Hm' }),
        delta({ reasoning: ' yes' }),
        delta({ content: 'Hi' }),
        delta({}, 'stop'),
        { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } },
      ),
      [
        { type: 'reasoning', text: 'Hm' },
        { type: 'reasoning', text: ' yes' },
        { type: 'text', text: 'Hi' },
        { type: 'finish', reason: 'stop' },
        { type: 'usage', usage: { prompt_tokens: 1, completion_tokens: 2 } },
      ],
    );
  });

  it('bring tool calls in pieces, some without an index', () => {
    const call = (fields: object, fn: object) => delta({ tool_calls: [{ ...fields, function: fn }] });
    assert.deepEqual(
      parts(
        call({ index: 0, id: 'a', type: 'function' }, { name: 'look', arguments: '' }),
        call({ index: 0 }, { arguments: '{"q":' }),
        call({ index: 0 }, { arguments: '1}' }),
        call({ index: 1, id: 'b' }, { name: 'go', arguments: { x: 1 } }),
      ),
      [
        { type: 'tool_call', index: 0, id: 'a', name: 'look' },
        { type: 'tool_call', index: 0, arguments: '{"q":' },
        { type: 'tool_call', index: 0, arguments: '1}' },
        { type: 'tool_call', index: 1, id: 'b', name: 'go', arguments: '{"x":1}' },
      ],
    );
    const indexes = parts(
      call({ id: 'a' }, { name: 'one', arguments: '{}' }),
      call({ id: 'b' }, { name: 'two' }),
      call({}, { arguments: '{}' }),
      call({ id: 'a' }, { arguments: ' ' }),
    ).map((part) => (part.type === 'tool_call' ? part.index : null));
    assert.deepEqual(indexes, [0, 1, 1, 0]);
  });

  it('carry details of thoughts, citations, pictures and members of pipelines', () => {
    const details = [{ type: 'reasoning.encrypted', data: 'x', index: 0 }];
    const annotations = [{ type: 'url_citation', url_citation: { url: 'https://a', title: 'A' } }];
    assert.deepEqual(
      parts(
        { event: { type: 'status', data: {} } },
        delta({ reasoning_details: details }),
        delta({ annotations }),
        delta({ images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }] }),
        { selected_model_id: 'm' },
      ),
      [
        { type: 'extra', data: { event: { type: 'status', data: {} } } },
        { type: 'extra', data: { reasoning_details: details } },
        { type: 'extra', data: { annotations } },
        { type: 'image', url: 'data:image/png;base64,AA' },
        { type: 'extra', data: { selected_model_id: 'm' } },
      ],
    );
  });

  it('may have their content in typed pieces', () => {
    const content = [
      {
        type: 'thinking',
        thinking: [
          { type: 'text', text: 'First ' },
          { type: 'text', text: 'think' },
        ],
      },
      { type: 'text', text: 'then say' },
    ];
    assert.deepEqual(parts(delta({ content })), [
      { type: 'reasoning', text: 'First think' },
      { type: 'text', text: 'then say' },
    ]);
  });

  it('add the figures of llama.cpp to the usage', () => {
    assert.deepEqual(parts({ choices: [], usage: { completion_tokens: 3 }, timings: { predicted_n: 3 } }), [
      { type: 'usage', usage: { completion_tokens: 3, predicted_n: 3 } },
    ]);
  });

  it('are errors where they carry one, whatever its form', () => {
    assert.deepEqual(parts({ error: { message: 'overloaded', code: 503 } }), [
      { type: 'error', status: 503, error: { message: 'overloaded', code: 503 } },
    ]);
    assert.deepEqual(parts({ error: { detail: 'from a pipe' } }), [
      { type: 'error', status: null, error: 'from a pipe' },
    ]);
    assert.deepEqual(parts({ error: 'plain', choices: [] }), [{ type: 'error', status: null, error: 'plain' }]);
    assert.deepEqual(parts({ error: null, choices: [{ delta: { content: 'x' } }] }), [{ type: 'text', text: 'x' }]);
  });

  it('are nothing where they are nothing', () => {
    assert.deepEqual(parts(null, 5, 'x', [], {}, { choices: null }, { choices: [null] }, delta(null)), []);
  });

  it('come whole when the provider does not stream', () => {
    const message = {
      role: 'assistant',
      reasoning_content: 'r',
      content: 'c',
      tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{}' } }],
    };
    const answer = {
      object: 'chat.completion',
      choices: [{ message, finish_reason: 'tool_calls' }],
      usage: { total_tokens: 3 },
    };
    const expected = [
      { type: 'usage', usage: { total_tokens: 3 } },
      { type: 'reasoning', text: 'r' },
      { type: 'text', text: 'c' },
      { type: 'tool_call', index: 0, id: 'a', name: 'f', arguments: '{}' },
      { type: 'finish', reason: 'tool_calls' },
    ];
    assert.deepEqual(wholeParts(answer), expected);
    assert.deepEqual(wholeParts([answer]), expected);
  });
});

describe('events of the Responses API', () => {
  it('become the same parts', () => {
    assert.deepEqual(
      parts(
        { type: 'response.created', response: {} },
        { type: 'response.output_item.added', output_index: 0, item: { type: 'reasoning', id: 'rs' } },
        { type: 'response.reasoning_summary_part.added', output_index: 0, summary_index: 0 },
        { type: 'response.reasoning_summary_text.delta', output_index: 0, delta: 'Think' },
        { type: 'response.output_item.added', output_index: 1, item: { type: 'message', id: 'm' } },
        { type: 'response.output_text.delta', output_index: 1, delta: 'Hi' },
        {
          type: 'response.output_item.added',
          output_index: 2,
          item: { type: 'function_call', call_id: 'c', name: 'f', arguments: '' },
        },
        { type: 'response.function_call_arguments.delta', output_index: 2, delta: '{}' },
        {
          type: 'response.output_item.done',
          output_index: 2,
          item: { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        },
        { type: 'response.completed', response: { usage: { input_tokens: 1, output_tokens: 2 } } },
      ),
      [
        { type: 'reasoning', text: 'Think' },
        { type: 'text', text: 'Hi' },
        { type: 'tool_call', index: 2, id: 'c', name: 'f' },
        { type: 'tool_call', index: 2, arguments: '{}' },
        { type: 'usage', usage: { input_tokens: 1, output_tokens: 2 } },
        { type: 'finish', reason: 'tool_calls' },
      ],
    );
  });

  it('give whole calls whose arguments were not streamed, and failures', () => {
    const item = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{"a":1}' };
    assert.deepEqual(parts({ type: 'response.output_item.done', output_index: 0, item }), [
      { type: 'tool_call', index: 0, id: 'c', name: 'f', arguments: '{"a":1}' },
    ]);
    assert.deepEqual(parts({ type: 'response.failed', response: { error: { message: 'no' } } }), [
      { type: 'error', status: null, error: { message: 'no' } },
    ]);
    const incomplete = { incomplete_details: { reason: 'max_output_tokens' } };
    assert.deepEqual(parts({ type: 'response.incomplete', response: incomplete }), [
      { type: 'finish', reason: 'length' },
    ]);
  });
});
