import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SentTurn, sendTurn } from '../support/chat.ts';
import { signUp } from '../support/client.ts';
import { type DatabaseKind, missingDatabase } from '../support/databases.ts';
import { messagesOf, replyOf, settled } from '../support/replies.ts';
import { startServer } from '../support/server.ts';
import { connectSocket } from '../support/socket.ts';
import { until } from '../support/wait.ts';

/** SQLite has the tests of each behaviour; here what waits in the database is proven on the others. */
const KINDS: DatabaseKind[] = ['postgresql', 'mysql'];

const call = (name: string, args: object) => [{ name, arguments: args }];

for (const kind of KINDS) {
  describe(`work that waits on ${kind}`, { skip: await missingDatabase(kind) }, () => {
    it('is decided once, reported by sub-agents, and begun by timers', async () => {
      const env = { ENABLE_SUBAGENTS: 'true', SUBAGENTS_BACKGROUND_ENABLED: 'true', ENABLE_TOOL_PERMISSIONS: 'true' };
      await using server = await startServer({ database: kind, env });
      const user = await signUp(server);
      const socket = await connectSocket(server.base, user);
      const send = (rounds: unknown[], more = {}) =>
        sendTurn(user, socket, { model: 'plan', content: JSON.stringify(rounds), ...more });
      const done = async ({ chatId, replyId }: SentTurn) => {
        await until(async () => (await replyOf(user, chatId, replyId)).done === true, { what: 'the end of a reply' });
        return (await replyOf(user, chatId, replyId)).content;
      };
      const internal = (turn: SentTurn, type: string) =>
        until(
          async () => {
            const messages = Object.values(await messagesOf(user, turn.chatId));
            const asked = messages.find(({ role, meta }) => role === 'user' && meta?.type === type);
            return messages.find(({ parentId, done }) => asked && parentId === asked.id && done);
          },
          { what: `an answer to a message of kind ${type}` },
        );

      const asks = { extra: { params: { tool_approval_mode: 'ask' } }, wait: false };
      const waiting = await send([call('calculate_timestamp', { days_ago: 1 })], asks);
      await settled(user, waiting.chatId);
      const path = `/api/v1/chats/${waiting.chatId}/messages/${waiting.replyId}/resolve`;
      const json = { call_id: 'call_0_0', action: 'approve' };
      const decided = await Promise.all([1, 2, 3, 4].map(() => user.call('POST', path, { json })));
      assert.deepEqual(decided.map(({ status }) => status).sort(), [200, 409, 409, 409]);
      assert.match(await done(waiting), /^Tools said: .*calculated_timestamp/s);

      const foreground = await send([call('delegate_task', { task: 'Say hello' })]);
      assert.match(await done(foreground), /^Tools said: Tools said:/);
      const background = await send([call('delegate_task', { task: 'Say hello', background: true })]);
      const timed = await send([call('timer', { prompt: 'Look again', at: '1s', cancel_on: ['chat.read'] })]);
      const needless = await send([call('timer', { prompt: 'No', at: '1s', cancel_on: ['chat.user_message'] })]);
      await send([], { content: 'Never mind', chatId: needless.chatId, parentId: needless.replyId });
      await internal(background, 'subagent');
      await internal(timed, 'timer');
      const messages = Object.values(await messagesOf(user, needless.chatId));
      assert.ok(!messages.some(({ meta }) => meta?.type === 'timer'));
      assert.ok(!/\b(ERROR|FATAL)\b/i.test(server.output()), server.output());
      socket.close();
    });
  });
}
