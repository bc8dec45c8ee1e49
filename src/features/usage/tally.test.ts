import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CountedMessage } from './store.ts';
import { Tally } from './tally.ts';

const noon = Date.UTC(2026, 0, 7, 12) / 1_000;
const DAY = 86_400;

function message(given: Partial<CountedMessage>): CountedMessage {
  return {
    id: 'm',
    chat_id: 'c',
    role: 'assistant',
    model_id: 'a',
    created_at: noon,
    usage: null,
    output: null,
    meta: null,
    ...given,
  };
}

it('counts days, tokens, models, streaks and tools', () => {
  const tally = new Tally({ start: noon - 6 * DAY, end: noon, days: 7 }, 'UTC');
  const old = { created_at: noon - 100 * DAY, model_id: 'old', usage: { prompt_tokens: 5, completion_tokens: 6 } };
  tally.add(message(old));
  tally.add(message({ role: 'user', model_id: null, created_at: noon - 2 * DAY }));
  tally.add(message({ created_at: noon - 2 * DAY + 60, usage: { input_tokens: 10, output_tokens: '4' } }));
  tally.add(message({ created_at: (noon - DAY) * 1_000, output: [{ type: 'function_call', name: 'search' }] }));
  tally.add(message({ created_at: noon, model_id: 'b', meta: { tool_calls: [{ function: { name: 'search' } }] } }));
  const result = tally.result(2);
  assert.deepEqual(result.totals, {
    lifetime_tokens: 25,
    input_tokens: 15,
    output_tokens: 10,
    peak_daily_tokens: 14,
    longest_chat_seconds: 60,
    current_streak: 3,
    longest_streak: 3,
    total_chats: 2,
    active_days: 3,
    models_used: 3,
    messages: 4,
    user_messages: 1,
    assistant_messages: 3,
  });
  assert.equal(result.heatmap.length, 7);
  assert.deepEqual(result.heatmap[4], { date: '2026-01-05', messages: 2, chats: 1, tokens: 14, models: { a: 1 } });
  assert.deepEqual(
    result.weekly_heatmap.map(({ date, messages, chats }) => [date, messages, chats]),
    [
      ['2025-12-29', 0, 0],
      ['2026-01-05', 4, 1],
    ],
  );
  assert.deepEqual(result.cumulative_heatmap.at(-1)?.models, { a: 2, b: 1 });
  assert.deepEqual(result.top_models[0], {
    model_id: 'a',
    messages: 2,
    input_tokens: 10,
    output_tokens: 4,
    total_tokens: 14,
  });
  assert.deepEqual(result.top_tools, [{ name: 'search', count: 2 }]);
  assert.deepEqual(result.insights.user_message_share, 25);
});

it('takes days where the user is, and an unknown place as UTC', () => {
  const late = Date.UTC(2026, 0, 7, 23, 30) / 1_000;
  const dateIn = (zone: string) => {
    const tally = new Tally({ start: late - 6 * DAY, end: late, days: 7 }, zone);
    tally.add(message({ created_at: late }));
    return tally.result(1).heatmap.find(({ messages }) => messages > 0)?.date;
  };
  assert.equal(dateIn('Asia/Kathmandu'), '2026-01-08');
  assert.equal(dateIn('Nowhere/Else'), '2026-01-07');
});
