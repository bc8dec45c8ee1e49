import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../kernel/json.ts';
import { trialConnection } from '../connections.ts';
import { targetOf } from './address.ts';
import { chatPayload, isNewOpenaiModel, logitBias } from './payload.ts';

const user = { id: 'u', name: 'Ada', email: 'ada@example.com', role: 'user' };

function payload(
  body: JsonObject,
  { id = 'plain', url = 'https://llm.example/v1', config = {}, metadata = {}, entry = {} } = {},
) {
  const connection = trialConnection('openai', url, 'k', config);
  return chatPayload({ connection, entry: { id, name: id, owned_by: 'openai', ...entry }, body, metadata, user });
}

const system = { role: 'system', content: 'Be nice.' };
const question = { role: 'user', content: 'Hi' };

describe('requests to OpenAI-compatible providers', () => {
  it('know the models that count completion tokens', () => {
    for (const id of ['o1', 'o3-mini', 'gpt-5', 'gpt-5-mini', 'gpt-12', 'openai.gpt-5', 'eu.openai.o3', 'GPT-5']) {
      assert.equal(isNewOpenaiModel(id), true, id);
    }
    for (const id of ['gpt-4o', 'gpt-oss', 'gpt-4.1', 'oracle', 'llama', 'olmo-2', 'foo/gpt-5']) {
      assert.equal(isNewOpenaiModel(id), false, id);
    }
  });

  it('carry what came with a call only to the provider it is of', () => {
    const call = { id: '1', type: 'function', function: { name: 'add', arguments: '{}' } };
    const said = { role: 'assistant', content: '', tool_calls: [{ ...call, extra_content: { google: {} } }] };
    const google = 'https://generativelanguage.googleapis.com/v1beta/openai';
    assert.deepEqual(payload({ messages: [said] }, { url: google }).messages, [said]);
    assert.deepEqual(payload({ messages: [said] }).messages, [{ ...said, tool_calls: [call] }]);
  });

  it('name the limit as the provider knows it', () => {
    assert.deepEqual(payload({ max_completion_tokens: 7 }), { max_tokens: 7, model: 'plain', messages: undefined });
    assert.equal(payload({ max_tokens: 7 }, { id: 'gpt-5' }).max_completion_tokens, 7);
    const atOpenai = payload(
      { max_completion_tokens: 7, max_tokens: 9 },
      { url: 'https://api.openai.com/v1', id: 'gpt-4o' },
    );
    assert.deepEqual([atOpenai.max_completion_tokens, 'max_tokens' in atOpenai], [7, false]);
  });

  it('give newer models a developer message, the earliest a user message', () => {
    const roles = (id: string) =>
      (payload({ messages: [system, question] }, { id }).messages as JsonObject[]).map(({ role }) => role);
    assert.deepEqual(roles('o3'), ['developer', 'user']);
    assert.deepEqual(roles('o1-mini-2024'), ['user', 'user']);
    assert.deepEqual(roles('gpt-4o'), ['system', 'user']);
  });

  it('leave the request that came as it is', () => {
    const body = { messages: [system, question], max_tokens: 1, metadata: { secret: 1 }, stream_options: {} };
    const before = structuredClone(body);
    const sent = payload(body, { id: 'o3' });
    assert.deepEqual(body, before);
    assert.deepEqual(['metadata' in sent, 'stream_options' in sent], [false, false]);
    assert.equal('stream_options' in payload({ ...body, stream: true }), true);
  });

  it('cut the prefix of the connection once', () => {
    assert.equal(payload({}, { id: 'pre.pre.m', config: { prefix_id: 'pre' } }).model, 'pre.m');
    assert.equal(payload({}, { id: 'prefer', config: { prefix_id: 'pre' } }).model, 'prefer');
  });

  it('join the text of tool results, and continue a reply for llama.cpp', () => {
    const tool = {
      role: 'tool',
      tool_call_id: 'c',
      content: [{ type: 'text', text: 'a' }, { type: 'image_url' }, { type: 'input_text', text: 'b' }],
    };
    assert.deepEqual(payload({ messages: [tool] }).messages, [{ ...tool, content: 'ab' }]);
    const going = { config: { provider: 'llama.cpp' }, metadata: { assistant_message_id: 'x' } };
    const sent = payload({ messages: [question, { role: 'assistant', content: 'So' }] }, going);
    assert.deepEqual([sent.continue_final_message, sent.add_generation_prompt], [true, false]);
    assert.equal('continue_final_message' in payload({ messages: [question] }, going), false);
  });

  it('read a token bias written as text, and refuse nonsense', () => {
    assert.deepEqual(logitBias('15:3, 16:-250'), { 15: 3, 16: -100 });
    assert.throws(() => logitBias('x'), { status: 400 });
  });

  it('tell a pipeline who asks', () => {
    assert.deepEqual(payload({}, { entry: { pipeline: { type: 'pipe' } } }).user, user);
  });

  it('go to a deployment of Azure with what it takes', () => {
    const connection = trialConnection('openai', 'https://r.openai.azure.com', 'k', { azure: true, api_version: '' });
    const target = targetOf(connection, 'chat/completions', {
      model: 'o3',
      messages: [],
      max_tokens: 5,
      temperature: 0.5,
      foo: 1,
      stream: true,
      stream_options: {},
    });
    assert.equal(
      target.url,
      'https://r.openai.azure.com/openai/deployments/o3/chat/completions?api-version=2023-03-15-preview',
    );
    assert.deepEqual(target.body, { messages: [], max_completion_tokens: 5, stream: true });
    assert.throws(() => targetOf(connection, 'chat/completions', { model: '../x' }), { status: 400 });
    const v1 = trialConnection('openai', 'https://r.openai.azure.com/openai/v1/', 'k', { provider: 'azure' });
    assert.equal(
      targetOf(v1, 'chat/completions', { model: 'm' }).url,
      'https://r.openai.azure.com/openai/v1/chat/completions',
    );
  });
});
