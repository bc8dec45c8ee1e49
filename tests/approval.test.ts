import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type SentTurn, sendTurn } from './support/chat.ts';
import { type Account, addAccount, apiClient, signUp } from './support/client.ts';
import { type Provider, startProvider } from './support/provider.ts';
import { replyOf, settled } from './support/replies.ts';
import { startServer, type TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import { type ChatEvent, connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

interface Item {
  type: string;
  status: string;
  name?: string;
  approved?: boolean;
  call_id?: string;
  output?: { text: string }[];
}

const ASKS = { params: { tool_approval_mode: 'ask' } };
const ago = (days_ago: number) => ({ name: 'calculate_timestamp', arguments: { days_ago } });
const plan = (...rounds: { name: string; arguments: unknown }[][]) => JSON.stringify(rounds);

describe('tool calls that wait for the user', () => {
  let provider: Provider;
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    provider = await startProvider();
    ({ server, admin, user, socket } = await startSite({
      provider,
      env: { BYPASS_MODEL_ACCESS_CONTROL: 'true', ENABLE_TOOL_PERMISSIONS: 'true' },
    }));
  });
  after(async () => {
    socket?.close();
    await server?.stop();
    await provider?.stop();
  });

  const itemsOf = async ({ chatId, replyId }: SentTurn, who = user) =>
    ((await replyOf(who, chatId, replyId)).output ?? []) as Item[];
  const statuses = (items: Item[]) => items.map(({ type, status }) => `${type}:${status}`);
  const resolve = ({ chatId, replyId }: SentTurn, json: Record<string, unknown>, who: Pick<Account, 'call'> = user) =>
    who.call('POST', `/api/v1/chats/${chatId}/messages/${replyId}/resolve`, { json });
  const decide = async (turn: SentTurn, call_id: string, action: 'approve' | 'reject') => {
    const answer = await resolve(turn, { call_id, action });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body as { task_ids: string[] };
  };
  /** Sends a turn and waits until its reply has paused. */
  async function paused(content: string, extra: Record<string, unknown> = ASKS): Promise<SentTurn> {
    const turn = await sendTurn(user, socket, { model: 'plan', content, extra, wait: false });
    assert.equal(turn.answer.status, 200);
    await settled(user, turn.chatId);
    return turn;
  }
  const done = async (turn: SentTurn, who = user) => {
    await until(async () => (await replyOf(who, turn.chatId, turn.replyId)).done === true, { what: 'the end' });
    await settled(who, turn.chatId);
    return replyOf(who, turn.chatId, turn.replyId);
  };

  it('pause the reply, and each is run when it is approved', async () => {
    const turn = await paused(plan([ago(1), ago(2)]));
    const reply = await replyOf(user, turn.chatId, turn.replyId);
    assert.equal(reply.done, false);
    assert.deepEqual(statuses(await itemsOf(turn)), ['function_call:pending', 'function_call:queued']);
    const told = socket.events(turn.replyId).filter(({ data }) => data.type === 'chat:completion');
    assert.deepEqual(Object.keys(told.at(-1)?.data.data as object), ['output']);
    const asked = provider.chats().length;

    const { task_ids } = await decide(turn, 'call_0_0', 'approve');
    assert.equal(task_ids.length, 1);
    await settled(user, turn.chatId);
    assert.deepEqual(statuses(await itemsOf(turn)), [
      'function_call:completed',
      'function_call:pending',
      'function_call_output:completed',
    ]);
    assert.equal(provider.chats().length, asked, 'the model is not asked before all is decided');

    await decide(turn, 'call_0_1', 'approve');
    const end = await done(turn);
    assert.match(end.content, /^Tools said: .*calculated_timestamp.* \| .*calculated_timestamp/s);
    assert.equal((await itemsOf(turn)).filter(({ approved }) => approved).length, 2);
    const again = await resolve(turn, { call_id: 'call_0_0', action: 'approve' });
    assert.deepEqual([again.status, again.body], [409, { detail: 'Tool call has already been resolved.' }]);
  });

  it('tell the model what was rejected', async () => {
    const turn = await paused(plan([ago(1), ago(2)]));
    assert.deepEqual((await decide(turn, 'call_0_0', 'reject')).task_ids, []);
    assert.equal((await itemsOf(turn))[1]?.status, 'pending');
    assert.equal((await decide(turn, 'call_0_1', 'reject')).task_ids.length, 1);
    const end = await done(turn);
    assert.match(end.content, /^Tools said: Error: .* \| Error: /);
    assert.deepEqual(statuses(await itemsOf(turn)), [
      'function_call:rejected',
      'function_call:rejected',
      'function_call_output:rejected',
      'function_call_output:rejected',
      'message:completed',
    ]);
  });

  it('pause each round anew, and add up the figures of all', async () => {
    const turn = await paused(plan([ago(1)], [ago(2)]));
    await decide(turn, 'call_0_0', 'approve');
    await until(async () =>
      (await itemsOf(turn)).some(({ call_id, status }) => call_id === 'call_1_0' && status === 'pending'),
    );
    await settled(user, turn.chatId);
    await decide(turn, 'call_1_0', 'approve');
    const end = await done(turn);
    assert.match(end.content, /^Tools said: /);
    assert.equal((await itemsOf(turn)).length, 5);
  });

  it('are the author’s to decide, once, and with what they take', async () => {
    const turn = await paused(plan([ago(1)]));
    const stranger = await addAccount(admin, 'vic');
    const approve = { call_id: 'call_0_0', action: 'approve' };
    assert.equal((await resolve(turn, approve, stranger)).status, 401);
    assert.equal((await resolve({ ...turn, replyId: 'none' }, approve)).status, 404);
    assert.equal((await resolve(turn, { ...approve, call_id: 'none' })).status, 404);
    assert.equal((await resolve({ ...turn, replyId: turn.userId }, approve)).status, 400);
    assert.equal((await resolve(turn, { call_id: 'call_0_0', action: 'answer', answers: {} })).status, 400);
    assert.equal((await resolve(turn, { call_id: 'call_0_0', action: 'perhaps' })).status, 422);
    const both = await Promise.all([resolve(turn, approve), resolve(turn, approve), resolve(turn, approve)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 409, 409]);
    await done(turn);
  });

  it('are given up by the stop button', async () => {
    const turn = await paused(plan([ago(1), ago(2)]));
    const stopped = await user.ok('POST', `/api/tasks/chat/${turn.chatId}/stop`);
    assert.deepEqual(stopped, { status: true, message: 'Finalized pending approval message.' });
    assert.deepEqual(statuses(await itemsOf(turn)), ['function_call:rejected', 'function_call:rejected']);
    assert.equal((await resolve(turn, { call_id: 'call_0_0', action: 'approve' })).status, 409);
  });

  it('ask nobody in mode full', async () => {
    const turn = await sendTurn(user, socket, { model: 'plan', content: plan([ago(1)]) });
    assert.match((await done(turn)).content, /^Tools said: /);
  });

  it('wait for answers in every mode, alone', async () => {
    const options = ['Red', 'Blue'].map((label) => ({ label, description: `It is ${label}` }));
    const questions = [{ id: 'colour', question: 'Which colour?', options }];
    const ask = { name: 'ask_user', arguments: { questions } };
    const turn = await paused(plan([ask]), {});
    assert.deepEqual(statuses(await itemsOf(turn)), ['function_call:pending']);
    assert.equal((await resolve(turn, { call_id: 'call_0_0', action: 'approve' })).status, 400);
    assert.equal((await resolve(turn, { call_id: 'call_0_0', action: 'answer' })).status, 400);
    const answered = { call_id: 'call_0_0', action: 'answer', answers: { colour: 'Blue' } };
    assert.equal((await resolve(turn, answered)).status, 200);
    const end = await done(turn);
    assert.equal(end.content, 'Tools said: {"status":"answered","answers":{"colour":"Blue"}}');

    const late = await paused(plan([ask]), {});
    assert.equal((await resolve(late, { call_id: 'call_0_0', action: 'answer', timed_out: true })).status, 200);
    assert.match((await done(late)).content, /"status":"cancelled".*"timed_out":true/);

    const crowd = await sendTurn(user, socket, { model: 'plan', content: plan([ask, ago(1)]) });
    assert.match((await done(crowd)).content, /^Tools said: Error: .*alone\. \| .*calculated/s);
    const bad = await sendTurn(user, socket, {
      model: 'plan',
      content: plan([{ name: 'ask_user', arguments: { questions: [] } }]),
    });
    assert.match((await done(bad)).content, /^Tools said: Error: /);
  });

  it('go on with what the chat was asked with', async () => {
    const extra = {
      ...ASKS,
      params: { ...ASKS.params, temperature: 0.25 },
      messages: [{ role: 'system', content: 'Be brief.' }],
      background_tasks: { follow_up_generation: true },
    };
    const turn = await paused(plan([ago(1)]), extra);
    await decide(turn, 'call_0_0', 'approve');
    await done(turn);
    const body: Record<string, unknown> = provider.chats().at(-1)?.body ?? {};
    assert.equal(body.temperature, 0.25);
    assert.deepEqual((body.messages as ChatEvent[])[0], { role: 'system', content: 'Be brief.' });
    const follow = socket.events(turn.replyId).find(({ data }) => data.type === 'chat:message:follow_ups');
    assert.ok(follow, 'follow-ups come after the reply');
  });

  it('go on after a kill and a restart', async () => {
    await using other = new AsyncDisposableStack();
    let one = await startServer({
      provider,
      env: { BYPASS_MODEL_ACCESS_CONTROL: 'true', ENABLE_TOOL_PERMISSIONS: 'true' },
    });
    other.defer(() => one.stop());
    const boss = await signUp(one);
    const tab = await connectSocket(one.base, boss);
    const turn = await sendTurn(boss, tab, { model: 'plan', content: plan([ago(1)]), extra: ASKS, wait: false });
    await settled(boss, turn.chatId);
    await one.kill();
    tab.close();
    const { dataDir, port } = one;
    one = await startServer({ provider, dataDir, port, env: { ENABLE_TOOL_PERMISSIONS: 'true' } });
    const api = { ...boss, ...apiClient(one.base, boss.token), token: boss.token };
    assert.deepEqual(statuses(await itemsOf(turn, api)), ['function_call:pending']);
    assert.equal((await resolve(turn, { call_id: 'call_0_0', action: 'approve' }, api)).status, 200);
    assert.match((await done(turn, api)).content, /^Tools said: .*calculated/s);
  });
});
