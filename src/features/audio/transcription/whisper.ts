import { Worker } from 'node:worker_threads';
import { HttpError } from '../../../kernel/http/errors.ts';
import { createLimiter } from '../../../kernel/limiter.ts';
import type { EngineDeps } from '../engine.ts';
import { ConversionError } from '../ffmpeg.ts';
import type { HearingEngine } from './engines.ts';
import type { WhisperAnswer, WhisperOptions, WhisperTask } from './whisper-worker.ts';

const RATE = 16_000;
/** Seconds that are heard at once: what a piece has of memory is bounded. */
const WINDOW_SECONDS = 600;
const WINDOW_BYTES = WINDOW_SECONDS * RATE * 4 + 1024;
/** A thread that has had nothing to do for so long gives its memory back. */
const IDLE_MS = 10 * 60_000;
const WAITING = 32;

const missing = () =>
  new HttpError(
    503,
    'Speech recognition inside the server needs the package @huggingface/transformers and ffmpeg. Install them, or configure an external speech-to-text engine.',
    { code: 'audio.no_local_engine' },
  );

export interface Whisper {
  hear: HearingEngine;
  close(): Promise<void>;
}

/** Whisper in a thread of its own, where its library is installed (providers note, 14.5). */
export function createWhisper(settings: EngineDeps['settings']): Whisper {
  const one = createLimiter(1, WAITING, () => new HttpError(503, 'Too many recordings wait to be transcribed.'));
  let thread: { worker: Worker; key: string } | null = null;
  let idle: NodeJS.Timeout | undefined;
  let lastId = 0;

  function workerFor(model: string): Worker {
    const options: WhisperOptions = {
      model,
      cacheDir: settings.get('WHISPER_MODEL_DIR'),
      mayDownload: !settings.get('OFFLINE_MODE'),
    };
    const key = JSON.stringify(options);
    if (thread?.key === key) return thread.worker;
    void end();
    const worker = new Worker(new URL('./whisper-worker.ts', import.meta.url), { workerData: options });
    worker.unref();
    thread = { worker, key };
    // Also when nobody waits: an error that nobody listens to would end the process.
    worker.on('error', () => {});
    worker.on('exit', () => {
      if (thread?.worker === worker) thread = null;
    });
    return worker;
  }

  /** Ends the thread. It may still be at work for seconds, so whoever comes next gets one of their own. */
  function end(): Promise<unknown> | undefined {
    const ended = thread?.worker.terminate();
    thread = null;
    return ended;
  }

  /** One window of sound as text. A caller who leaves ends the thread: nothing else stops the work. */
  function ask(model: string, samples: Float32Array, language: string | null, signal: AbortSignal): Promise<string> {
    const worker = workerFor(model);
    clearTimeout(idle);
    lastId += 1;
    const id = lastId;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const leave = () => {
      void end();
      reject(signal.reason);
    };
    const answered = (answer: WhisperAnswer) => {
      if (answer.id !== id) return;
      if ('text' in answer) resolve(answer.text);
      else reject(new WhisperError(answer.error));
    };
    const ended = () => reject(new WhisperError('the thread ended'));
    worker.on('message', answered);
    worker.on('error', reject);
    worker.on('exit', ended);
    signal.addEventListener('abort', leave, { once: true });
    const task: WhisperTask = { id, samples, language };
    worker.postMessage(task, [samples.buffer as ArrayBuffer]);
    return promise.finally(() => {
      worker.off('message', answered).off('error', reject).off('exit', ended);
      signal.removeEventListener('abort', leave);
      idle = setTimeout(() => void end(), IDLE_MS);
      idle.unref();
    });
  }

  return {
    async hear({ config, log, ffmpeg: find }, { signal }, { path }, languages) {
      const ffmpeg = await find();
      if (!ffmpeg || !isInstalled()) throw missing();
      const model = modelName(config.get('audio.stt.whisper_model'));
      const [language = null] = languages;
      return one(async () => {
        const texts: string[] = [];
        try {
          for (let from = 0; ; from += WINDOW_SECONDS) {
            const output = ['-ac', '1', '-ar', String(RATE), '-f', 'f32le', 'pipe:1'];
            const window = ['-ss', String(from), '-t', String(WINDOW_SECONDS), ...output];
            const bytes = await ffmpeg.convert(path, window, signal, WINDOW_BYTES);
            if (bytes.length < 4) break;
            const samples = new Float32Array(Math.floor(bytes.length / 4));
            new Uint8Array(samples.buffer).set(bytes.subarray(0, samples.length * 4));
            const isLast = samples.length < WINDOW_SECONDS * RATE;
            texts.push(await ask(model, samples, language, signal));
            if (isLast) break;
          }
        } catch (error) {
          if (error instanceof ConversionError)
            throw new HttpError(400, 'The recording cannot be read.', { cause: error });
          if (!(error instanceof WhisperError)) throw error;
          log.warn({ err: error }, 'Whisper failed');
          throw new HttpError(500, 'Whisper could not transcribe the recording. The log of the server says why.', {
            cause: error,
          });
        }
        return texts.filter((text) => text !== '').join(' ');
      }, signal);
    },
    async close() {
      clearTimeout(idle);
      await end();
    },
  };
}

class WhisperError extends Error {}

function isInstalled(): boolean {
  try {
    import.meta.resolve('@huggingface/transformers');
    return true;
  } catch {
    return false;
  }
}

/** A bare size (`base`, `small.en`) is one of OpenAI's models; anything with a slash is a name in the library's hub. */
function modelName(name: string): string {
  return name.includes('/') ? name : `onnx-community/whisper-${name || 'base'}`;
}
