import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pairToolCalls, replayMessages, replayOutput } from './replay.ts';

const says = (text: string) => ({ type: 'message', content: [{ type: 'output_text', text }] });
const calls = (call_id: string, more: object = {}) => ({
  type: 'function_call',
  call_id,
  name: 'add',
  arguments: '{"a":7}',
  status: 'completed',
  ...more,
});
const gives = (call_id: string, ...output: object[]) => ({ type: 'function_call_output', call_id, output });
const text = (value: string) => ({ type: 'input_text', text: value });
const options = { thoughts: null, keepDetails: true };

describe('replies of earlier turns', () => {
  it('give back with a call what its provider wants', () => {
    const extra_content = { google: { thought_signature: 'c2ln' } };
    const [said] = replayOutput([calls('1', { extra_content }), gives('1', text('14'))], options);
    assert.deepEqual(said?.tool_calls, [
      { id: '1', type: 'function', function: { name: 'add', arguments: '{"a":7}' }, extra_content },
    ]);
  });

  it('become text, calls and results in order', () => {
    assert.deepEqual(
      replayOutput(
        [says('Let me see.'), calls('1'), calls('2'), gives('1', text('14')), gives('2', text('15')), says('Done.')],
        options,
      ),
      [
        {
          role: 'assistant',
          content: 'Let me see.',
          tool_calls: [
            { id: '1', type: 'function', function: { name: 'add', arguments: '{"a":7}' } },
            { id: '2', type: 'function', function: { name: 'add', arguments: '{"a":7}' } },
          ],
        },
        { role: 'tool', tool_call_id: '1', content: '14' },
        { role: 'tool', tool_call_id: '2', content: '15' },
        { role: 'assistant', content: 'Done.' },
      ],
    );
  });

  it('leave out calls without a result and those that wait', () => {
    assert.deepEqual(replayOutput([calls('1'), says('Hm.')], options), [{ role: 'assistant', content: 'Hm.' }]);
    assert.deepEqual(replayOutput([calls('1', { status: 'pending' })], options), []);
  });

  it('show what the model really called', () => {
    const provider_function = { name: 'call_tool', arguments: '{"tool_name":"add"}' };
    const [message] = replayOutput([calls('1', { provider_function }), gives('1', text('x'))], options);
    assert.deepEqual(message?.tool_calls, [{ id: '1', type: 'function', function: provider_function }]);
  });

  it('show images of results in a message of the user', () => {
    const image = { type: 'input_image', image_url: 'data:image/png;base64,AA' };
    const messages = replayOutput([calls('1'), gives('1', text('see'), image), says('Nice.')], options);
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['assistant', 'tool', 'user', 'assistant'],
    );
    const shown = messages[2]?.content;
    assert.ok(Array.isArray(shown));
    assert.deepEqual(shown[1], { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } });
  });

  it('give thoughts back only under the key the model takes, details only to their model', () => {
    const details = [{ text: 'h' }, { format: 'anthropic-claude-v1', text: 'unsigned' }];
    const reasoning = { type: 'reasoning', content: [{ text: 'Hm' }], reasoning_details: details };
    assert.deepEqual(replayOutput([reasoning, says('A')], { thoughts: null, keepDetails: false }), [
      { role: 'assistant', content: 'A' },
    ]);
    assert.deepEqual(replayOutput([reasoning, says('A')], { thoughts: 'thinking', keepDetails: true }), [
      { role: 'assistant', content: 'A', thinking: 'Hm', reasoning_details: [{ text: 'h' }] },
    ]);
    const stored = { role: 'assistant', model: 'other', content: 'A', output: [reasoning, says('A')] };
    assert.deepEqual(replayMessages([stored], { modelId: 'mine', thoughts: null }), [
      { role: 'assistant', content: 'A' },
    ]);
  });

  it('show code and its result', () => {
    const code = { type: 'open_webui:code_interpreter', code: 'print(1)', output: { stdout: '1' } };
    assert.equal(
      replayOutput([code, { type: 'open_webui:other' }], options)[0]?.content,
      '<code_interpreter>\nprint(1)\n</code_interpreter>\n<code_interpreter_output>\n1\n</code_interpreter_output>',
    );
  });

  it('lose what is the chat’s own, and vanish when nothing is left', () => {
    const question = { role: 'user', id: 'u', content: 'Q', files: [], meta: {}, model: 'm', usage: {} };
    const empty = { role: 'assistant', id: 'a', content: '', output: [calls('1')] };
    assert.deepEqual(replayMessages([question, empty], { modelId: 'm', thoughts: null }), [
      { role: 'user', content: 'Q' },
    ]);
  });

  it('keep what was spoken as a record', () => {
    const spoken = { role: 'user', content: 'Q', meta: { voice: { speech: [{ transcript: 'Hello' }, {}] } } };
    const messages = replayMessages([spoken], { modelId: 'm', thoughts: null });
    assert.equal(messages.length, 2);
    assert.match(String(messages[1]?.content), /Hello$/);
  });
});

describe('tool calls of a request', () => {
  const call = (...ids: string[]) =>
    ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } }));

  it('need their results right after them', () => {
    const messages = [
      { role: 'assistant', content: '', tool_calls: call('1', '2') },
      { role: 'tool', tool_call_id: '2', content: 'b' },
      { role: 'tool', tool_call_id: '3', content: 'c' },
      { role: 'user', content: 'q' },
      { role: 'tool', tool_call_id: '1', content: 'a' },
    ];
    assert.deepEqual(pairToolCalls(messages), [
      { role: 'assistant', content: '', tool_calls: call('2') },
      { role: 'tool', tool_call_id: '2', content: 'b' },
      { role: 'user', content: 'q' },
    ]);
  });

  it('go, while the text of their message stays', () => {
    assert.deepEqual(pairToolCalls([{ role: 'assistant', content: 'I call', tool_calls: call('1') }]), [
      { role: 'assistant', content: 'I call' },
    ]);
    assert.deepEqual(pairToolCalls([{ role: 'assistant', content: null, tool_calls: call('1') }]), []);
  });
});
