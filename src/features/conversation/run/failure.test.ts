import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HttpError } from '../../../kernel/http/errors.ts';
import { failureText, thrownText } from './failure.ts';

it('finds the text in errors of many shapes', () => {
  const shapes: [unknown, string][] = [
    ['plain', 'plain'],
    [{ error: { message: 'inner', type: 'x' } }, 'inner'],
    [{ message: 'outer' }, 'outer'],
    [{ detail: [{ msg: 'field required', loc: ['body'] }] }, 'field required'],
    [[{ error: 'first' }], 'first'],
    [{ error: { code: 7 } }, 'Provider returned HTTP 502'],
    ['', 'Provider returned HTTP 502'],
    [null, 'Provider returned HTTP 502'],
  ];
  for (const [error, expected] of shapes) assert.equal(failureText(error, 502), expected);
  assert.equal(failureText(undefined), 'The model provider ended the answer with an error.');
});

it('makes pages readable and keeps them short', () => {
  const page = '<html><head><style>a{}</style></head><body><h1>Bad gateway</h1><p>nginx</p></body></html>';
  assert.equal(failureText(page, 502), 'Bad gateway nginx');
  assert.ok(failureText('x'.repeat(100_000)).length <= 2_001);
});

it('hides secrets that providers repeat', () => {
  assert.equal(
    failureText('Incorrect API key provided: sk-proj-abcdefghij1234567890.'),
    'Incorrect API key provided: sk-….',
  );
  assert.equal(failureText('bad header Bearer abcdefghijklmnop'), 'bad header Bearer …');
  assert.equal(failureText('no route to http://user:secret@host/v1'), 'no route to http://host/v1');
});

it('takes what was thrown', () => {
  assert.equal(thrownText(new HttpError(400, 'Model not found')), 'Model not found');
  assert.equal(thrownText(new HttpError(429, { error: { message: 'slow down' } })), 'slow down');
  assert.equal(thrownText(new Error('boom')), 'boom');
});
