import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI from 'openai';
import { type Account, addAccount, signUp } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const messages = [{ role: 'user' as const, content: 'Hi' }];
const tools = [
  {
    type: 'function' as const,
    function: {
      name: 'add',
      description: 'adds',
      parameters: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
    },
  },
];

describe('completions for API clients, asked with the official OpenAI package', () => {
  let server: TestServer;
  let user: Account;
  let client: OpenAI;
  const as = (account: Pick<Account, 'token'>, path = '/api') =>
    new OpenAI({ apiKey: account.token, baseURL: `${server.base}${path}`, maxRetries: 0 });

  before(async () => {
    server = await startServer({
      env: { BYPASS_MODEL_ACCESS_CONTROL: 'true', CORS_ALLOW_ORIGIN: 'https://app.example' },
    });
    user = await addAccount(await signUp(server), 'una');
    client = as(user);
  });
  after(() => server?.stop());

  const asked = () => server.provider.chats().at(-1)?.body ?? {};

  it('give a whole answer as the provider gave it', async () => {
    for (const path of ['/api', '/api/v1']) {
      const answer = await as(user, path).chat.completions.create({ model: 'reasoner', messages });
      const [choice] = answer.choices;
      assert.deepEqual(choice?.message, {
        role: 'assistant',
        content: 'The answer is 42.',
        reasoning_content: 'First I think. Then I conclude.',
      });
      assert.deepEqual(answer.usage, { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 });
    }
  });

  it('pass on what the caller sends, and nothing of the server’s own', async () => {
    await client.chat.completions.create({
      model: 'echo',
      messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
      temperature: 0.5,
      max_tokens: 9,
      seed: 7,
      user: 'me',
      metadata: { secret: 'x' },
    });
    assert.deepEqual(asked(), {
      model: 'echo',
      messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
      stream: false,
      temperature: 0.5,
      max_tokens: 9,
      seed: 7,
      user: 'me',
    });
  });

  it('stream, with usage when it is asked for', async () => {
    const stream = await client.chat.completions.create({
      model: 'stream-2000-1000',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let [text, chunks] = ['', 0];
    let usage: unknown = null;
    for await (const chunk of stream) {
      chunks += 1;
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.equal(text.split(' ').length - 1, 2_000);
    assert.ok(chunks > 2_000);
    assert.deepEqual(usage, { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 });
    assert.deepEqual(asked().stream_options, { include_usage: true });
  });

  it('give the first words before the last ones exist', async () => {
    const stream = await client.chat.completions.create({ model: 'gate-5', messages, stream: true });
    let words = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) words += 1;
      if (words === 5) server.provider.release();
    }
    assert.equal(words, 10);
  });

  it('hand tool calls out to the caller, whole and streamed', async () => {
    const whole = await client.chat.completions.create({ model: 'tool-user', messages, tools, tool_choice: 'auto' });
    const call = { id: 'call_1', type: 'function', function: { name: 'add', arguments: '{}' } };
    assert.equal(whole.choices[0]?.finish_reason, 'tool_calls');
    assert.deepEqual(
      whole.choices[0]?.message.tool_calls?.map(({ id, type }) => [id, type]),
      [['call_1', 'function']],
    );
    assert.deepEqual([asked().tools, asked().tool_choice], [tools, 'auto']);

    const streamed = await client.chat.completions
      .stream({ model: 'tool-user', messages, tools })
      .finalChatCompletion();
    assert.deepEqual(streamed.choices[0]?.message.tool_calls?.[0], call);

    const result = { role: 'tool' as const, tool_call_id: 'call_1', content: '14' };
    const answer = await client.chat.completions.create({
      model: 'tool-user',
      messages: [
        ...messages,
        { role: 'assistant', content: null, tool_calls: [{ ...call, type: 'function' }] },
        result,
      ],
      tools,
    });
    assert.equal(answer.choices[0]?.message.content, 'Tool said: 14');
  });

  it('ask for structured output as the caller does', async () => {
    const response_format = {
      type: 'json_schema' as const,
      json_schema: {
        name: 'whale',
        strict: true,
        schema: { type: 'object', properties: { size: { type: 'number' } } },
      },
    };
    await client.chat.completions.create({ model: 'hello', messages, response_format });
    assert.deepEqual(asked().response_format, response_format);
  });

  it('stop the provider when the caller stops reading', async () => {
    const stream = await client.chat.completions.create({ model: 'gate-50', messages, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    await until(() => server.provider.openStreams() === 0, { what: 'the end of the stream at the provider' });

    const controller = new AbortController();
    const waiting = client.chat.completions.create({ model: 'hang', messages }, { signal: controller.signal });
    await until(() => server.provider.openStreams() === 1);
    controller.abort();
    await assert.rejects(waiting, OpenAI.APIUserAbortError);
    await until(() => server.provider.openStreams() === 0, { what: 'the end of the request at the provider' });
  });

  it('tell the provider’s refusals with its own status and words, streaming or not', async () => {
    for (const stream of [false, true]) {
      const limited = client.chat.completions.create({ model: 'fail-429', messages, stream });
      await assert.rejects(limited, (error) => {
        assert.ok(error instanceof OpenAI.RateLimitError);
        assert.deepEqual(error.error, { message: 'slow down', type: 'rate_limit' });
        return true;
      });
      const failed = client.chat.completions.create({ model: 'fail-500', messages, stream });
      await assert.rejects(failed, OpenAI.InternalServerError);
    }
  });

  it('refuse what cannot be asked', async () => {
    const unknown = { model: 'no-such-model', messages };
    await assert.rejects(client.chat.completions.create(unknown), OpenAI.BadRequestError);
    const anonymous = as({ token: 'nonsense' });
    await assert.rejects(anonymous.chat.completions.create({ model: 'hello', messages }), OpenAI.AuthenticationError);
    await assert.rejects(client.chat.completions.create({ model: 'hello', messages: [] }), OpenAI.BadRequestError);
    const list = await user.call('POST', '/api/chat/completions', { json: [1] });
    assert.equal(list.status, 422);
  });

  it('end in words when the provider breaks off', async () => {
    const stream = await client.chat.completions.create({ model: 'cut', messages, stream: true });
    let text = '';
    const reading = (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    })();
    await assert.rejects(reading, /Chat completion stream failed/);
    assert.equal(text, 'This is cut off');
  });

  it('send the headers of other answers with a stream', async () => {
    const answer = await fetch(`${server.base}/api/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${user.token}`,
        'content-type': 'application/json',
        origin: 'https://app.example',
      },
      body: JSON.stringify({ model: 'hello', messages, stream: true }),
    });
    assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example');
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    assert.equal(answer.headers.get('x-accel-buffering'), 'no');
    assert.ok(answer.headers.get('x-request-id'));
    assert.match(await answer.text(), /^data: .*\n\ndata: [\s\S]*data: \[DONE\]\n\n$/);
  });
});
