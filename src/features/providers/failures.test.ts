import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brokenPart, shownOf } from './failures.ts';

const shown = (body: unknown, status = 500) => shownOf({ status, body, headers: {} });

describe('what people are shown of a provider that refuses', () => {
  it('is its error, wherever it says it', () => {
    assert.deepEqual(shown({ error: { message: 'slow down', type: 'rate' } }), { message: 'slow down', type: 'rate' });
    assert.equal(shown({ error: { detail: 'in a pipe' } }), 'in a pipe');
    assert.equal(shown({ error: 'no such model' }), 'no such model');
    assert.equal(shown({ detail: 'Not allowed' }), 'Not allowed');
    assert.equal(shown({ message: 'Unauthorized' }), 'Unauthorized');
    assert.deepEqual(shown([{ message: 'one' }]), [{ message: 'one' }]);
  });

  it('is the words of a page, or the status when there are none', () => {
    const page =
      '<!DOCTYPE html><html><head><title>502</title><style>b{}</style></head><body><h1>Bad&nbsp;gateway</h1>\n<hr>nginx</body></html>';
    assert.equal(shown(page, 502), 'Bad gateway nginx');
    assert.equal(shown('<html><head><title>Blocked</title></head><body></body></html>'), 'Blocked');
    assert.equal(shown('', 504), 'HTTP 504');
    assert.equal(shown('bad gateway'), 'bad gateway');
    assert.equal(String(shown('x'.repeat(5_000))).length, 2_001);
  });

  it('says whether an answer was cut', () => {
    const cut = brokenPart(new Error('terminated'), true);
    const never = brokenPart(new Error('ECONNREFUSED'), false);
    assert.match(String(cut.type === 'error' && cut.error), /before the answer was complete/);
    assert.match(String(never.type === 'error' && never.error), /Server Connection Error/);
  });
});
