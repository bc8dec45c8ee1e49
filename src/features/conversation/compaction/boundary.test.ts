import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boundaryOf } from './boundary.ts';

const turns = (count: number) => Array.from({ length: count }, () => [{ role: 'user' }, { role: 'assistant' }]).flat();

describe('where a conversation is cut', () => {
  it('is at a question, and leaves the share that is to stay', () => {
    assert.equal(boundaryOf([...turns(10), { role: 'user' }], 40), 12);
    assert.equal(boundaryOf(turns(10), 90), 10);
    assert.equal(boundaryOf(turns(10), 0), 18);
  });

  it('is at the first question there is after the beginning when that is late', () => {
    assert.equal(boundaryOf([{ role: 'user' }, ...Array(8).fill({ role: 'assistant' }), { role: 'user' }], 50), 9);
  });

  it('is nowhere with one question', () => {
    assert.equal(boundaryOf(turns(1), 40), null);
    assert.equal(boundaryOf([], 40), null);
  });
});
