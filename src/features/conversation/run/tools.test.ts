import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FunctionCallItem } from '../reply/items.ts';
import type { TurnTool } from '../turn/turn.ts';
import { looksFailed, runCall, runCalls } from './tools.ts';

const call = (name: string, args: string, id = 'call_1'): FunctionCallItem => ({
  type: 'function_call',
  id,
  call_id: id,
  name,
  arguments: args,
  status: 'completed',
});

const tool = (run: TurnTool['run']): TurnTool => ({
  spec: { name: 'add', parameters: { type: 'object', properties: { a: {}, b: {} } } },
  run,
});

const never = new AbortController().signal;

const scope = (one: TurnTool, signal = never) => ({ tools: new Map([['add', one]]), signal, keep: null });

async function resultOf(item: FunctionCallItem, run: TurnTool['run']) {
  const output = (await runCall(item, scope(tool(run)))) as unknown as {
    call_id: string;
    status: string;
    output: { text: string }[];
  };
  return { id: output.call_id, status: output.status, call: item.status, text: output.output[0]?.text };
}

describe('a tool call', () => {
  it('is run with the arguments the tool declares', async () => {
    const seen: unknown[] = [];
    const result = await resultOf(call('add', '{"a":1,"b":2,"c":3}'), async (args) => {
      seen.push(args);
      return 3;
    });
    assert.deepEqual(seen, [{ a: 1, b: 2 }]);
    assert.deepEqual(result, { id: 'call_1', status: 'completed', call: 'completed', text: '3' });
  });

  it('takes arguments in the words of Python, and keeps them as JSON', async () => {
    for (const [text, args] of [
      ["{'a': True}", '{"a":true}'],
      ['', '{}'],
      ['{"a": 1}', '{"a": 1}'],
    ] as const) {
      const item = call('add', text);
      assert.equal((await resultOf(item, async () => 'fine')).text, 'fine');
      assert.equal(item.arguments, args);
    }
  });

  it('gives results of every kind as text', async () => {
    for (const [value, text] of [
      ['words', 'words'],
      [null, ''],
      [undefined, ''],
      [true, 'true'],
      [[1], '{\n  "results": [\n    1\n  ]\n}'],
      [{ a: 1 }, '{\n  "a": 1\n}'],
    ]) {
      assert.equal((await resultOf(call('add', ''), async () => value)).text, text);
    }
  });

  it('tells the model what went wrong', async () => {
    const fine: TurnTool['run'] = async () => 'fine';
    assert.equal((await resultOf(call('nope', '{}'), fine)).text, 'Error: Tool "nope" not found.');
    for (const args of ['{oops', '[1]', '"x"']) {
      const { status, text } = await resultOf(call('add', args), fine);
      assert.equal(status, 'failed');
      assert.match(text ?? '', /^Error: /);
    }
    const thrown = await resultOf(call('add', '{}'), async () => {
      throw new Error('no network');
    });
    assert.deepEqual(thrown, { id: 'call_1', status: 'failed', call: 'failed', text: '{\n  "error": "no network"\n}' });
  });

  it('runs beside others, and gives results in order', async () => {
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const began: string[] = [];
    const waiting: TurnTool['run'] = async ({ a }) => {
      began.push(String(a));
      await gates[Number(a)]?.promise;
      return a;
    };
    const calls = [0, 1, 2].map((at) => call('add', `{"a":${at}}`, `c${at}`));
    const results = runCalls(calls, scope(tool(waiting)), 2);
    const first = results.next();
    assert.deepEqual(began, ['0', '1']);
    gates[1]?.resolve();
    gates[0]?.resolve();
    assert.equal((await first).value?.call.call_id, 'c0');
    gates[2]?.resolve();
    const rest: unknown[] = [];
    for await (const { call: done } of results) rest.push(done.call_id);
    assert.deepEqual(rest, ['c1', 'c2']);
    assert.deepEqual(began, ['0', '1', '2']);
  });

  it('is over when the reply is stopped, whatever the tool does', async () => {
    const controller = new AbortController();
    const hanging = runCall(
      call('add', '{}'),
      scope(
        tool(() => new Promise(() => {})),
        controller.signal,
      ),
    );
    controller.abort(new Error('stopped'));
    await assert.rejects(hanging, /stopped/);
  });

  it('ends with the reply', async () => {
    const controller = new AbortController();
    const running = runCall(
      call('add', '{}'),
      scope(
        tool(async () => controller.abort(new Error('stopped'))),
        controller.signal,
      ),
    );
    await assert.rejects(running, /stopped/);
  });
});

it('knows failed results', () => {
  for (const text of [
    'Error: x',
    ' exception: y',
    'Traceback (most recent',
    'HTTP error! status 500',
    '{"error":"x"}',
    '{"status":"failed"}',
    '{"ok":false,"message":"m"}',
  ]) {
    assert.ok(looksFailed(text), text);
  }
  for (const text of ['', 'The error: none', '{"error":""}', '{"status":"ok"}', '{"ok":false}', '{"a":', '[]']) {
    assert.ok(!looksFailed(text), text);
  }
});
