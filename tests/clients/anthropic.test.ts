import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { type Account, addAccount, signUp } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const messages = [{ role: 'user' as const, content: 'Hi' }];
const max_tokens = 64;
const tools = [
  {
    name: 'add',
    description: 'adds',
    input_schema: { type: 'object' as const, properties: { a: { type: 'integer' } }, required: ['a'] },
  },
];
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

describe('messages for API clients, asked with the official Anthropic package', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let client: Anthropic;
  const as = (token: string) => new Anthropic({ authToken: token, baseURL: `${server.base}/api`, maxRetries: 0 });

  before(async () => {
    server = await startServer({ env: { BYPASS_MODEL_ACCESS_CONTROL: 'true', ENABLE_API_KEYS: 'true' } });
    admin = await signUp(server);
    user = await addAccount(admin, 'una');
    client = as(user.token);
  });
  after(() => server?.stop());

  const asked = () => server.provider.chats().at(-1)?.body ?? {};

  it('give an answer with its thoughts', async () => {
    const answer = await client.messages.create({ model: 'reasoner', max_tokens, messages });
    assert.deepEqual([answer.type, answer.role, answer.model], ['message', 'assistant', 'reasoner']);
    assert.deepEqual(
      answer.content.map((block) => (block.type === 'thinking' ? ['thinking', block.thinking] : [block.type])),
      [['thinking', 'First I think. Then I conclude.'], ['text']],
    );
    assert.equal(answer.stop_reason, 'end_turn');
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [10, 5]);
    assert.match(answer.id, /^(?:msg_|chatcmpl)/);
  });

  it('take an API key in its own header', async () => {
    const more = { system: 'Be brief.', temperature: 0.5, stop_sequences: ['STOP'] };
    const { api_key: apiKey } = await admin.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
    const keyed = new Anthropic({ apiKey, baseURL: `${server.base}/api`, maxRetries: 0 });
    await keyed.messages.create({ model: 'echo', max_tokens, messages, ...more });
    assert.deepEqual(asked().messages, [{ role: 'system', content: 'Be brief.' }, ...messages]);
    assert.deepEqual([asked().temperature, asked().stop, asked().max_tokens], [0.5, ['STOP'], max_tokens]);
  });

  it('stream in the official order of events', async () => {
    const stream = client.messages.stream({ model: 'reasoner', max_tokens, messages });
    const types: string[] = [];
    stream.on('streamEvent', ({ type }) => types.at(-1) !== type && types.push(type));
    const final = await stream.finalMessage();
    assert.deepEqual(types, [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    assert.deepEqual(
      final.content.map(({ type }) => type),
      ['thinking', 'text'],
    );
    assert.equal(final.stop_reason, 'end_turn');
  });

  it('use tools, whole and streamed', async () => {
    const ask = { model: 'tool-user', max_tokens, messages, tools, tool_choice: { type: 'any' as const } };
    const whole = await client.messages.create(ask);
    const call = whole.content.find((block) => block.type === 'tool_use');
    assert.equal(whole.stop_reason, 'tool_use');
    assert.deepEqual([call?.id, call?.name, call?.input], ['call_1', 'add', {}]);
    assert.equal(asked().tool_choice, 'required');
    const streamed = await client.messages.stream(ask).finalMessage();
    assert.deepEqual(
      streamed.content.filter(({ type }) => type === 'tool_use').map((block) => 'name' in block && block.name),
      ['add'],
    );
    const answer = await client.messages.create({
      ...ask,
      messages: [
        ...messages,
        { role: 'assistant', content: whole.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: '14' }] },
      ],
    });
    assert.deepEqual(
      answer.content.map((block) => block.type === 'text' && block.text),
      ['Tool said: 14'],
    );
  });

  it('show pictures', async () => {
    await client.messages.create({
      model: 'hello',
      max_tokens,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } },
            { type: 'text', text: 'What is it?' },
          ],
        },
      ],
    });
    assert.deepEqual((asked().messages as { content: unknown }[])[0]?.content, [
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
      { type: 'text', text: 'What is it?' },
    ]);
  });

  it('fail as the package expects', async () => {
    const ask = (model: string) => client.messages.create({ model, max_tokens, messages });
    await assert.rejects(ask('fail-429'), Anthropic.RateLimitError);
    await assert.rejects(ask('fail-500'), Anthropic.InternalServerError);
    await assert.rejects(ask('no-such-model'), (error) => {
      assert.ok(error instanceof Anthropic.APIError);
      const { type, error: inner } = error.error as { type: string; error: { type: string; message: string } };
      assert.equal(type, 'error');
      assert.ok(inner.message.length > 0 && inner.type.endsWith('_error'));
      return true;
    });
    await assert.rejects(
      as('nonsense').messages.create({ model: 'hello', max_tokens, messages }),
      Anthropic.AuthenticationError,
    );
  });

  it('stop the provider when the caller stops', async () => {
    const stream = client.messages.stream({ model: 'gate-50', max_tokens, messages });
    const ended = assert.rejects(stream.done(), Anthropic.APIUserAbortError);
    await stream.emitted('text');
    assert.equal(server.provider.openStreams(), 1);
    stream.abort();
    await ended;
    await until(() => server.provider.openStreams() === 0, { what: 'the end of the stream at the provider' });
  });

  it('tell of a provider that breaks off in the middle', async () => {
    const stream = client.messages.stream({ model: 'cut', max_tokens, messages });
    await assert.rejects(stream.finalMessage());
  });
});
