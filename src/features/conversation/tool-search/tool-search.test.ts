import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FunctionCallItem } from '../reply/items.ts';
import type { TurnTool } from '../turn/turn.ts';
import { searchTools, tokens } from './rank.ts';
import { unwrapCalls } from './unwrap.ts';

const spec = (name: string, description: string, ...properties: string[]) => ({
  name,
  description,
  parameters: { type: 'object', properties: Object.fromEntries(properties.map((one) => [one, {}])) },
});
const SPECS = [
  spec('getWeather', 'Tells the weather of a place', 'city'),
  spec('send_mail', 'Sends a letter to somebody', 'recipient', 'subject'),
  spec('read_mail', 'Reads letters', 'folder'),
  spec('天気予報', '今日の天気を調べる', 'place'),
];
const names = (query: string, count = 5) => searchTools(SPECS, query, count).map(({ name }) => name);

describe('a search among tools', () => {
  it('splits words as people write them', () => {
    assert.deepEqual(tokens('getHTTPResponse2 ＡＢＣ read_mail'), ['get', 'http', 'response2', 'abc', 'read', 'mail']);
    assert.deepEqual(tokens('天気予報'), ['天気', '気予', '予報']);
  });

  it('finds by name, by words, by parameters', () => {
    assert.deepEqual(names('read_mail'), ['read_mail']);
    assert.deepEqual(names('weather'), ['getWeather']);
    assert.deepEqual(names('mail to a recipient'), ['send_mail', 'read_mail', 'getWeather']);
    assert.deepEqual(names('天気'), ['天気予報']);
    assert.deepEqual(names('mail', 1), ['read_mail']);
    assert.deepEqual(names('nothing like it'), []);
    assert.deepEqual(names(''), []);
  });
});

describe('a call through the dispatcher', () => {
  const one: TurnTool = { spec: {}, run: async () => '' };
  const tools = new Map<string, TurnTool>([
    ['add', one],
    ['call_tool', { ...one, isDispatcher: true }],
    ['search_tools', one],
  ]);
  const call = (args: string): FunctionCallItem => ({
    type: 'function_call',
    id: 'c',
    call_id: 'c',
    name: 'call_tool',
    arguments: args,
    status: 'completed',
  });

  it('becomes a call of the tool it names', () => {
    const said = JSON.stringify({ tool_name: 'add', params: '{"a": 1}' });
    const item = call(said);
    assert.deepEqual(unwrapCalls([item], tools), []);
    assert.deepEqual([item.name, item.arguments], ['add', '{"a":1}']);
    assert.deepEqual(item.provider_function, { name: 'call_tool', arguments: said });
  });

  it('fails when it names none', () => {
    for (const args of [
      '{',
      '[]',
      '{"tool_name":"add"}',
      '{"tool_name":"add","params":"[1]"}',
      '{"tool_name":"add","params":"{}","more":1}',
      '{"tool_name":"nope","params":"{}"}',
      '{"tool_name":"call_tool","params":"{}"}',
      '{"tool_name":"search_tools","params":"{}"}',
    ]) {
      const item = call(args);
      const [result] = unwrapCalls([item], tools) as unknown as { output: { text: string }[]; status: string }[];
      assert.match(result?.output[0]?.text ?? '', /^Error: /, args);
      assert.deepEqual([result?.status, item.status, item.name], ['failed', 'failed', 'call_tool']);
    }
  });
});
