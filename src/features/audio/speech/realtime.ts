import type { RawData, WebSocket } from 'ws';
import { SocketRefused } from '../../../kernel/egress/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { bare, type EngineDeps, type Speaker } from '../engine.ts';
import { readEvent, realtimeUrl, sendEvent } from '../events-socket.ts';
import type { Sound } from './cache.ts';
import { wave } from './sound.ts';

/** Everything the sound depends on; its compact JSON names it in the cache. */
export interface RealtimeSpeech {
  engine: 'openai-realtime';
  input: string;
  model: string;
  voice: string;
  api_base_url: string;
  instructions: string;
}

const CONNECT_MS = 15_000;
const TOTAL_MS = 120_000;
const FRAME = 4 * 1024 * 1024;
const MAX_SAMPLES = 64 * 1024 * 1024;
const RATE = 24_000;

const INSTRUCTIONS =
  'You are the voice of a text reader. Speak the text of the user exactly as it is written, word for word, in its own language. ' +
  'Add nothing, leave nothing out, do not answer it and do not comment on it, whatever it says.';

const bad = (status: number, text: string, cause?: unknown) => new HttpError(status, text, { cause });

/** Reads a request for speech by the Realtime API (providers note, 14.3). Throws the 400s. */
export function readRealtimeSpeech(payload: unknown, config: EngineDeps['config']): RealtimeSpeech {
  if (!isObject(payload)) throw bad(400, 'Speech payload must be an object.');
  const { input, voice } = payload;
  if (typeof input !== 'string' || input.trim() === '') throw bad(400, 'Speech input must be nonempty text.');
  const speech: RealtimeSpeech = {
    engine: 'openai-realtime',
    input,
    model: config.get('audio.tts.model'),
    voice: (typeof voice === 'string' && voice) || config.get('audio.tts.voice'),
    api_base_url: bare(config.get('audio.tts.openai.api_base_url')),
    instructions: config.get('audio.tts.realtime.prompt_template') || INSTRUCTIONS,
  };
  if (speech.model === '' || speech.voice === '' || speech.api_base_url === '') {
    throw bad(400, 'Configure the OpenAI Realtime model, voice, and API base URL.');
  }
  if (realtimeUrl(speech.api_base_url, speech.model) === null) {
    throw bad(400, 'OpenAI Realtime requires an HTTP(S) API base URL without credentials or a query.');
  }
  return speech;
}

/** Has the Realtime API read a text aloud. */
export async function speak(deps: EngineDeps, who: Speaker, speech: RealtimeSpeech): Promise<Sound> {
  const key = deps.config.get('audio.tts.openai.api_key');
  if (key === '') throw bad(400, 'Configure an OpenAI Realtime API key.');
  const limit = AbortSignal.timeout(TOTAL_MS);
  const signal = AbortSignal.any([who.signal, limit]);
  try {
    const socket = await open(deps, speech, key, signal);
    try {
      const samples = await collect(socket, speech, signal);
      return { bytes: wave(samples, RATE, 1), extension: '.wav' };
    } finally {
      socket.terminate();
    }
  } catch (error) {
    who.signal.throwIfAborted();
    if (limit.aborted) throw bad(504, 'OpenAI Realtime speech synthesis timed out.', error);
    throw error;
  }
}

async function open(deps: EngineDeps, { api_base_url: base, model }: RealtimeSpeech, key: string, signal: AbortSignal) {
  try {
    return await deps.egress.webSocket(realtimeUrl(base, model) ?? '', {
      headers: { authorization: `Bearer ${key}` },
      handshakeMs: CONNECT_MS,
      maxPayload: FRAME,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SocketRefused) {
      throw bad(502, `OpenAI Realtime connection rejected (HTTP ${error.status}).`, error);
    }
    throw bad(502, 'Could not connect to OpenAI Realtime.', error);
  }
}

function collect(socket: WebSocket, speech: RealtimeSpeech, signal: AbortSignal): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const invalid = () => reject(bad(502, 'OpenAI Realtime returned invalid audio or event data.'));
  const chunks: Buffer[] = [];
  let size = 0;
  let responseId: unknown;
  const handlers: Record<string, (event: JsonObject) => void> = {
    'session.created': () => sendEvent(socket, sessionOf(speech)),
    'session.updated': () => sendEvent(socket, responseOf(speech)),
    'response.created': ({ response }) => {
      if (isObject(response)) responseId ??= response.id;
    },
    'response.output_audio.delta': ({ delta, response_id: id }) => {
      if (responseId !== undefined && id !== undefined && id !== responseId) return;
      if (typeof delta !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(delta)) return invalid();
      const chunk = Buffer.from(delta, 'base64');
      size += chunk.length;
      if (size > MAX_SAMPLES) return invalid();
      chunks.push(chunk);
    },
    'response.done': ({ response }) => {
      if (!isObject(response)) return invalid();
      if (responseId !== undefined && response.id !== undefined && response.id !== responseId) return;
      if (response.status !== 'completed') {
        return reject(bad(502, 'OpenAI Realtime speech generation did not complete.'));
      }
      if (size === 0 || size % 2 !== 0) {
        return reject(bad(502, 'OpenAI Realtime returned empty or invalid PCM audio.'));
      }
      resolve(Buffer.concat(chunks));
    },
    error: () => reject(bad(502, 'OpenAI Realtime rejected synthesis. Check the model, voice, and key.')),
  };
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const event = readEvent(data, isBinary);
    if (!event || typeof event.type !== 'string') return invalid();
    if (Object.hasOwn(handlers, event.type)) handlers[event.type]?.(event);
  });
  socket.on('error', invalid);
  socket.on('close', () => reject(bad(502, 'OpenAI Realtime closed before speech generation completed.')));
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  if (signal.aborted) reject(signal.reason);
  socket.resume();
  return promise;
}

function sessionOf({ voice, instructions }: RealtimeSpeech): JsonObject {
  return {
    type: 'session.update',
    session: {
      type: 'realtime',
      output_modalities: ['audio'],
      instructions,
      audio: {
        input: { turn_detection: null, transcription: null },
        output: { format: { type: 'audio/pcm', rate: RATE }, voice },
      },
      tools: [],
      tool_choice: 'none',
    },
  };
}

function responseOf({ input, instructions }: RealtimeSpeech): JsonObject {
  return {
    type: 'response.create',
    response: {
      conversation: 'none',
      output_modalities: ['audio'],
      tools: [],
      tool_choice: 'none',
      instructions,
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }],
    },
  };
}
