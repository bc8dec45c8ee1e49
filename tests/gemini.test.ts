import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import OpenAI from 'openai';
import { sendTurn } from './support/chat.ts';
import { type Account, signUp } from './support/client.ts';
import { replyOf } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';

type Body = Record<string, unknown>;

const usageMetadata = { promptTokenCount: 7, candidatesTokenCount: 3, thoughtsTokenCount: 2, totalTokenCount: 12 };
const candidate = (parts: object[], finishReason?: string) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...(finishReason && { finishReason }) }],
  usageMetadata,
});
const SIGNED_CALL = { functionCall: { name: 'look', args: { at: 1 } }, thoughtSignature: 'c2ln' };

describe('connections to Gemini in its own protocol', () => {
  const seen: { path: string; key: unknown; authorization: unknown; body: Body }[] = [];
  const upstream = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += String(piece);
    const body = text === '' ? {} : (JSON.parse(text) as Body);
    const path = request.url ?? '';
    const { 'x-goog-api-key': key, authorization } = request.headers;
    seen.push({ path, key, authorization, body });
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (path.startsWith('/v1beta/models?')) {
      const isLast = path.includes('pageToken=more');
      return json({
        models: isLast
          ? [{ name: 'models/gemini-pro', displayName: 'Gemini Pro', supportedGenerationMethods: ['generateContent'] }]
          : [{ name: 'models/embed-only', supportedGenerationMethods: ['embedContent'] }],
        ...(!isLast && { nextPageToken: 'more' }),
      });
    }
    const asked = JSON.stringify(body.contents);
    if (asked.includes('refuse')) {
      return json({ error: { code: 429, message: 'Resource has been exhausted', status: 'RESOURCE_EXHAUSTED' } }, 429);
    }
    const blocked = { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata };
    const answers = asked.includes('blocked')
      ? [blocked]
      : body.tools && !asked.includes('functionResponse')
        ? [candidate([SIGNED_CALL], 'STOP')]
        : [
            candidate([{ text: 'Hm.', thought: true }]),
            candidate([{ text: 'Sunny' }]),
            candidate([{ text: ' today' }], 'STOP'),
          ];
    if (path.endsWith(':generateContent')) {
      const parts = answers.flatMap((one) => ('candidates' in one ? (one.candidates[0]?.content.parts ?? []) : []));
      return json('promptFeedback' in (answers[0] ?? {}) ? answers[0] : candidate(parts, 'STOP'));
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const one of answers) response.write(`data: ${JSON.stringify(one)}\r\n\r\n`);
    return response.end();
  });
  let server: TestServer;
  let admin: Account;
  let client: OpenAI;

  before(async () => {
    await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
    server = await startServer();
    admin = await signUp(server);
    await admin.ok('POST', '/openai/config/update', {
      json: {
        ENABLE_OPENAI_API: true,
        OPENAI_API_BASE_URLS: [`http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1beta`],
        OPENAI_API_KEYS: ['google-key'],
        OPENAI_API_CONFIGS: { 0: { api_type: 'gemini' } },
      },
    });
    client = new OpenAI({ apiKey: admin.token, baseURL: `${server.base}/api`, maxRetries: 0 });
  });
  after(async () => {
    await server?.stop();
    upstream.closeAllConnections();
    upstream.close();
  });

  const messages = [{ role: 'user' as const, content: 'Weather?' }];
  const tools = [
    { type: 'function' as const, function: { name: 'look', parameters: { type: 'object', properties: {} } } },
  ];
  const last = () => seen.at(-1) ?? { path: '', key: null, authorization: null, body: {} };

  it('list the models that chat, of all pages', async () => {
    const { data } = await admin.ok<{ data: { id: string; name: string }[] }>('GET', '/api/models', {
      query: { refresh: 'true' },
    });
    assert.deepEqual(
      data.filter(({ id }) => !id.startsWith('arena')).map(({ id, name }) => [id, name]),
      [['gemini-pro', 'Gemini Pro']],
    );
    assert.deepEqual([last().key, last().authorization], ['google-key', undefined]);
  });

  it('answer whole, with thoughts and figures', async () => {
    const answer = await client.chat.completions.create({
      model: 'gemini-pro',
      messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
      temperature: 0.5,
      max_tokens: 9,
      stop: 'END',
      reasoning_effort: 'low',
    });
    const [choice] = answer.choices;
    assert.deepEqual([choice?.message.content, choice?.finish_reason], ['Sunny today', 'stop']);
    assert.equal((choice?.message as { reasoning_content?: string } | undefined)?.reasoning_content, 'Hm.');
    assert.deepEqual([answer.usage?.prompt_tokens, answer.usage?.completion_tokens], [7, 5]);
    assert.deepEqual(last().body, {
      contents: [{ role: 'user', parts: [{ text: 'Weather?' }] }],
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      generationConfig: {
        temperature: 0.5,
        maxOutputTokens: 9,
        stopSequences: ['END'],
        thinkingConfig: { includeThoughts: true, thinkingBudget: 1_024 },
      },
    });
  });

  it('stream as chat completions', async () => {
    const stream = await client.chat.completions.create({ model: 'gemini-pro', messages, stream: true });
    let [text, finish, tokens]: [string, string | null, number] = ['', null, 0];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      tokens = chunk.usage?.total_tokens ?? tokens;
    }
    assert.deepEqual([text, finish, tokens], ['Sunny today', 'stop', 12]);
    assert.match(last().path, /models\/gemini-pro:streamGenerateContent\?alt=sse$/);
  });

  it('get back the proof of thoughts with a call and its result', async () => {
    const ask = { model: 'gemini-pro', messages, tools };
    const { choices } = await client.chat.completions.create(ask);
    const message = choices[0]?.message;
    assert.equal(choices[0]?.finish_reason, 'tool_calls');
    const call = message?.tool_calls?.[0];
    assert.ok(message && call?.type === 'function');
    assert.deepEqual(JSON.parse(call.function.arguments), { at: 1 });
    await client.chat.completions.create({
      ...ask,
      messages: [...messages, message, { role: 'tool', tool_call_id: call.id, content: '{"sky":"blue"}' }],
    });
    assert.deepEqual(last().body.contents, [
      { role: 'user', parts: [{ text: 'Weather?' }] },
      { role: 'model', parts: [SIGNED_CALL] },
      { role: 'user', parts: [{ functionResponse: { name: 'look', response: { sky: 'blue' } } }] },
    ]);
    assert.deepEqual(last().body.tools, [
      { functionDeclarations: [{ name: 'look', parametersJsonSchema: { type: 'object', properties: {} } }] },
    ]);
  });

  it('are shown pictures', async () => {
    const url = 'data:image/png;base64,iVBORw0KGgo=';
    const content = [
      { type: 'text' as const, text: 'What is it?' },
      { type: 'image_url' as const, image_url: { url } },
    ];
    await client.chat.completions.create({ model: 'gemini-pro', messages: [{ role: 'user', content }] });
    assert.deepEqual((last().body.contents as { parts: unknown }[])[0]?.parts, [
      { text: 'What is it?' },
      { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } },
    ]);
  });

  it('write replies of chats', async () => {
    const socket = await connectSocket(server.base, admin);
    try {
      const { chatId, replyId } = await sendTurn(admin, socket, { model: 'gemini-pro', content: 'Weather?' });
      const reply = await replyOf(admin, chatId, replyId);
      assert.equal(reply.content, 'Sunny today');
      assert.equal((reply.usage as Body).completion_tokens, 5);
    } finally {
      socket.close();
    }
  });

  it('tell what they refuse', async () => {
    const ask = (content: string, stream = false) =>
      client.chat.completions.create({ model: 'gemini-pro', messages: [{ role: 'user', content }], stream });
    for (const stream of [false, true]) await assert.rejects(ask('refuse', stream), OpenAI.RateLimitError);
    const { body } = await admin.call('POST', '/api/chat/completions', {
      json: { model: 'gemini-pro', messages: [{ role: 'user', content: 'blocked' }] },
    });
    assert.match(JSON.stringify(body), /blocked this request \(SAFETY\)/);
  });
});
