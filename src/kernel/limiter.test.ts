import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLimiter } from './limiter.ts';

it('work is done a few at a time, in order, and turned away when too much waits', async () => {
  const limited = createLimiter(2, 2, () => new Error('full'));
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const began: number[] = [];
  const work = (at: number, signal?: AbortSignal) =>
    limited(async () => {
      began.push(at);
      await gates[at]?.promise;
    }, signal);
  const leave = new AbortController();
  const all = [work(0), work(1), work(2, leave.signal), work(3)];
  await assert.rejects(work(4), /full/);
  assert.deepEqual(began, [0, 1]);
  leave.abort(new Error('gone'));
  await assert.rejects(all[2] as Promise<void>, /gone/);
  gates[0]?.resolve();
  await all[0];
  assert.deepEqual(began, [0, 1, 3]);
  for (const gate of gates) gate.resolve();
  await Promise.all([all[1], all[3]]);
  await assert.rejects(
    limited(() => Promise.reject(new Error('broken'))),
    /broken/,
  );
  await work(0);
  assert.deepEqual(began, [0, 1, 3, 0]);
});
