import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type SentTurn, sendTurn } from './support/chat.ts';
import { type Account, apiClient, signUp } from './support/client.ts';
import { type Provider, startProvider } from './support/provider.ts';
import { messagesOf, replyOf, type StoredMessage, settled } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

type Call = { name: string; arguments: unknown };
type Api = Pick<Account, 'ok' | 'call' | 'token'> & Account;

const plan = (...rounds: Call[][]) => JSON.stringify(rounds);
const ago: Call = { name: 'calculate_timestamp', arguments: { days_ago: 1 } };
const delegate = (more: object): Call => ({ name: 'delegate_task', arguments: { task: 'Say hello', ...more } });
const timer = (more: object): Call => ({ name: 'timer', arguments: { prompt: 'Look again', at: '1s', ...more } });
const ENV = { ENABLE_SUBAGENTS: 'true', SUBAGENTS_BACKGROUND_ENABLED: 'true' };

describe('work the server does on its own', () => {
  let provider: Provider;
  let server: TestServer;
  let admin: Account;
  let socket: TestSocket;

  before(async () => {
    provider = await startProvider();
    server = await startServer({ provider, env: ENV });
    admin = await signUp(server);
    socket = await connectSocket(server.base, admin);
  });
  after(async () => {
    socket?.close();
    await server?.stop();
    await provider?.stop();
  });

  const send = (content: string, more: object = {}) => sendTurn(admin, socket, { model: 'plan', content, ...more });
  const answerOf = async (turn: SentTurn, api: Api = admin as Api) =>
    (await replyOf(api, turn.chatId, turn.replyId)).content;
  /** A later question of the server's own in the chat, with the reply to it once that is done. */
  async function internal({ chatId }: SentTurn, type: string, api: Api = admin as Api, ms?: number) {
    return until(
      async () => {
        const messages = Object.values(await messagesOf(api, chatId));
        const question = messages.find(({ role, meta }) => role === 'user' && meta?.type === type);
        const reply = messages.find(({ parentId, done }) => question && parentId === question.id && done);
        return question && reply ? { question, reply } : null;
      },
      { what: `an answered message of kind ${type}`, ...(ms && { ms }) },
    );
  }

  it('gives tasks to sub-agents with the same tools, several at once', async () => {
    const turn = await send(plan([delegate({ task: plan([ago]) }), delegate({ context: 'In French' })]));
    const said = await answerOf(turn);
    assert.match(said, /^Tools said: Tools said: .*calculated_timestamp.* \| Tools said:/s);
    const systems = provider.chats().map(({ body }) => (body.messages as StoredMessage[])[0]);
    assert.ok(
      systems.some(
        ({ role, content } = { role: '', content: '' } as StoredMessage) => role === 'system' && /report/.test(content),
      ),
    );
    const asked = provider.chats().map(({ body }) => (body.messages as StoredMessage[]).at(-1)?.content);
    assert.ok(asked.includes('Say hello\n\n## Context\nIn French'));
    const list = await admin.ok<{ id: string }[]>('GET', '/api/v1/chats/');
    const shown = (list as unknown as { id: string; title: string }[]).map(({ title }) => title);
    assert.ok(!shown.some((title) => title.startsWith('Sub-agent')), 'their chats are hidden');
  });

  it('offers sub-agents no sub-agents, and cuts what is too long', async () => {
    const before = await admin.ok<Record<string, unknown>>('GET', '/api/v1/configs/subagents');
    await admin.ok('POST', '/api/v1/configs/subagents', {
      json: { ...before, SUBAGENTS_MAX_OUTPUT: 10, SUBAGENTS_MAX_ITERATIONS: 0 },
    });
    const said = await answerOf(await send(plan([delegate({ task: plan([delegate({})]) })])));
    assert.match(said, /limit of 0 tool rounds/);
    await admin.ok('POST', '/api/v1/configs/subagents', { json: { ...before, SUBAGENTS_MAX_OUTPUT: 10 } });
    const again = await answerOf(await send(plan([delegate({ task: plan([delegate({})]) })])));
    assert.equal(again, 'Tools said: Tools said\n\n[output truncated]');
    await admin.ok('POST', '/api/v1/configs/subagents', { json: before });
  });

  it('reports what sub-agents did in the background, when the chat is idle', async () => {
    const turn = await send(plan([delegate({ background: true, task: plan([ago]) }), delegate({ background: true })]));
    assert.match(await answerOf(turn), /"status":"dispatched".*\| .*"status":"dispatched"/s);
    const { question, reply } = await internal(turn, 'subagent');
    assert.match(question.content, /Status: completed/);
    assert.equal(question.meta?.internal, true);
    assert.match(reply.content, /^Tools said/);
    assert.ok(socket.events(reply.id).some(({ data }) => data.type === 'chat:reload'));
    await until(async () => {
      const reports = Object.values(await messagesOf(admin, turn.chatId)).filter(
        ({ meta }) => meta?.type === 'subagent',
      );
      return (
        reports
          .map(({ content }) => content)
          .join()
          .match(/Result of a sub-agent/g)?.length === 2
      );
    });
    await settled(admin, turn.chatId);
  });

  it('comes back at a time of its own', async () => {
    const turn = await send(plan([timer({})]));
    assert.match(await answerOf(turn), /"status":"set"/);
    const { question, reply } = await internal(turn, 'timer');
    assert.deepEqual([question.content, question.parentId], ['Look again', turn.replyId]);
    assert.equal(reply.model, 'plan');
    assert.match(await answerOf(await send(plan([timer({ at: 'yesterday' })]))), /^Tools said: Error: /);
  });

  it('forgets timers that became needless', async () => {
    const written = await send(plan([timer({ at: '2s', cancel_on: ['chat.user_message'] })]));
    await send('Never mind', { chatId: written.chatId, parentId: written.replyId });
    const read = await send(plan([timer({ at: '2s', cancel_on: ['chat.read'] })]));
    const kept = await send(plan([timer({ at: '3s' })]));
    await socket.raw
      .emitWithAck('events:chat', { chat_id: read.chatId, data: { type: 'last_read_at' } })
      .catch(() => {});
    await internal(kept, 'timer');
    for (const { chatId } of [written, read]) {
      const messages = Object.values(await messagesOf(admin, chatId));
      assert.ok(!messages.some(({ meta }) => meta?.type === 'timer'));
    }
  });

  it('outlives a kill', async () => {
    await using other = new AsyncDisposableStack();
    let one = await startServer({ provider, env: ENV });
    other.defer(() => one.stop());
    const boss = await signUp(one);
    const tab = await connectSocket(one.base, boss);
    const long = plan(...Array.from({ length: 100 }, () => [ago]));
    const busy = await sendTurn(boss, tab, {
      model: 'plan-100',
      content: plan([delegate({ background: true, task: long })]),
    });
    const later = await sendTurn(boss, tab, { model: 'plan', content: plan([timer({ at: '3s' })]) });
    await one.kill();
    tab.close();
    const { dataDir, port } = one;
    one = await startServer({ provider, dataDir, port, env: ENV });
    const api = { ...boss, ...apiClient(one.base, boss.token), token: boss.token };
    const { question } = await internal(busy, 'subagent', api);
    assert.match(question.content, /Status: failed/);
    await internal(later, 'timer', api);
  });
});
