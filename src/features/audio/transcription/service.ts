import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { detail, HttpError, ValidationError } from '../../../kernel/http/errors.ts';
import type { MultipartForm, UploadedFile } from '../../../kernel/http/multipart.ts';
import { createLimiter } from '../../../kernel/limiter.ts';
import type { EventSink } from '../../configuration/index.ts';
import type { EngineDeps, Speaker } from '../engine.ts';
import { azure, deepgram, type HearingEngine, mistral, openai, type Piece } from './engines.ts';
import { isSupported, mayEnd } from './kinds.ts';
import { piecesOf } from './pieces.ts';
import { createWhisper } from './whisper.ts';

export interface TranscriptionDeps extends EngineDeps {
  events: EventSink;
}

export interface Transcription {
  text: string;
  filename: string;
}

const ENGINES: Readonly<Record<string, HearingEngine>> = { openai, deepgram, azure, mistral };
/** Bytes a recording may have. */
export const RECORDING_BYTES = 512 * 1024 * 1024;
/** Without ffmpeg a recording goes to the engine as it came, and whole in memory. */
const UNCUT_BYTES = 200 * 1024 * 1024;
/** Pieces that are heard at a time, of all recordings. */
const AT_ONCE = 6;
const WAITING = 512;
/** Milliseconds after which nobody works on a recording any more. */
const LEFT_MS = 24 * 3_600_000;

export type TranscriptionService = ReturnType<typeof createTranscriptionService>;

/** Writes down what is said in recordings (providers note, 14.4 and 14.5). */
export function createTranscriptionService(deps: TranscriptionDeps) {
  const { config, settings, events, log } = deps;
  const folder = join(settings.dataDir, 'cache', 'audio', 'transcriptions');
  const whisper = createWhisper(settings);
  const limited = createLimiter(
    AT_ONCE,
    WAITING,
    () => new HttpError(503, 'Too many recordings are being transcribed.'),
  );

  /** What a process that was killed has left; what is younger may be another one's work. */
  async function sweep(): Promise<void> {
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const found = await stat(path).catch(() => null);
      if (found && Date.now() - found.mtimeMs > LEFT_MS) await rm(path, { recursive: true, force: true });
    }
  }

  /** Also of files that are kept elsewhere: nothing is done to the file itself. */
  async function transcribe(who: Speaker, path: string, language: string | null): Promise<string> {
    const name = config.get('audio.stt.engine');
    const engine = name === '' ? whisper.hear : Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
    if (!engine) throw new HttpError(400, `Unsupported speech-to-text engine: ${name}`);
    const given = settings.get('WHISPER_LANGUAGE') || language;
    const languages = given ? [given, null] : [null];
    const work = join(folder, `${randomUUID()}.work`);
    try {
      const pieces = await prepared(path, work, name, who.signal);
      const texts = await heardPieces(pieces, (piece, signal) =>
        limited(() => engine(deps, { ...who, signal }, piece, languages), signal),
      );
      return texts.filter((text) => text !== '').join(' ');
    } finally {
      await rm(work, { recursive: true, force: true });
    }

    /** All pieces at once; the first failure ends the others. */
    async function heardPieces(pieces: Piece[], hear: (piece: Piece, signal: AbortSignal) => Promise<string>) {
      if (pieces.length === 1) return Promise.all(pieces.map((piece) => hear(piece, who.signal)));
      const failed = new AbortController();
      const signal = AbortSignal.any([who.signal, failed.signal]);
      return Promise.all(
        pieces.map(async (piece) => {
          try {
            return await hear(piece, signal);
          } catch (error) {
            const isOver = signal.aborted;
            failed.abort(error);
            if (error instanceof HttpError || isOver) throw error;
            log.warn({ err: error }, 'a piece of a recording could not be transcribed');
            throw new HttpError(500, 'Error transcribing chunk', { cause: error });
          }
        }),
      );
    }
  }

  async function prepared(path: string, work: string, engine: string, signal: AbortSignal): Promise<Piece[]> {
    const { size } = await stat(path);
    // Whisper reads its windows from the file itself.
    if (engine === '') return [{ path, bytes: size }];
    const ffmpeg = settings.get('BYPASS_PYDUB_PREPROCESSING') ? null : await deps.ffmpeg();
    if (ffmpeg) return piecesOf(path, work, ffmpeg, signal);
    if (size > UNCUT_BYTES) {
      throw new HttpError(
        400,
        'The recording is too large. With ffmpeg installed the server would cut it into pieces.',
      );
    }
    return [{ path, bytes: size }];
  }

  async function keep(part: UploadedFile): Promise<{ path: string; name: string; given: string }> {
    const types = config.get('audio.stt.supported_content_types') ?? [];
    if (!isSupported(part.type, types)) throw new HttpError(400, detail.FILE_NOT_SUPPORTED);
    const given = basename(part.filename);
    const ending = mayEnd(given, config.get('audio.stt.allowed_extensions') ?? []);
    if (ending === null) throw new HttpError(400, 'Invalid audio file extension');
    const name = `${randomUUID()}${ending === '' ? '' : `.${ending}`}`;
    const path = join(folder, name);
    await mkdir(folder, { recursive: true });
    try {
      await pipeline(part.stream as Readable, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      if ((await stat(path)).size === 0) throw new HttpError(400, detail.EMPTY_CONTENT);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return { path, name, given };
  }

  return {
    transcribe,

    /** A recording as it was sent; nothing of it is left afterwards. */
    async ofUpload(who: Speaker, form: MultipartForm): Promise<Transcription> {
      let kept: Awaited<ReturnType<typeof keep>> | null = null;
      try {
        for await (const part of form.files) {
          if (part.field !== 'file' || kept) part.stream.resume();
          else kept = await keep(part);
        }
        if (!kept) {
          throw new ValidationError([{ type: 'missing', loc: ['body', 'file'], msg: 'Field required', input: null }]);
        }
        const language = form.fields.language || null;
        const text = await transcribe(who, kept.path, language);
        events.publish('audio.transcription_requested', {
          actor: who.user,
          subject: { id: kept.name },
          data: { engine: config.get('audio.stt.engine'), model: config.get('audio.stt.model'), language },
        });
        return { text, filename: kept.name };
      } catch (error) {
        if (error instanceof HttpError) throw error;
        who.signal.throwIfAborted();
        log.warn({ err: error }, 'a recording could not be transcribed');
        throw new HttpError(400, 'Transcription failed.', { cause: error });
      } finally {
        if (kept) await rm(kept.path, { force: true });
      }
    },

    sweep,
    close: () => whisper.close(),
  };
}
