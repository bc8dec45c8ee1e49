import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../kernel/json.ts';
import { createBridge } from './bridge.ts';

function setUp() {
  const provider: JsonObject[] = [];
  const client: JsonObject[] = [];
  const bridge = createBridge({
    gestures: [{ name: 'wave', description: 'Waves a hand' }],
    toProvider: (event) => provider.push(event),
    toClient: (event) => client.push(event),
    now: () => 0,
  });
  const moves = (callId: string, args: string) =>
    bridge.event({
      type: 'response.output_item.done',
      response_id: 'r1',
      item: { type: 'function_call', status: 'completed', name: 'play_animation', call_id: callId, arguments: args },
    });
  return { provider, client, bridge, moves };
}

describe('movements of an avatar in a call', () => {
  it('are told with their validity, answered once, and then spoken', () => {
    const { provider, client, bridge, moves } = setUp();
    const metadata = { input_item_id: 'i1', other: 1 };
    bridge.event({ type: 'response.created', response: { id: 'r1', metadata } });
    moves('good', '{"name":"wave"}');
    moves('bad', '{"name":"jump"}');
    assert.deepEqual(
      client.slice(1).map((event) => event.animation_valid),
      [true, false],
    );
    const answer = { type: 'bridge.animation.respond', response_id: 'r1' };
    assert.throws(() => bridge.command(answer), /not ready/);
    bridge.command({ type: 'bridge.animation.result', call_id: 'good', status: 'started' });
    bridge.command({ type: 'bridge.animation.result', call_id: 'bad', status: 'started' });
    const outputs = provider.map(({ item }) => JSON.parse(String((item as JsonObject).output)) as JsonObject);
    assert.deepEqual(
      outputs.map(({ status }) => status),
      ['started', 'unavailable'],
    );
    assert.throws(
      () => bridge.command({ type: 'bridge.animation.result', call_id: 'good', status: 'started' }),
      /Invalid animation result/,
    );
    assert.throws(() => bridge.command(answer), /not ready/);
    bridge.event({ type: 'response.done', response: { id: 'r1' } });
    bridge.command(answer);
    const { response } = provider.at(-1) as { response: JsonObject };
    assert.deepEqual(response.metadata, { input_item_id: 'i1' });
    assert.equal((response.tools as JsonObject[])[0]?.name, 'generate_chat_completion');
    assert.throws(() => bridge.command(answer), /not ready/);
  });

  it('offer no delegation again where the response was the answer to one', () => {
    const { provider, bridge, moves } = setUp();
    bridge.event({ type: 'response.created', response: { id: 'r1', metadata: { call_id: 'c1' } } });
    moves('m', '{"name":"wave"}');
    bridge.command({ type: 'bridge.animation.result', call_id: 'm', status: 'busy' });
    bridge.event({ type: 'response.done', response: { id: 'r1', metadata: { call_id: 'c1' } } });
    bridge.command({ type: 'bridge.animation.respond', response_id: 'r1' });
    const { response } = provider.at(-1) as { response: JsonObject };
    assert.deepEqual([response.tools, response.tool_choice], [[], 'none']);
  });
});

describe('a call', () => {
  it('remembers so much and no more', () => {
    const { bridge } = setUp();
    const heard = (at: number) =>
      bridge.event({
        type: 'conversation.item.input_audio_transcription.completed',
        item_id: `i${at}`,
        transcript: 'x',
      });
    for (let at = 0; at < 4096; at += 1) heard(at);
    assert.throws(() => heard(4096), /Call limit reached/);
  });
});
