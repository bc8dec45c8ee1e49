import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { ask, azureBase, bare, bearer, type EngineDeps, external, jsonOf, type Speaker } from '../engine.ts';
import type { Voices } from '../lists.ts';
import type { Sound } from './cache.ts';
import { playable } from './sound.ts';

/** What is to be said, as sent. */
export interface SpeechRequest {
  payload: JsonObject;
  input: string;
  /** Of the request; empty: none. */
  voice: string;
}

export interface SpeechDeps extends EngineDeps {
  voices: Voices;
}

/** An engine that speaks over HTTP; gives what the client plays. */
export type SpeechEngine = (deps: SpeechDeps, who: Speaker, request: SpeechRequest) => Promise<Sound>;

const SPEECH_BYTES = 64 * 1024 * 1024;

/** The API of OpenAI and of everybody who copies it (providers note, 14.2). */
export const openai: SpeechEngine = async (deps, who, { payload, voice }) => {
  const { config, egress } = deps;
  const base = bare(config.get('audio.tts.openai.api_base_url'));
  const key = config.get('audio.tts.openai.api_key');
  const params = config.get('audio.tts.openai.params');
  const body = {
    ...payload,
    model: config.get('audio.tts.model'),
    voice: voice || config.get('audio.tts.voice'),
    ...(isObject(params) && params),
  };
  const headers = { ...(await bearer(deps, who, base, key)), 'content-type': 'application/json' };
  const outgoing = { method: 'POST', headers, body: JSON.stringify(body), signal: who.signal };
  const answer = await ask(egress, `${base}/audio/speech`, outgoing, [key]);
  return playable(deps, await answer.bytes(SPEECH_BYTES), answer.headers['content-type'] ?? '', who.signal);
};

export const elevenlabs: SpeechEngine = async (deps, { signal }, { input, voice }) => {
  const { config, settings, egress, voices } = deps;
  const key = config.get('audio.tts.api_key');
  const known = await voices.elevenlabs(signal);
  if (voice === '' || (known.length > 0 && !known.some(({ id }) => id === voice))) {
    throw new HttpError(400, 'Invalid voice id');
  }
  const url = `${bare(settings.get('ELEVENLABS_API_BASE_URL'))}/v1/text-to-speech/${encodeURIComponent(voice)}`;
  const body = JSON.stringify({
    text: input,
    model_id: config.get('audio.tts.model'),
    voice_settings: { stability: 0.5, similarity_boost: 0.5 },
  });
  const headers = { accept: 'audio/mpeg', 'content-type': 'application/json', 'xi-api-key': key };
  const answer = await ask(egress, url, { method: 'POST', headers, body, signal }, [key]);
  return playable(deps, await answer.bytes(SPEECH_BYTES), answer.headers['content-type'] ?? '', signal);
};

export const azure: SpeechEngine = async (deps, { signal }, { input, voice }) => {
  const { config, egress } = deps;
  const key = config.get('audio.tts.api_key');
  const speaker = voice || config.get('audio.tts.voice');
  const language = speaker.split('-').slice(0, 2).join('-');
  const ssml = `<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="${xml(language)}"><voice name="${xml(speaker)}">${xml(input)}</voice></speak>`;
  const format = config.get('audio.tts.azure.speech_output_format');
  const headers = {
    'Ocp-Apim-Subscription-Key': key,
    'Content-Type': 'application/ssml+xml',
    'X-Microsoft-OutputFormat': format,
  };
  const url = `${azureBase(config)}/cognitiveservices/v1`;
  const answer = await ask(egress, url, { method: 'POST', headers, body: ssml, signal }, [key]);
  const type = answer.headers['content-type'] || (format.includes('mp3') ? 'audio/mpeg' : '');
  return playable(deps, await answer.bytes(SPEECH_BYTES), type, signal);
};

/** Characters that would end the text of an element or the value of an attribute; what XML cannot hold is left out. */
function xml(text: string): string {
  const signs: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return text
    .toWellFormed()
    .replace(/[^\P{Cc}\t\n\r]/gu, '')
    .replace(/[&<>"']/g, (sign) => signs[sign] ?? '');
}

const MISTRAL_MODEL = 'voxtral-mini-tts-2603';

export const mistral: SpeechEngine = async (deps, { signal }, { input, voice }) => {
  const { config, egress } = deps;
  const key = config.get('audio.tts.mistral.api_key');
  if (key === '') throw new HttpError(400, 'Mistral API key is required for Mistral TTS');
  const body = JSON.stringify({
    input,
    model: config.get('audio.tts.model') || MISTRAL_MODEL,
    voice_id: voice || config.get('audio.tts.voice'),
    response_format: 'mp3',
  });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const url = `${bare(config.get('audio.tts.mistral.api_base_url'))}/audio/speech`;
  const answer = await ask(egress, url, { method: 'POST', headers, body, signal }, [key]);
  const value = await jsonOf(answer, SPEECH_BYTES);
  const data = isObject(value) ? value.audio_data : undefined;
  if (typeof data !== 'string') throw external(502, 'the engine sent no sound');
  return playable(deps, Buffer.from(data, 'base64'), 'audio/mpeg', signal);
};
