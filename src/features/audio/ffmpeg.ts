import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { HttpError } from '../../kernel/http/errors.ts';
import { isObject } from '../../kernel/json.ts';
import { createLimiter } from '../../kernel/limiter.ts';

/** What a probe tells of a recording. */
export interface Probe {
  /** Names of the container, for example `mov,mp4,m4a,3gp,3g2,mj2`. */
  container: string;
  codec: string;
  /** Seconds; null where the container does not say. */
  duration: number | null;
}

/** The programs `ffmpeg` and `ffprobe` of the machine. */
export interface Ffmpeg {
  /** Null for what holds no sound that can be read. */
  probe(file: string, signal: AbortSignal): Promise<Probe | null>;
  /** Runs with these arguments after the input file; gives what came on standard output (at most `maxBytes`). */
  convert(file: string, output: readonly string[], signal: AbortSignal, maxBytes?: number): Promise<Buffer>;
}

/**
 * Containers that hold sound themselves. Playlists and the like are not among them: they name other files and addresses,
 * and a recording is somebody's upload.
 */
const CONTAINERS =
  'wav,w64,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aac,aiff,au,caf,amr,amrnb,amrwb,asf,avi,mpeg,mpegts,s16le';
const INPUT = ['-hide_banner', '-v', 'error', '-protocol_whitelist', 'file', '-format_whitelist', CONTAINERS];
const LONGEST_MS = 10 * 60_000;
const MAX_OUTPUT = 64 * 1024 * 1024;
const ERROR_TEXT = 2_000;

const busy = () => new HttpError(503, 'Too many recordings are being converted. Try again in a moment.');
/** Processes at a time on this machine, and how many wait. */
const limited = createLimiter(2, 32, busy);

let found: Promise<Ffmpeg | null> | undefined;

/** The installed programs, looked for once; null where they are not both there. */
export function findFfmpeg(): Promise<Ffmpeg | null> {
  found ??= look();
  return found;
}

async function look(): Promise<Ffmpeg | null> {
  const [ffmpeg, ffprobe] = await Promise.all([which('ffmpeg'), which('ffprobe')]);
  if (ffmpeg === null || ffprobe === null) return null;
  return {
    async probe(file, signal) {
      const shown = ['-show_entries', 'format=format_name,duration:stream=codec_name,codec_type', '-of', 'json'];
      try {
        const output = await limited(() => run(ffprobe, [...INPUT, ...shown, '-i', file], signal, MAX_OUTPUT), signal);
        return readProbe(JSON.parse(output.toString('utf8')) as unknown);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ConversionError || error instanceof SyntaxError) return null;
        throw error;
      }
    },
    convert: (file, output, signal, maxBytes = MAX_OUTPUT) =>
      limited(
        () => run(ffmpeg, [...INPUT, '-nostdin', '-y', '-i', file, '-vn', '-sn', '-dn', ...output], signal, maxBytes),
        signal,
      ),
  };
}

async function which(program: string): Promise<string | null> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** The program could not do it. */
export class ConversionError extends Error {
  override readonly name = 'ConversionError';
}

async function run(program: string, args: string[], signal: AbortSignal, maxBytes: number): Promise<Buffer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], signal: limit, killSignal: 'SIGKILL' });
  const chunks: Buffer[] = [];
  let size = 0;
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-ERROR_TEXT);
  });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  child.on('error', reject);
  child.on('close', (code) => {
    if (signal.aborted) reject(signal.reason);
    else if (code === 0) resolve(Buffer.concat(chunks));
    else
      reject(new ConversionError(size > maxBytes ? 'the result is too large' : errors.trim() || `ended with ${code}`));
  });
  return promise;
}

function readProbe(value: unknown): Probe | null {
  if (!isObject(value)) return null;
  const format = isObject(value.format) ? value.format : {};
  const streams = Array.isArray(value.streams) ? value.streams.filter(isObject) : [];
  const sound = streams.find(({ codec_type: kind }) => kind === 'audio');
  if (!sound) return null;
  const duration = Number(format.duration);
  return {
    container: String(format.format_name ?? ''),
    codec: String(sound.codec_name ?? ''),
    duration: Number.isFinite(duration) && duration > 0 ? duration : null,
  };
}
