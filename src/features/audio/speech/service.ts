import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { FoundFile } from '../../../kernel/http/file-answer.ts';
import { isObject } from '../../../kernel/json.ts';
import { createLimiter } from '../../../kernel/limiter.ts';
import type { EventSink } from '../../configuration/index.ts';
import type { EngineDeps, Speaker } from '../engine.ts';
import type { Voices } from '../lists.ts';
import { createSpeechCache, type Sound } from './cache.ts';
import { azure, elevenlabs, mistral, openai, type SpeechEngine } from './engines.ts';
import { type RealtimeSpeech, readRealtimeSpeech, speak } from './realtime.ts';

export interface SpeechServiceDeps extends EngineDeps {
  events: EventSink;
  voices: Voices;
}

const ENGINES: Readonly<Record<string, SpeechEngine>> = { openai, elevenlabs, azure, mistral };
const PREVIEW = 300;
/** Texts that are being spoken at a time, and how many wait. */
const AT_ONCE = 16;
const WAITING = 256;

/** What is to be made: the name it has in the cache, and how. */
interface Job {
  name: string;
  /** Kept beside the sound; null: nothing is. */
  request: string | null;
  input: string;
  make(who: Speaker): Promise<Sound>;
}

/** Reads texts aloud (providers note, 14.2). */
export function createSpeechService(deps: SpeechServiceDeps) {
  const { config, settings, events, log } = deps;
  const cache = createSpeechCache(join(settings.dataDir, 'cache', 'audio', 'speech'), log);
  const underWay = new Map<string, Promise<FoundFile>>();
  const limited = createLimiter(AT_ONCE, WAITING, () => new HttpError(503, 'Too many texts are being read aloud.'));

  /** What is asked twice at once is made once; who leaves takes nothing from the others. */
  function make(job: Job, who: Speaker): Promise<FoundFile> {
    const known = underWay.get(job.name);
    if (known) return known;
    // The sound is kept, so it is finished for the next one who asks.
    const unhurried = { ...who, signal: new AbortController().signal };
    const work = limited(async () => cache.put(job.name, await job.make(unhurried), job.request)).finally(() => {
      underWay.delete(job.name);
    });
    underWay.set(job.name, work);
    return work;
  }

  return async function speech(who: Speaker, raw: Buffer): Promise<FoundFile> {
    const engine = config.get('audio.tts.engine');
    const job = engine === 'openai-realtime' ? realtimeJob(raw, deps) : plainJob(raw, engine, deps);
    const known = await cache.find(job.name);
    const file = known ?? (await make(job, who));
    const data = {
      engine,
      model: config.get('audio.tts.model'),
      input_preview: job.input.slice(0, PREVIEW),
      cached: known !== null,
    };
    events.publish('audio.speech_requested', { actor: who.user, subject: { id: job.name }, data });
    return file;
  };
}

function realtimeJob(raw: Buffer, deps: SpeechServiceDeps): Job {
  const speech: RealtimeSpeech = readRealtimeSpeech(parse(raw), deps.config);
  return {
    name: sha256(JSON.stringify(speech)),
    request: null,
    input: speech.input,
    make: (who) => speak(deps, who, speech),
  };
}

function plainJob(raw: Buffer, engine: string, deps: SpeechServiceDeps): Job {
  const payload = parse(raw);
  if (engine === 'transformers')
    throw new HttpError(503, 'Configure an external speech engine: none runs inside the server.');
  const speaks = Object.hasOwn(ENGINES, engine) ? ENGINES[engine] : undefined;
  if (!speaks) throw new HttpError(400, `Unsupported TTS engine: ${engine}`);
  if (!isObject(payload)) throw new HttpError(400, 'Invalid JSON payload');
  const input = typeof payload.input === 'string' ? payload.input : '';
  if (input.trim() === '') throw new HttpError(400, 'Speech input must be nonempty text.');
  const voice = typeof payload.voice === 'string' ? payload.voice : '';
  return {
    name: sha256(raw, ...madeWith(engine, deps)),
    request: raw.toString('utf8'),
    input,
    make: (who) => speaks(deps, who, { payload, input, voice }),
  };
}

/** The settings a sound depends on besides its text: a change of them makes another one. */
function madeWith(engine: string, { config }: SpeechServiceDeps): string[] {
  const keys = [
    'audio.tts.model',
    'audio.tts.voice',
    'audio.tts.openai.api_base_url',
    'audio.tts.openai.params',
    'audio.tts.azure.speech_region',
    'audio.tts.azure.speech_base_url',
    'audio.tts.azure.speech_output_format',
    'audio.tts.mistral.api_base_url',
  ] as const;
  return [engine, ...keys.map((key) => JSON.stringify(config.get(key)))];
}

function parse(raw: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw)) as unknown;
  } catch (cause) {
    throw new HttpError(400, 'Invalid JSON payload', { cause });
  }
}

function sha256(...parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}
