import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSpeechCache } from './cache.ts';

const log = { warn: (...problem: unknown[]) => assert.fail(String(problem)) };

describe('the cache of speech', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loggia-speech-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const sound = { bytes: Buffer.alloc(1_000), extension: '.mp3' };

  it('forgets what was not asked for longest', async () => {
    const cache = createSpeechCache(folder, log, 3_500);
    for (const [age, name] of [
      [30, 'old'],
      [20, 'asked'],
      [10, 'young'],
    ] as const) {
      const { path } = await cache.put(name, sound, null);
      const then = new Date(Date.now() - age * 60_000);
      await utimes(path, then, then);
    }
    assert.ok(await cache.find('asked'));
    await cache.put('new', sound, null);
    const names = async () => (await readdir(folder)).sort();
    while ((await names()).includes('old.mp3')) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await names(), ['asked.mp3', 'new.mp3', 'young.mp3']);
    assert.equal(await cache.find('old'), null);
  });
});
