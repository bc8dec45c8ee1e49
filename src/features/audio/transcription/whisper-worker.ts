import { parentPort, workerData } from 'node:worker_threads';

/** What the thread is told to load. */
export interface WhisperOptions {
  /** Name of the model among those of the library, for example `onnx-community/whisper-base`. */
  model: string;
  cacheDir: string;
  /** Whether models that are not there may be downloaded. */
  mayDownload: boolean;
}

export interface WhisperTask {
  id: number;
  /** Samples at 16 kHz, one channel. */
  samples: Float32Array;
  language: string | null;
}

export type WhisperAnswer = { id: number; text: string } | { id: number; error: string };

type Recogniser = (samples: Float32Array, options: Record<string, unknown>) => Promise<unknown>;

interface Library {
  env: { cacheDir: string; allowRemoteModels: boolean };
  pipeline(task: string, model: string, options: Record<string, unknown>): Promise<Recogniser>;
}

const LIBRARY = '@huggingface/transformers';

/** Loads the library and the model once. The library is installed by those who want it, so types know nothing of it. */
async function load({ model, cacheDir, mayDownload }: WhisperOptions): Promise<Recogniser> {
  const { env, pipeline } = (await import(LIBRARY)) as Library;
  env.cacheDir = cacheDir;
  env.allowRemoteModels = mayDownload;
  return pipeline('automatic-speech-recognition', model, { dtype: 'q8' });
}

const recogniser = load(workerData as WhisperOptions);
// Told with the first answer that needs it.
recogniser.catch(() => {});

parentPort?.on('message', async ({ id, samples, language }: WhisperTask) => {
  let answer: WhisperAnswer;
  try {
    const recognise = await recogniser;
    const options = { chunk_length_s: 30, stride_length_s: 5, ...(language !== null && { language }) };
    const result = await recognise(samples, options);
    const text = (result as { text?: unknown }).text;
    answer = { id, text: typeof text === 'string' ? text.trim() : '' };
  } catch (error) {
    answer = { id, error: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
