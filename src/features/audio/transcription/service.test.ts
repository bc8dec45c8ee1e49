import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { Speaker } from '../engine.ts';
import type { Ffmpeg } from '../ffmpeg.ts';
import { createTranscriptionService, type TranscriptionDeps } from './service.ts';

/** Makes two pieces of any recording, one of which cannot be read. */
const ffmpeg: Ffmpeg = {
  probe: async () => ({ container: 'mp3', codec: 'mp3', duration: 60 }),
  async convert(_file, output) {
    const to = output.at(-1) ?? '';
    if (to.endsWith('small.mp3')) {
      await writeFile(to, '');
      await truncate(to, 21 * 1024 * 1024);
    } else {
      await writeFile(join(dirname(to), 'piece-000.mp3'), 'sound');
      await mkdir(join(dirname(to), 'piece-001.mp3'));
    }
    return Buffer.alloc(0);
  },
};

test('a piece that fails for a reason of our own is told as such, and logged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'loggia-pieces-'));
  const told: unknown[] = [];
  const values: Record<string, unknown> = { 'audio.stt.engine': 'openai' };
  const service = createTranscriptionService({
    settings: { dataDir: folder, get: () => false },
    config: { get: (key: string) => values[key] ?? '' },
    kit: { headers: async () => ({}) },
    egress: {
      // Hears until it is told to stop.
      request: (_url: string, { signal }: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    },
    log: { warn: (details: unknown) => told.push(details) },
    events: { publish: () => {} },
    ffmpeg: async () => ffmpeg,
  } as unknown as TranscriptionDeps);
  try {
    const path = join(folder, 'long.mp3');
    await writeFile(path, '');
    await truncate(path, 21 * 1024 * 1024);
    const who = { user: {}, credential: null, signal: AbortSignal.timeout(10_000) } as unknown as Speaker;
    await assert.rejects(service.transcribe(who, path, null), (error) => {
      assert.ok(error instanceof HttpError, String(error));
      return error.status === 500 && String(error.detail).startsWith('Error transcribing chunk');
    });
    assert.equal(told.length, 1);
  } finally {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  }
});
