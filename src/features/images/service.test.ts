import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { until } from '../../../tests/support/wait.ts';
import { type Asker, createImageService, type ImagesDeps } from './service.ts';

test('edits that wait hold no pictures', async () => {
  const bytes = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const values: Record<string, unknown> = { 'images.edit.enable': true, 'images.edit.engine': 'gemini' };
  const answered = Promise.withResolvers<never>();
  const loaded: string[] = [];
  const asked: string[] = [];
  const service = createImageService({
    settings: { get: () => false },
    config: { get: (key: string) => values[key] ?? '' },
    files: {
      content: async (_user: unknown, id: string) => {
        loaded.push(id);
        return { type: 'image/png', bytes };
      },
    },
    egress: {
      request: (url: string) => {
        asked.push(url);
        return answered.promise;
      },
    },
    log: { warn: () => {} },
  } as unknown as ImagesDeps);
  const asker = { user: { role: 'admin' }, signal: new AbortController().signal, credential: null } as unknown as Asker;
  const form = { prompt: 'bluer', image: 'picture' };
  const edits = Promise.allSettled(Array.from({ length: 20 }, () => service.edit(asker, form)));
  await until(() => asked.length === 12, { what: 'the engine to be asked' });
  assert.equal(loaded.length, 12);
  answered.reject(new Error('out of order'));
  await edits;
  assert.equal(loaded.length, 20);
});
