import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Part } from '../part.ts';
import { createChunkWriter, createOllamaReader, ollamaCompletion, ollamaUsage } from './answer.ts';
import { ollamaRequest } from './request.ts';

describe('requests to Ollama', () => {
  it('carry parameters in options, and some at the root', () => {
    const body = {
      stream: true,
      temperature: 1,
      stop: ['x'],
      max_tokens: 5,
      options: { num_ctx: 8, think: 'high', format: '{"type":"object"}', keep_alive: '5m' },
      messages: [],
      response_format: { type: 'json_schema', json_schema: { schema: { type: 'array' } } },
    };
    assert.deepEqual(ollamaRequest(body, 'm'), {
      model: 'm',
      messages: [],
      stream: true,
      format: { type: 'array' },
      keep_alive: '5m',
      think: 'high',
      options: { num_ctx: 8, stop: ['x'], num_predict: 5 },
    });
    assert.deepEqual(ollamaRequest({ response_format: { type: 'json_object' } }, 'm').format, 'json');
  });

  it('keep text beside tool calls, thoughts and pictures', () => {
    const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };
    const messages = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look ' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAA' } },
          { type: 'image_url', image_url: { url: 'https://a/b.png' } },
        ],
      },
      {
        role: 'assistant',
        content: 'I look',
        reasoning_content: 'hm',
        tool_calls: [call, { function: { name: 'g', arguments: '' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: [{ type: 'text', text: 'seen' }] },
      { role: 'assistant', content: null },
    ];
    assert.deepEqual(ollamaRequest({ messages }, 'm').messages, [
      { role: 'user', content: 'Look', images: ['AAA', 'https://a/b.png'] },
      {
        role: 'assistant',
        thinking: 'hm',
        content: 'I look',
        tool_calls: [
          { index: 0, id: 'c', function: { name: 'f', arguments: { a: 1 } } },
          { index: 0, function: { name: 'g', arguments: {} } },
        ],
      },
      { role: 'tool', content: 'seen', tool_call_id: 'c' },
      { role: 'assistant', content: '' },
    ]);
  });
});

const line = (message: object, rest: object = {}) => ({
  model: 'm',
  message: { role: 'assistant', ...message },
  done: false,
  ...rest,
});
const end = {
  model: 'm',
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason: 'stop',
  total_duration: 3_725_000_000_000,
  load_duration: 1,
  prompt_eval_count: 10,
  prompt_eval_duration: 2e9,
  eval_count: 5,
  eval_duration: 0,
};

describe('answers of Ollama', () => {
  it('become parts', () => {
    const reader = createOllamaReader();
    const parts: Part[] = [];
    for (const one of [
      line({ thinking: 'hm' }),
      line({ content: 'Hi' }),
      line({
        tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }, { function: { name: 'g', arguments: {} } }],
      }),
      end,
    ]) {
      reader.read(one, parts);
    }
    const calls = parts.filter((part) => part.type === 'tool_call');
    assert.deepEqual(
      calls.map(({ index, name, arguments: args }) => [index, name, args]),
      [
        [0, 'f', '{"a":1}'],
        [1, 'g', '{}'],
      ],
    );
    assert.notEqual(calls[0]?.id, calls[1]?.id);
    assert.deepEqual(
      parts.map(({ type }) => type),
      ['reasoning', 'text', 'tool_call', 'tool_call', 'usage', 'finish'],
    );
    assert.deepEqual(parts.at(-1), { type: 'finish', reason: 'tool_calls' });
    assert.equal(reader.finished, true);
  });

  it('end with the error a line carries', () => {
    const parts: Part[] = [];
    createOllamaReader().read({ error: 'out of memory' }, parts);
    assert.deepEqual(parts, [{ type: 'error', status: null, error: 'out of memory' }]);
    const text = createChunkWriter('m').write({ error: 'out of memory' });
    assert.equal(text, 'data: {"error":{"message":"out of memory"}}\n\ndata: [DONE]\n\n');
  });

  it('count tokens and time', () => {
    const usage = ollamaUsage(end);
    assert.deepEqual(
      [
        usage.prompt_tokens,
        usage.total_tokens,
        usage['prompt_token/s'],
        usage['response_token/s'],
        usage.approximate_total,
      ],
      [10, 15, 5, 'N/A', '1h2m5s'],
    );
  });

  it('become chunks of one completion, finished only at the end', () => {
    const writer = createChunkWriter('m');
    const text = [line({ content: 'H' }), line({}), line({ content: 'i' }), end]
      .map((one) => writer.write(one))
      .join('');
    const frames = text
      .trim()
      .split('\n\n')
      .map((frame) => frame.slice(6));
    assert.equal(frames.pop(), '[DONE]');
    const chunks = frames.map(
      (frame) => JSON.parse(frame) as { id: string; choices: { delta: object; finish_reason: string | null }[] },
    );
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
    assert.deepEqual(
      chunks.map(({ choices }) => [choices[0]?.delta, choices[0]?.finish_reason]),
      [
        [{ role: 'assistant', content: 'H' }, null],
        [{ content: 'i' }, null],
        [{}, 'stop'],
      ],
    );
  });

  it('come whole', () => {
    const answer = ollamaCompletion({ ...end, message: { content: 'Hi', thinking: 'hm' } }, 'm');
    assert.deepEqual(answer.choices, [
      {
        index: 0,
        logprobs: null,
        finish_reason: 'stop',
        message: { role: 'assistant', content: 'Hi', reasoning_content: 'hm' },
      },
    ]);
  });
});
