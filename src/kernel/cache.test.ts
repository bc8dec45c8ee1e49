import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCache } from './cache.ts';

describe('cache', () => {
  it('shares one load and keeps its value', async () => {
    let loads = 0;
    const cache = createCache({ maxEntries: 4, maxAgeMs: 60_000, load: async (key) => `${key}${++loads}` });
    assert.deepEqual(await Promise.all([cache.get('a'), cache.get('a')]), ['a1', 'a1']);
    assert.equal(await cache.get('a'), 'a1');
    assert.equal(loads, 1);
  });

  it('does not keep what was being loaded when the key was dropped', async () => {
    const waiting: ((value: string) => void)[] = [];
    const cache = createCache<string>({
      maxEntries: 4,
      maxAgeMs: 60_000,
      load: () => new Promise((resolve) => waiting.push(resolve)),
    });
    const before = cache.get('a');
    cache.delete('a');
    const after = cache.get('a');
    waiting[0]?.('old');
    assert.equal(await before, 'old');
    assert.equal(cache.peek('a'), undefined);
    waiting[1]?.('new');
    assert.equal(await after, 'new');
    assert.equal(cache.peek('a'), 'new');
  });

  it('forgets the least recently used and what is too old', async () => {
    const cache = createCache({ maxEntries: 2, maxAgeMs: 60_000, load: async (key) => key });
    for (const key of ['a', 'b', 'a', 'c']) await cache.get(key);
    assert.deepEqual([cache.peek('a'), cache.peek('b'), cache.peek('c')], ['a', undefined, 'c']);
    const old = createCache({ maxEntries: 2, maxAgeMs: -1, load: async (key) => key });
    await old.get('a');
    assert.equal(old.peek('a'), undefined);
  });

  it('tries again after a failed load', async () => {
    let fails = true;
    const cache = createCache({
      maxEntries: 2,
      maxAgeMs: 60_000,
      load: async (key) => {
        if (fails) throw new Error('gone');
        return key;
      },
    });
    await assert.rejects(cache.get('a'), /gone/);
    fails = false;
    assert.equal(await cache.get('a'), 'a');
  });
});
