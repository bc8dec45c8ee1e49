import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HttpError } from '../../../kernel/http/errors.ts';
import { ConversionError, type Ffmpeg, type Probe } from '../ffmpeg.ts';
import type { Piece } from './engines.ts';

/** Bytes engines take at once. */
const MAX_BYTES = 20 * 1024 * 1024;
/** 16 kHz mono at 32 kbit/s: what speech needs. */
const SMALL = ['-ac', '1', '-ar', '16000', '-b:a', '32k'];
const SMALL_BYTES_PER_SECOND = 4_000;
/** Seconds of a recording that are heard. */
const MAX_SECONDS = 12 * 3_600;

/** Containers that engines take as they are; sound in MPEG-4 is not always among them. */
const TAKEN = new Set(['wav', 'mp3', 'flac', 'ogg', 'matroska', 'webm']);

const unusable = (cause: unknown) => new HttpError(400, 'The recording cannot be converted.', { cause });

/**
 * The recording as engines take it: converted to MP3 where its kind is not theirs, made smaller past `maxBytes`, cut into pieces
 * where that does not do (providers note, 14.5). What is made lies in `folder`, and is the caller's to remove.
 */
export async function piecesOf(
  path: string,
  folder: string,
  ffmpeg: Ffmpeg,
  signal: AbortSignal,
  maxBytes = MAX_BYTES,
): Promise<Piece[]> {
  const probe = await ffmpeg.probe(path, signal);
  const { size } = await stat(path);
  // Whether it is sound after all is for the engine to say.
  if (!probe) return [{ path, bytes: size }];
  // (A container may lie about it: what is converted ends there in any case.)
  if ((probe.duration ?? 0) > MAX_SECONDS) throw new HttpError(400, 'The recording is longer than 12 hours.');
  try {
    if (size <= maxBytes) {
      if (isTaken(probe)) return [{ path, bytes: size }];
      const converted = await convert(path, join(folder, 'whole.mp3'), [], ffmpeg, signal);
      if (converted.bytes <= maxBytes) return [converted];
    }
    const small = await convert(path, join(folder, 'small.mp3'), SMALL, ffmpeg, signal);
    return small.bytes <= maxBytes ? [small] : await cut(small, folder, ffmpeg, signal, maxBytes);
  } catch (error) {
    if (error instanceof ConversionError) throw unusable(error);
    throw error;
  }
}

function isTaken({ container, codec }: Probe): boolean {
  return codec !== 'aac' && container.split(',').some((name) => TAKEN.has(name));
}

async function convert(
  from: string,
  to: string,
  options: readonly string[],
  ffmpeg: Ffmpeg,
  signal: AbortSignal,
): Promise<Piece> {
  await mkdir(join(to, '..'), { recursive: true });
  await ffmpeg.convert(from, ['-t', String(MAX_SECONDS), ...options, '-f', 'mp3', to], signal);
  return { path: to, bytes: (await stat(to)).size };
}

async function cut(
  small: Piece,
  folder: string,
  ffmpeg: Ffmpeg,
  signal: AbortSignal,
  maxBytes: number,
): Promise<Piece[]> {
  const count = Math.ceil(small.bytes / (maxBytes * 0.95));
  const seconds = Math.ceil(small.bytes / count / SMALL_BYTES_PER_SECOND);
  const pattern = join(folder, 'piece-%03d.mp3');
  await ffmpeg.convert(
    small.path,
    ['-f', 'segment', '-segment_time', String(seconds), '-c', 'copy', '-segment_format', 'mp3', pattern],
    signal,
  );
  await rm(small.path, { force: true });
  const names = (await readdir(folder)).filter((name) => name.startsWith('piece-')).sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const { size } = await stat(path);
      if (size > maxBytes) throw new HttpError(400, 'The recording cannot be cut into pieces that are small enough.');
      return { path, bytes: size };
    }),
  );
}
