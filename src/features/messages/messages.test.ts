import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../kernel/json.ts';
import { messageAnswer, messageError, messageUsage } from './answer.ts';
import { chatRequest } from './request.ts';
import { createMessageWriter } from './stream.ts';

const request = (body: JsonObject, passes: (name: string) => boolean = () => false) =>
  chatRequest({ model: 'm', ...body }, passes);

describe('requests of the Messages API', () => {
  it('become chat completion requests', () => {
    const messages = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AA' } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'unsigned' },
          { type: 'thinking', thinking: 'signed', signature: 's' },
          { type: 'text', text: 'I look' },
          { type: 'tool_use', id: 't1', name: 'look', input: { q: 1 } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 't1',
            content: [
              { type: 'text', text: 'a' },
              { type: 'text', text: 'b' },
            ],
            is_error: true,
          },
          { type: 'text', text: 'Well?' },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't2', content: 'only this' }] },
      { role: 'user', content: [] },
      { role: 'assistant', content: [] },
    ];
    const result = request({
      system: [{ type: 'text', text: 'Be brief.' }],
      messages,
      max_tokens: 5,
      stop_sequences: ['END'],
      thinking: { type: 'enabled' },
    });
    assert.deepEqual(result, {
      model: 'm',
      max_tokens: 5,
      stop: ['END'],
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,AA' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'signed', signature: 's' },
            { type: 'text', text: 'I look' },
          ],
          tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{"q":1}' } }],
        },
        { role: 'tool', tool_call_id: 't1', content: 'Error: a\nb' },
        { role: 'user', content: 'Well?' },
        { role: 'tool', tool_call_id: 't2', content: 'only this' },
        { role: 'assistant', content: '' },
      ],
    });
  });

  it('offer tools, formats and what the connection takes', () => {
    const tools = [{ name: 'f', description: 'd', input_schema: { type: 'object' } }];
    const format = { type: 'json_schema', schema: { type: 'array' } };
    const result = request(
      {
        tools,
        tool_choice: { type: 'tool', name: 'f' },
        output_config: { effort: 'low', format },
        thinking: { a: 1 },
        other: 2,
      },
      (name) => name === 'thinking',
    );
    assert.deepEqual(result.tools, [
      { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } },
    ]);
    assert.deepEqual(result.tool_choice, { type: 'function', function: { name: 'f' } });
    assert.deepEqual(result.response_format, {
      type: 'json_schema',
      json_schema: { name: 'response_schema', schema: { type: 'array' } },
    });
    assert.deepEqual([result.reasoning_effort, result.thinking, result.other], ['low', { a: 1 }, undefined]);
    assert.equal(request({ tool_choice: { type: 'any' } }).tool_choice, undefined);
  });
});

describe('answers of the Messages API', () => {
  it('come from chat completions', () => {
    const message = {
      reasoning_content: 'hm',
      content: 'Hi',
      tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{bad' } }],
    };
    const answer = messageAnswer(
      {
        id: 'x',
        choices: [{ message, finish_reason: 'tool_calls' }],
        usage: { prompt_tokens: 20, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 4 } },
      },
      'asked',
    );
    assert.deepEqual(answer, {
      id: 'x',
      type: 'message',
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'hm' },
        { type: 'text', text: 'Hi' },
        { type: 'tool_use', id: 'c', name: 'f', input: {} },
      ],
      model: 'asked',
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { input_tokens: 16, output_tokens: 9, cache_read_input_tokens: 4 },
    });
    assert.deepEqual(messageUsage({ prompt_tokens: 1, cache_read_input_tokens: 5 })?.input_tokens, 0);
  });

  it('name errors as SDKs know them', () => {
    assert.deepEqual(messageError(429, { error: { message: 'slow down' } }), {
      type: 'error',
      error: { type: 'rate_limit_error', message: 'slow down' },
    });
    assert.deepEqual(messageError(502, 'gone'), { type: 'error', error: { type: 'api_error', message: 'gone' } });
  });
});

/** The events of a stream, its pieces joined. */
function stream(...chunks: unknown[]): JsonObject[] {
  const writer = createMessageWriter('m');
  const text = writer.start() + chunks.map(writer.write).join('') + writer.end();
  return text
    .trim()
    .split('\n\n')
    .map((frame) => {
      const [event = '', data = ''] = frame.split('\n');
      const value = JSON.parse(data.slice(6)) as JsonObject;
      assert.equal(event, `event: ${value.type}`);
      return value;
    });
}

const delta = (value: JsonObject, finish: string | null = null) => ({
  choices: [{ delta: value, finish_reason: finish }],
});
const call = (index: number, fields: JsonObject, fn: JsonObject) =>
  delta({ tool_calls: [{ index, ...fields, function: fn }] });
const shape = (events: JsonObject[]) =>
  events.map(({ type, index }) => (index === undefined ? type : `${type} ${index}`));

describe('streams of the Messages API', () => {
  it('open and close a block for each kind of content', () => {
    const events = stream(
      delta({ reasoning_content: 'hm' }),
      delta({ content: 'Hi' }),
      delta({ content: '!' }),
      call(0, { id: 'a' }, { name: 'f', arguments: '{"q":' }),
      call(0, {}, { arguments: '1}' }),
      delta({}, 'tool_calls'),
      { choices: [], usage: { prompt_tokens: 2, completion_tokens: 3 } },
    );
    assert.deepEqual(shape(events), [
      'message_start',
      'content_block_start 0',
      'content_block_delta 0',
      'content_block_stop 0',
      'content_block_start 1',
      'content_block_delta 1',
      'content_block_delta 1',
      'content_block_stop 1',
      'content_block_start 2',
      'content_block_delta 2',
      'content_block_delta 2',
      'content_block_stop 2',
      'message_delta',
      'message_stop',
    ]);
    const end = events.at(-2);
    assert.deepEqual(
      [end?.delta, end?.usage],
      [
        { stop_reason: 'tool_use', stop_sequence: null },
        { input_tokens: 2, output_tokens: 3 },
      ],
    );
  });

  it('keep the input of a tool whose name comes late', () => {
    const events = stream(call(0, { id: 'a' }, { arguments: '{"q":' }), call(0, {}, { name: 'f', arguments: '1}' }));
    const json = events.flatMap(
      ({ delta: piece }) => ((piece as JsonObject | undefined)?.partial_json as string | undefined) ?? [],
    );
    assert.equal(json.join(''), '{"q":1}');
    assert.deepEqual(shape(events).slice(1, 4), [
      'content_block_start 0',
      'content_block_delta 0',
      'content_block_stop 0',
    ]);
  });

  it('end with an error, and nothing after it', () => {
    const events = stream(delta({ content: 'Half' }), { error: { message: 'it broke' } }, delta({ content: 'more' }));
    assert.deepEqual(events.at(-1), { type: 'error', error: { type: 'api_error', message: 'it broke' } });
    assert.equal(
      events.some(({ type }) => type === 'message_stop'),
      false,
    );
  });
});
