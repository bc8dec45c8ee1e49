import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type SentTurn, sendTurn } from './support/chat.ts';
import type { Account } from './support/client.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import type { ChatEvent, TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const messages = [
  { role: 'user', content: 'Tell me about whales' },
  { role: 'assistant', content: 'Whales are big.' },
];

describe('tasks', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    ({ server, admin, user, socket } = await startSite({ env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } }));
  });
  after(async () => {
    socket?.close();
    await server?.stop();
  });

  const ask = (task: string, json: Record<string, unknown>, as: Account = user) =>
    as.call('POST', `/api/v1/tasks/${task}/completions`, { json: { model: 'hello', messages, ...json } });
  const asked = () => {
    const body = server.provider.requests.findLast(({ path }) => path.endsWith('/chat/completions'))?.body ?? {};
    const [message] = body.messages as { content: string }[];
    return { body, prompt: message?.content ?? '' };
  };
  const content = (body: unknown) =>
    (body as { choices: { message: { content: string } }[] }).choices[0]?.message.content;
  const settings = () => admin.ok<Record<string, unknown>>('GET', '/api/v1/tasks/config');
  const change = async (changes: Record<string, unknown>) => {
    const json = { ...(await settings()), ...changes };
    return admin.ok('POST', '/api/v1/tasks/config/update', { json });
  };

  it('ask the model with the task in words of its own and pass its answer on', async () => {
    for (const [task, key] of [
      ['title', '"title"'],
      ['tags', '"tags"'],
      ['follow_up', '"follow_ups"'],
    ] as const) {
      const { status, body } = await ask(task, {});
      assert.equal(status, 200);
      assert.ok(key.replaceAll('"', '') in JSON.parse(content(body) ?? ''), `${task}: ${content(body)}`);
      assert.match(asked().prompt, /### Task:/);
      assert.match(asked().prompt, /ASSISTANT: Whales are big\./);
      assert.deepEqual(
        { ...asked().body, messages: 0, max_tokens: 0 },
        { model: 'hello', stream: false, messages: 0, max_tokens: 0 },
      );
    }
    assert.deepEqual(JSON.parse(content((await ask('queries', { type: 'web_search' })).body) ?? ''), {
      queries: ['scripted query'],
    });
    await ask('title', {});
    assert.equal(asked().body.max_tokens, 1_000);
    await ask('emoji', { prompt: 'I am happy' });
    assert.equal(asked().body.max_tokens, 4);
    await ask('moa', { prompt: 'Whales?', responses: ['Big.', 'Very big.'] });
    assert.match(asked().prompt, /Whales\?[\s\S]*"""Big\."""\n\n"""Very big\."""/);
  });

  it('stream a merge', async () => {
    const { status, headers, body } = await ask('moa', { prompt: 'Whales?', responses: ['Big.'], stream: true });
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /text\/event-stream/);
    assert.match(String(body), /"content":"Hello"[\s\S]*data: \[DONE\]\n\n$/);
  });

  it('say which model there is not, and how models fail', async () => {
    assert.deepEqual(await statusAndBody(ask('tags', { model: 'nope' })), [404, { detail: "Model '' was not found" }]);
    assert.equal((await ask('title', { model: '' })).status, 400);
    const refused = { error: { message: 'slow down', type: 'rate_limit' } };
    assert.deepEqual(await statusAndBody(ask('emoji', { model: 'fail-429', prompt: 'x' })), [429, refused]);
    assert.equal((await ask('title', {}, { ...user, call: anonymous(server) })).status, 401);
  });

  it('follow the settings, which only administrators change and read in full', async () => {
    assert.equal((await user.call('POST', '/api/v1/tasks/config/update', { json: await settings() })).status, 401);
    const before = await settings();
    await change({
      TASK_MODEL_EXTERNAL: 'echo',
      TASK_MODEL_PARAMS: { temperature: 0.1, max_tokens: '' },
      TITLE_GENERATION_PROMPT_TEMPLATE: 'Title for {{MESSAGES:END:1}} by {{USER_NAME}} / {{prompt}}',
      ENABLE_TAGS_GENERATION: false,
      ENABLE_AUTOCOMPLETE_GENERATION: true,
      AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH: 10,
    });
    assert.equal(
      content((await ask('title', {})).body),
      'You said: Title for ASSISTANT: Whales are big. by una Example / Tell me about whales',
    );
    assert.deepEqual(asked().body.temperature, 0.1);
    assert.equal('max_tokens' in asked().body, false);
    assert.deepEqual(await statusAndBody(ask('tags', {})), [200, { detail: 'Tags generation is disabled' }]);
    assert.equal((await ask('auto', { prompt: 'The whale', type: 'General' })).status, 200);
    assert.deepEqual(await statusAndBody(ask('auto', { prompt: 'The whale is big' })), [
      400,
      { detail: 'Input prompt exceeds maximum length of 10' },
    ]);
    const seen = await user.ok('GET', '/api/v1/tasks/config');
    assert.equal(seen.TITLE_GENERATION_PROMPT_TEMPLATE, '');
    assert.equal(seen.ENABLE_AUTOCOMPLETE_GENERATION, true);
    assert.deepEqual(await change({ ...before, AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH: null }), before);
  });

  const chat = async ({ chatId }: SentTurn) => {
    const body = await user.ok<{ title: string; meta: { tags?: string[] }; chat: { title: string; history: History } }>(
      'GET',
      `/api/v1/chats/${chatId}`,
    );
    return body;
  };
  interface History {
    messages: Record<string, { followUps?: string[] }>;
  }
  const event = (turn: SentTurn, type: string) =>
    socket.wait((name, ...[got]) => {
      const { chat_id, data } = (got ?? { data: {} }) as ChatEvent;
      return name === 'events' && chat_id === turn.chatId && data.type === type;
    });
  const told = async (turn: SentTurn, type: string) => ((await event(turn, type))[1] as ChatEvent).data.data;

  it('name, tag and continue a new chat beside its first reply', async () => {
    const turn = await sendTurn(user, socket, { content: 'What is the speed of light?', background: true });
    assert.equal(await told(turn, 'chat:title'), 'Scripted Title');
    assert.deepEqual(await told(turn, 'chat:tags'), ['science', 'testing']);
    assert.deepEqual(await told(turn, 'chat:message:follow_ups'), { follow_ups: ['What next?', 'Why so?'] });
    const stored = await chat(turn);
    assert.deepEqual([stored.title, stored.chat.title], ['Scripted Title', 'Scripted Title']);
    assert.deepEqual(stored.meta.tags, ['science', 'testing']);
    assert.deepEqual(stored.chat.history.messages[turn.replyId]?.followUps, ['What next?', 'Why so?']);
  });

  it('take the question for a title where no model is asked, or the model fails', async () => {
    const tasks = { title_generation: false };
    const asked = await sendTurn(user, socket, { content: 'Just\n this', extra: { background_tasks: tasks } });
    assert.equal(await told(asked, 'chat:title'), 'Just this');
    await change({ TASK_MODEL_EXTERNAL: 'fail-500', TITLE_GENERATION_PROMPT_TEMPLATE: 'Name it: {{prompt}}' });
    try {
      const failed = await sendTurn(user, socket, { content: 'Or that', background: true });
      assert.equal(await told(failed, 'chat:title'), 'Or that');
      const idle = await event(failed, 'chat:active').then(() =>
        until(
          async () =>
            (await user.ok<{ task_ids: string[] }>('GET', `/api/tasks/chat/${failed.chatId}`)).task_ids.length === 0,
        ),
      );
      assert.ok(idle);
      assert.equal((await chat(failed)).title, 'Or that');
    } finally {
      await change({ TASK_MODEL_EXTERNAL: '', TITLE_GENERATION_PROMPT_TEMPLATE: '' });
    }
  });

  it('do not rename a chat that somebody has named meanwhile', async () => {
    await change({ TASK_MODEL_EXTERNAL: 'gate-5', TITLE_GENERATION_PROMPT_TEMPLATE: 'Name it: {{prompt}}' });
    try {
      const tasks = { title_generation: true };
      const turn = await sendTurn(user, socket, { content: 'Slowly', extra: { background_tasks: tasks } });
      await until(() => server.provider.requests.some(({ body }) => body.model === 'gate-5'));
      await user.ok('POST', `/api/v1/chats/${turn.chatId}`, { json: { chat: { title: 'Mine' } } });
      server.provider.release();
      await until(() => server.provider.openStreams() === 0);
      const next = await sendTurn(user, socket, { content: 'Next', chatId: turn.chatId, parentId: turn.replyId });
      assert.equal((await chat(next)).title, 'Mine');
    } finally {
      await change({ TASK_MODEL_EXTERNAL: '', TITLE_GENERATION_PROMPT_TEMPLATE: '' });
    }
  });
});

async function statusAndBody(answer: Promise<{ status: number; body: unknown }>): Promise<[number, unknown]> {
  const { status, body } = await answer;
  return [status, body];
}

function anonymous({ base }: TestServer): Account['call'] {
  return async (method, path, options = {}) => {
    const answer = await fetch(new URL(path, base), {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(options.json),
    });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  };
}
