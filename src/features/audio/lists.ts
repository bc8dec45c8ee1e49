import { createHash } from 'node:crypto';
import { createCache } from '../../kernel/cache.ts';
import { isObject } from '../../kernel/json.ts';
import { azureBase, bare, type EngineDeps } from './engine.ts';

interface Named {
  id: string;
  name: string;
}

/** Voices and models of the engine that speaks (providers note, 14.6). A list that cannot be had is short, never an error. */
export interface Voices {
  voices(signal: AbortSignal): Promise<Named[]>;
  models(signal: AbortSignal): Promise<{ id: string; name?: string }[]>;
  /** Of ElevenLabs, kept for some minutes; empty when they cannot be had. */
  elevenlabs(signal: AbortSignal): Promise<Named[]>;
}

const LIST_MS = 10_000;
const LIST_BYTES = 8 * 1024 * 1024;
const KEPT_MS = 5 * 60_000;
const OPENAI_VOICES = named(['alloy', 'echo', 'fable', 'onyx', 'nova', 'shimmer']);
const REALTIME_VOICES = named('alloy ash ballad coral echo sage shimmer verse marin cedar'.split(' '));
const OPENAI_MODELS = [{ id: 'tts-1' }, { id: 'tts-1-hd' }];
const REALTIME_MODELS = [{ id: 'gpt-realtime-2.1-mini' }, { id: 'gpt-realtime-2.1' }];
const MISTRAL_MODELS = [{ id: 'voxtral-mini-tts-2603' }];

function named(ids: readonly string[]): Named[] {
  return ids.map((id) => ({ id, name: id }));
}

export function createVoices({ config, settings, egress, log }: EngineDeps): Voices {
  /** Null where nothing usable comes. */
  async function list(url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<unknown> {
    try {
      const answer = await egress.request(url, { headers, timeoutMs: LIST_MS, ...(signal && { signal }) });
      if (answer.ok) return await answer.json(LIST_BYTES);
      answer.discard();
      log.warn({ status: answer.status }, 'an engine does not list its voices or models');
    } catch (error) {
      signal?.throwIfAborted();
      log.warn({ err: error }, 'an engine does not list its voices or models');
    }
    return null;
  }

  const elevenlabsUrl = () => bare(settings.get('ELEVENLABS_API_BASE_URL'));
  const elevenlabsHeaders = () => ({ 'xi-api-key': config.get('audio.tts.api_key') });
  const elevenlabsVoices = createCache<Named[]>({
    maxEntries: 4,
    maxAgeMs: KEPT_MS,
    async load() {
      const answer = await list(`${elevenlabsUrl()}/v1/voices`, elevenlabsHeaders());
      const found = objects(isObject(answer) ? answer.voices : null);
      const voices = found.map(({ voice_id: id, name }) => ({ id: String(id), name: String(name ?? id) }));
      // Nothing is kept of a list that did not come.
      if (voices.length === 0) throw new NoList();
      return voices;
    },
  });
  async function elevenlabs(): Promise<Named[]> {
    const key = createHash('sha256')
      .update(`${elevenlabsUrl()} ${config.get('audio.tts.api_key')}`)
      .digest('hex');
    try {
      return await elevenlabsVoices.get(key);
    } catch (error) {
      if (error instanceof NoList) return [];
      throw error;
    }
  }

  const openaiBase = () => bare(config.get('audio.tts.openai.api_base_url'));
  const keyHeaders = (key: string): Record<string, string> => (key === '' ? {} : { authorization: `Bearer ${key}` });
  const isOpenai = (base: string) => /^https:\/\/api\.openai\.com(?:[/:]|$)/.test(base);

  async function openaiVoices(signal: AbortSignal): Promise<Named[]> {
    const base = openaiBase();
    if (isOpenai(base)) return OPENAI_VOICES;
    const answer = await list(`${base}/audio/voices`, keyHeaders(config.get('audio.tts.openai.api_key')), signal);
    const given: unknown = isObject(answer) ? answer.voices : null;
    const texts = Array.isArray(given) ? given.filter((one) => typeof one === 'string') : [];
    const found = objects(given).flatMap(({ id, name }) =>
      id === undefined ? [] : [{ id: String(id), name: String(name ?? id) }],
    );
    const voices = [...named(texts), ...found];
    return voices.length > 0 ? voices : OPENAI_VOICES;
  }

  async function openaiModels(signal: AbortSignal): Promise<{ id: string }[]> {
    const base = openaiBase();
    if (isOpenai(base)) return OPENAI_MODELS;
    const headers = keyHeaders(config.get('audio.tts.openai.api_key'));
    for (const [path, member] of [
      ['audio/models', 'models'],
      ['models', 'data'],
    ] as const) {
      const answer = await list(`${base}/${path}`, headers, signal);
      const found = objects(isObject(answer) ? answer[member] : null).filter(({ id }) => id !== undefined);
      if (found.length > 0) return found.map(({ id }) => ({ id: String(id) }));
    }
    return OPENAI_MODELS;
  }

  async function azureVoices(signal: AbortSignal): Promise<Named[]> {
    const headers = { 'Ocp-Apim-Subscription-Key': config.get('audio.tts.api_key') };
    const answer = await list(`${azureBase(config)}/cognitiveservices/voices/list`, headers, signal);
    return objects(answer).map(({ ShortName: id, DisplayName: name }) => ({
      id: String(id),
      name: `${name} (${id})`,
    }));
  }

  async function mistralVoices(signal: AbortSignal): Promise<Named[]> {
    const base = bare(config.get('audio.tts.mistral.api_base_url'));
    const answer = await list(`${base}/audio/voices`, keyHeaders(config.get('audio.tts.mistral.api_key')), signal);
    return objects(isObject(answer) ? answer.items : answer).flatMap(({ voice_id: voice, id = voice, name = id }) =>
      id === undefined ? [] : [{ id: String(voice ?? id), name: String(name) }],
    );
  }

  async function elevenlabsModels(signal: AbortSignal): Promise<Named[]> {
    const answer = await list(`${elevenlabsUrl()}/v1/models`, elevenlabsHeaders(), signal);
    return objects(answer).map(({ model_id: id, name }) => ({ id: String(id), name: String(name ?? id) }));
  }

  return {
    elevenlabs,
    async voices(signal) {
      switch (config.get('audio.tts.engine')) {
        case 'openai':
          return openaiVoices(signal);
        case 'openai-realtime':
          return REALTIME_VOICES;
        case 'elevenlabs':
          return elevenlabs();
        case 'azure':
          return azureVoices(signal);
        case 'mistral':
          return mistralVoices(signal);
        default:
          return [];
      }
    },
    async models(signal) {
      switch (config.get('audio.tts.engine')) {
        case 'openai':
          return openaiModels(signal);
        case 'openai-realtime':
          return REALTIME_MODELS;
        case 'elevenlabs':
          return elevenlabsModels(signal);
        case 'mistral':
          return MISTRAL_MODELS;
        default:
          return [];
      }
    },
  };
}

class NoList extends Error {}

function objects(value: unknown) {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
