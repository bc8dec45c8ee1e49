import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { formBody } from '../../../kernel/egress/index.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import { mediaType } from '../../../kernel/http/media-types.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { ask, bare, bearer, type EngineDeps, external, jsonOf, type Speaker } from '../engine.ts';

/** A file short enough for an engine. */
export interface Piece {
  path: string;
  bytes: number;
}

/** An engine that hears; `languages` are tried in order, null: the engine finds out. */
export type HearingEngine = (
  deps: EngineDeps,
  who: Speaker,
  piece: Piece,
  languages: readonly (string | null)[],
) => Promise<string>;

const MEGABYTE = 1024 * 1024;
const ANSWER_BYTES = 16 * MEGABYTE;

/** The first language whose request is answered well counts; the last one's refusal is thrown (providers note, 14.5). */
async function firstOf(languages: readonly (string | null)[], hear: (language: string | null) => Promise<string>) {
  let refused: unknown;
  for (const language of languages) {
    try {
      return await hear(language);
    } catch (error) {
      if (!(error instanceof HttpError) || error.code !== 'audio.refused') throw error;
      refused = error;
    }
  }
  throw refused;
}

async function formOf(piece: Piece, fields: Record<string, string | null>, name = 'file'): Promise<FormData> {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) if (value !== null) form.append(key, value);
  // A blob of the file itself would end the process if the file went while it is read; the form is made in memory anyway.
  const bytes = await readFile(piece.path);
  form.append(name, new Blob([bytes], { type: mediaType(piece.path) }), basename(piece.path));
  return form;
}

async function post(
  deps: EngineDeps,
  { signal }: Speaker,
  url: string,
  headers: Record<string, string>,
  form: FormData,
  secret: string,
): Promise<unknown> {
  const { body, type } = await formBody(form);
  const outgoing = { method: 'POST', headers: { ...headers, 'content-type': type }, body, signal };
  return jsonOf(await ask(deps.egress, url, outgoing, [secret]), ANSWER_BYTES);
}

function textOf(answer: unknown): string {
  if (isObject(answer) && typeof answer.text === 'string') return answer.text;
  throw external(502, 'the engine sent no text');
}

export const openai: HearingEngine = async (deps, who, piece, languages) => {
  const { config } = deps;
  const base = bare(config.get('audio.stt.openai.api_base_url'));
  const key = config.get('audio.stt.openai.api_key');
  const model = config.get('audio.stt.model');
  const headers = await bearer(deps, who, base, key);
  const url = `${base}/audio/transcriptions`;
  if (config.get('audio.stt.openai.api_request_format') === 'json') {
    const ending = extname(piece.path).slice(1).toLowerCase() || 'wav';
    const data = await readFile(piece.path, 'base64');
    return firstOf(languages, async (language) => {
      const body = JSON.stringify({
        model,
        ...(language !== null && { language }),
        input_audio: { data, format: ending === 'oga' ? 'ogg' : ending },
      });
      const outgoing = {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        signal: who.signal,
      };
      return textOf(await jsonOf(await ask(deps.egress, url, outgoing, [key]), ANSWER_BYTES));
    });
  }
  return firstOf(languages, async (language) =>
    textOf(await post(deps, who, url, headers, await formOf(piece, { model, language }), key)),
  );
};

export const deepgram: HearingEngine = async ({ config, settings, egress }, { signal }, piece, languages) => {
  const key = config.get('audio.stt.deepgram.api_key');
  const model = config.get('audio.stt.model');
  const body = await readFile(piece.path);
  return firstOf(languages, async (language) => {
    const query = new URLSearchParams({
      smart_format: 'true',
      ...(model !== '' && { model }),
      ...(language !== null && { language }),
    });
    const headers = { authorization: `Token ${key}`, 'content-type': mediaType(piece.path) };
    const url = `${bare(settings.get('DEEPGRAM_API_BASE_URL'))}/listen?${query}`;
    const answer = await jsonOf(await ask(egress, url, { method: 'POST', headers, body, signal }, [key]), ANSWER_BYTES);
    const results = isObject(answer) && isObject(answer.results) ? answer.results : {};
    const [channel] = Array.isArray(results.channels) ? results.channels : [];
    const [alternative] = isObject(channel) && Array.isArray(channel.alternatives) ? channel.alternatives : [];
    return isObject(alternative) && typeof alternative.transcript === 'string' ? alternative.transcript : '';
  });
};

const AZURE_BYTES = 200 * MEGABYTE;
const AZURE_LOCALES = 'en-US es-ES es-MX fr-FR hi-IN it-IT de-DE en-GB en-IN ja-JP ko-KR pt-BR zh-CN'.split(' ');
/** Codes whose messages speak of the recording; others may say more than users should read. */
const AZURE_CODES = new Set([
  'EmptyAudioFile',
  'AudioLengthLimitExceeded',
  'NoLanguageIdentified',
  'MultipleLanguagesIdentified',
]);

