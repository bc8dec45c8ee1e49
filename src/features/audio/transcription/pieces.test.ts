import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Ffmpeg, findFfmpeg } from '../ffmpeg.ts';
import { isSupported, mayEnd } from './kinds.ts';
import { piecesOf } from './pieces.ts';

const ffmpeg = await findFfmpeg();
const signal = AbortSignal.timeout(60_000);

describe('pieces of a recording', { skip: ffmpeg ? false : 'ffmpeg is not installed' }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loggia-pieces-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const make = (name: string, seconds: number, ...output: string[]) => {
    const path = join(folder, name);
    const input = ['-v', 'error', '-f', 'lavfi', '-i', `sine=duration=${seconds}`];
    assert.equal(spawnSync('ffmpeg', [...input, ...output, path]).status, 0);
    return path;
  };

  it('are cut in order, each small enough, nothing lost', async () => {
    const path = make('long.wav', 60);
    const [maxBytes, work] = [64 * 1024, join(folder, 'work')];
    const pieces = await piecesOf(path, work, ffmpeg as Ffmpeg, signal, maxBytes);
    assert.ok(pieces.length >= 4 && pieces.length <= 6, String(pieces.length));
    assert.deepEqual(
      pieces.map((piece) => piece.path),
      pieces.map((_, at) => join(work, `piece-00${at}.mp3`)),
    );
    let seconds = 0;
    for (const piece of pieces) {
      assert.ok(piece.bytes <= maxBytes);
      seconds += (await ffmpeg?.probe(piece.path, signal))?.duration ?? 0;
    }
    assert.ok(Math.abs(seconds - 60) < 1, String(seconds));
  });

  it('are one when one is enough', async () => {
    const path = make('short.wav', 1);
    const pieces = await piecesOf(path, join(folder, 'none'), ffmpeg as Ffmpeg, signal);
    assert.deepEqual(
      pieces.map((piece) => piece.path),
      [path],
    );
  });

  it('end with the caller', async () => {
    const path = make('left.wav', 5);
    await assert.rejects(piecesOf(path, folder, ffmpeg as Ffmpeg, AbortSignal.abort(new Error('gone'))), /gone/);
  });
});

describe('kinds of recordings', () => {
  it('are matched by type and range', () => {
    assert.ok(isSupported('audio/x-anything', []));
    assert.ok(isSupported('video/webm;codecs=opus', []));
    assert.ok(!isSupported('video/mp4', []));
    assert.ok(!isSupported('audiox/mpeg', []));
    assert.ok(isSupported('AUDIO/OGG; codecs=opus', [' audio/ogg;codecs=opus ']));
    assert.ok(!isSupported('audio/wav', ['audio/ogg']));
  });
  it('end as allowed', () => {
    assert.equal(mayEnd('A.MP3', ['mp3']), 'mp3');
    assert.equal(mayEnd('a.mp3.exe', ['mp3']), null);
    assert.equal(mayEnd('a', []), '');
    assert.equal(mayEnd('a.x/../y', []), null);
  });
});
