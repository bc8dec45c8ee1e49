import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineDeps, external } from '../engine.ts';
import { ConversionError } from '../ffmpeg.ts';
import type { Sound } from './cache.ts';

/** Kinds of sound that browsers play, by media type. */
const PLAYABLE: Readonly<Record<string, string>> = {
  'audio/mpeg': '.mp3',
  'audio/mp3': '.mp3',
  'audio/wav': '.wav',
  'audio/x-wav': '.wav',
  'audio/wave': '.wav',
  'audio/vnd.wave': '.wav',
  'audio/ogg': '.ogg',
  'audio/opus': '.ogg',
  'application/ogg': '.ogg',
  'audio/flac': '.flac',
  'audio/x-flac': '.flac',
  'audio/aac': '.aac',
  'audio/mp4': '.m4a',
  'audio/x-m4a': '.m4a',
  'audio/webm': '.webm',
};
const RAW = new Set(['audio/pcm', 'audio/l16', 'audio/raw']);

/**
 * What an engine sent as a file browsers play: MP3 where it is that or the machine can convert, else as it came; bare samples get
 * a head. Throws `External: …` 502 for what is no sound.
 */
export async function playable(
  deps: Pick<EngineDeps, 'ffmpeg'>,
  bytes: Buffer,
  contentType: string,
  signal: AbortSignal,
): Promise<Sound> {
  const [type = '', ...parameters] = contentType.toLowerCase().split(/\s*;\s*/);
  if (bytes.length === 0) throw external(502, 'the engine sent no sound');
  let sound: Sound;
  if (RAW.has(type)) {
    sound = {
      bytes: wave(bytes, parameter(parameters, 'rate', 24_000), parameter(parameters, 'channels', 1)),
      extension: '.wav',
    };
  } else {
    const extension = extensionByBytes(bytes) ?? PLAYABLE[type];
    if (extension === undefined || /^(?:text|application\/json|image)/.test(type)) {
      throw external(502, `the engine sent ${type || 'something'} instead of sound`);
    }
    sound = { bytes, extension };
  }
  return sound.extension === '.mp3' ? sound : toMp3(deps, sound, signal);
}

function parameter(parameters: readonly string[], name: string, otherwise: number): number {
  const text = parameters.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 && value <= 384_000 ? value : otherwise;
}

/** Engines name their answers carelessly; the bytes do not. */
function extensionByBytes(bytes: Buffer): string | undefined {
  const head = bytes.toString('latin1', 0, 12);
  if (head.startsWith('RIFF') && head.slice(8) === 'WAVE') return '.wav';
  if (head.startsWith('OggS')) return '.ogg';
  if (head.startsWith('fLaC')) return '.flac';
  if (head.startsWith('ID3')) return '.mp3';
  return undefined;
}

async function toMp3(deps: Pick<EngineDeps, 'ffmpeg'>, sound: Sound, signal: AbortSignal): Promise<Sound> {
  const ffmpeg = await deps.ffmpeg();
  if (!ffmpeg) return sound;
  const file = join(tmpdir(), `loggia-speech-${randomUUID()}${sound.extension}`);
  try {
    await writeFile(file, sound.bytes, { mode: 0o600 });
    return { bytes: await ffmpeg.convert(file, ['-f', 'mp3', 'pipe:1'], signal), extension: '.mp3' };
  } catch (error) {
    if (error instanceof ConversionError) throw external(502, 'the engine sent sound that cannot be read', error);
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

/** 16-bit samples with the head of a WAV file. */
export function wave(samples: Uint8Array, rate: number, channels: number): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * channels * 2, 28);
  head.writeUInt16LE(channels * 2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([head, samples]);
}