export const azure: HearingEngine = async (deps, who, piece) => {
  const { config, egress } = deps;
  const key = config.get('audio.stt.azure.api_key');
  if (key === '') throw new HttpError(400, 'Azure API key is required for Azure STT');
  if (piece.bytes > AZURE_BYTES) throw new HttpError(400, 'The recording is larger than the 200 MB that Azure takes.');
  const own = config
    .get('audio.stt.azure.locales')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const region = config.get('audio.stt.azure.region') || 'eastus';
  const base = bare(config.get('audio.stt.azure.base_url')) || `https://${region}.api.cognitive.microsoft.com`;
  const speakers = Number.parseInt(config.get('audio.stt.azure.max_speakers'), 10);
  const definition = JSON.stringify({
    locales: own.length > 0 ? own : AZURE_LOCALES,
    diarization: { maxSpeakers: speakers > 0 ? speakers : 3, enabled: true },
  });
  const { body, type } = await formBody(await formOf(piece, { definition }, 'audio'));
  const headers = { 'Ocp-Apim-Subscription-Key': key, 'content-type': type };
  const url = `${base}/speechtotext/transcriptions:transcribe?api-version=2024-11-15`;
  const outgoing = { method: 'POST', headers, body, signal: who.signal };
  let answer: Awaited<ReturnType<typeof egress.request>>;
  try {
    answer = await egress.request(url, outgoing);
  } catch (cause) {
    who.signal.throwIfAborted();
    throw new HttpError(500, detail.SERVER_CONNECTION_ERROR, { code: 'audio.unreachable', cause });
  }
  const value = await jsonOf(answer, ANSWER_BYTES);
  if (!answer.ok) throw azureRefusal(answer.status, value);
  const phrases: unknown[] = isObject(value) && Array.isArray(value.combinedPhrases) ? value.combinedPhrases : [];
  const text = isObject(phrases[0]) ? phrases[0].text : '';
  if (typeof text !== 'string' || text === '') throw new HttpError(500, 'No transcription found in response');
  return text;
};

function azureRefusal(status: number, value: unknown): HttpError {
  const outer: JsonObject = isObject(value) ? value : {};
  const inner = isObject(outer.innerError) ? outer.innerError : isObject(outer.error) ? outer.error : outer;
  const known = [inner, outer].find(({ code }) => typeof code === 'string' && AZURE_CODES.has(code));
  const text =
    known && typeof known.message === 'string' ? known.message : 'the engine could not transcribe the recording';
  return external(status >= 400 ? status : 502, text);
}

const MISTRAL_BYTES = 20 * MEGABYTE;
const MISTRAL_MODEL = 'voxtral-mini-latest';

export const mistral: HearingEngine = async (deps, who, piece, languages) => {
  const { config } = deps;
  const key = config.get('audio.stt.mistral.api_key');
  if (key === '') throw new HttpError(400, 'Mistral API key is required for Mistral STT');
  if (piece.bytes > MISTRAL_BYTES)
    throw new HttpError(400, 'The recording is larger than the 20 MB that Mistral takes.');
  const base = bare(config.get('audio.stt.mistral.api_base_url'));
  const model = config.get('audio.stt.model') || MISTRAL_MODEL;
  const headers = { authorization: `Bearer ${key}` };
  const [language = null] = languages;
  const text = config.get('audio.stt.mistral.use_chat_completions')
    ? await inWords(deps, who, piece, { base, model, key, language })
    : textOf(
        await post(deps, who, `${base}/audio/transcriptions`, headers, await formOf(piece, { model, language }), key),
      );
  if (text.trim() === '') throw new HttpError(500, 'Empty transcript received from Mistral');
  return text;
};

async function inWords(
  { egress }: EngineDeps,
  { signal }: Speaker,
  { path }: Piece,
  { base, model, key, language }: { base: string; model: string; key: string; language: string | null },
): Promise<string> {
  const format = extname(path).toLowerCase() === '.wav' ? 'wav' : 'mp3';
  const tongue = language === null ? 'in the language that is spoken' : `in the language "${language}"`;
  const text = `Write down word for word what is said in this recording, ${tongue}. Answer with nothing but these words.`;
  const content = [
    { type: 'input_audio', input_audio: { data: await readFile(path, 'base64'), format } },
    { type: 'text', text },
  ];
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ model, messages: [{ role: 'user', content }] });
  const outgoing = { method: 'POST', headers, body, signal };
  const answer = await jsonOf(await ask(egress, `${base}/chat/completions`, outgoing, [key]), ANSWER_BYTES);
  const [choice] = isObject(answer) && Array.isArray(answer.choices) ? answer.choices : [];
  const said = isObject(choice) && isObject(choice.message) ? choice.message.content : '';
  if (typeof said === 'string') return said;
  const parts = Array.isArray(said) ? said.filter(isObject) : [];
  return parts.map(({ text: part }) => (typeof part === 'string' ? part : '')).join('');
}
