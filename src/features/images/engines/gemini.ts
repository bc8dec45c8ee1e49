import { isObject, type JsonObject } from '../../../kernel/json.ts';
import {
  askJson,
  type EditWish,
  fromBase64,
  type Made,
  type Picture,
  post,
  type Reach,
  some,
  type Wish,
} from '../engine.ts';

export interface GeminiSettings {
  base: string;
  key: string;
  model: string;
}

const address = ({ base, model }: GeminiSettings, method: string) => `${base}/models/${model}:${method}`;
const headers = ({ key }: GeminiSettings) => ({ 'x-goog-api-key': key });

export async function generate(
  reach: Reach,
  settings: GeminiSettings & { method: string },
  { prompt, n }: Wish,
): Promise<Made> {
  if (settings.method === 'generateContent') {
    const body = { contents: [{ parts: [{ text: prompt }] }] };
    const answer = await askJson(reach, address(settings, 'generateContent'), post(body, headers(settings)));
    return { pictures: await inlinePictures(answer), parameters: { model: settings.model, ...body } };
  }
  const body = {
    instances: { prompt },
    parameters: { sampleCount: n ?? 1, outputOptions: { mimeType: 'image/png' } },
  };
  const answer = await askJson(reach, address(settings, 'predict'), post(body, headers(settings)));
  const found = some(Array.isArray(answer.predictions) ? answer.predictions.filter(isObject) : []);
  const pictures = await Promise.all(found.map((one) => fromBase64(one.bytesBase64Encoded)));
  return { pictures, parameters: { model: settings.model, ...body } };
}

export async function edit(reach: Reach, settings: GeminiSettings, { prompt, pictures }: EditWish): Promise<Made> {
  const shown = pictures.map(({ type, bytes }) => ({
    inline_data: { mime_type: type, data: bytes.toString('base64') },
  }));
  const body = { contents: [{ parts: [{ text: prompt }, ...shown] }] };
  const answer = await askJson(reach, address(settings, 'generateContent'), post(body, headers(settings)));
  return { pictures: await inlinePictures(answer), parameters: { model: settings.model, prompt } };
}

async function inlinePictures(answer: JsonObject): Promise<Picture[]> {
  const candidates = Array.isArray(answer.candidates) ? answer.candidates.filter(isObject) : [];
  const parts = candidates.flatMap(({ content }) =>
    isObject(content) && Array.isArray(content.parts) ? content.parts.filter(isObject) : [],
  );
  const data = parts.flatMap(({ inlineData }) => (isObject(inlineData) ? [inlineData.data] : []));
  return Promise.all(some(data, refusalOf(parts) || undefined).map(fromBase64));
}

/** A model that draws nothing says why in words. */
function refusalOf(parts: readonly JsonObject[]): string {
  const texts = parts.flatMap(({ text }) => (typeof text === 'string' ? [text] : []));
  return texts.join(' ').trim().slice(0, 500);
}
