import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chatVariablesOf, fillChatVariables } from './chat-variables.ts';

describe('chat variables of a prompt', () => {
  it('reads definitions, separators in quotes and brackets aside', () => {
    const prompt =
      'For {{chat.variables.who | text:label="To: whom":required}} in {{ chat.variables.tone|type=select:options=["a:b","c"]:default=c:odd=1 }}';
    assert.deepEqual(chatVariablesOf(prompt), [
      { key: 'who', definition: { type: 'text', label: 'To: whom', required: true } },
      { key: 'tone', definition: { type: 'select', options: ['a:b', 'c'], default: 'c' } },
    ]);
  });

  it('fills given values, then defaults, then nothing', () => {
    const prompt = '{{chat.variables.a}}/{{chat.variables.b | text:default=dd}}/{{chat.variables.c}}';
    assert.equal(fillChatVariables(prompt, { a: 'A' }), 'A/dd/');
    assert.equal(fillChatVariables('{{chat.variables.n}}', { n: 5 }), '5');
  });

  it('empties all when a key, a choice or two definitions break the rules', () => {
    assert.equal(fillChatVariables('{{chat.variables.A}}{{chat.variables.b}}', { b: 'x' }), '');
    assert.equal(
      fillChatVariables('{{chat.variables.s | select:options=["p"]}}{{chat.variables.b}}', { s: 'q', b: 'x' }),
      '',
    );
    assert.equal(fillChatVariables('{{chat.variables.a | text}}{{chat.variables.a | number}}', { a: '1' }), '');
    assert.equal(fillChatVariables('{{chat.variables.a}}', { a: 'x'.repeat(20_001) }), '');
  });

  it('lets a value hold what looks like a replacement pattern', () => {
    assert.equal(fillChatVariables('{{chat.variables.a}}', { a: '$& $1' }), '$& $1');
  });
});
