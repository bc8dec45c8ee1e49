import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { redactQuery, redactText } from './redact.ts';

describe('what goes into the audit log', () => {
  it('has no values of secret members, whatever their form', () => {
    const cases: [string, string][] = [
      ['{"password":"x","name":"Ada"}', '{"password":"********","name":"Ada"}'],
      ['{"new_password": "a\\"b" , "x":1}', '{"new_password": "********" , "x":1}'],
      ['{"OPENAI_API_KEYS":["sk-1","sk-2"],"ENABLE":true}', '{"OPENAI_API_KEYS":"********","ENABLE":true}'],
      [
        '{"a":{"apiKey":"k"},"config":{"Authorization":"Bearer x"}}',
        '{"a":{"apiKey":"********"},"config":{"Authorization":"********"}}',
      ],
      ['{"credentials":{"a":{"b":"}]"}},"c":2}', '{"credentials":"********","c":2}'],
      ['{"p\\u0061ssword":"x"}', '{"p\\u0061ssword":"********"}'],
      ['{"code":123456,"language_code":"de"}', '{"code":"********","language_code":"de"}'],
      ['{"token":null,"secret":false,"max_tokens":5}', '{"token":null,"secret":false,"max_tokens":5}'],
      ['{"text":"the \\"password\\": is nice","key":"v"}', '{"text":"the \\"password\\": is nice","key":"********"}'],
    ];
    for (const [given, wanted] of cases) assert.equal(redactText(given), wanted);
  });

  it('has none either where the text was cut off, or is a stream of events', () => {
    assert.equal(redactText('{"name":"x","password":"half of it'), '{"name":"x","password":"********"');
    assert.equal(redactText('{"keys":["a","b'), '{"keys":"********"');
    assert.equal(redactText('{"password'), '{"password');
    assert.equal(redactText('{"password":'), '{"password":');
    assert.equal(redactText('data: {"token":"t"}\n\ndata: [DONE]\n'), 'data: {"token":"********"}\n\ndata: [DONE]\n');
    assert.equal(redactText('no JSON at all'), 'no JSON at all');
  });

  it('stays fast on hostile text', () => {
    const text = '"key":['.repeat(2_000);
    const started = performance.now();
    redactText(text);
    redactText('"'.repeat(20_000));
    assert.ok(performance.now() - started < 500);
  });

  it('masks secrets in addresses and forms', () => {
    assert.equal(
      redactQuery('page=1&token=abc&api%5Fkey=x&code=1&q=a%26b'),
      'page=1&token=********&api%5Fkey=********&code=********&q=a%26b',
    );
    assert.equal(redactQuery(''), '');
  });
});
