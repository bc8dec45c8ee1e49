import { randomUUID } from 'node:crypto';
import { formBody } from '../../../kernel/egress/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { plainJpeg } from '../../../kernel/pictures.ts';
import {
  askJson,
  type EditWish,
  failed,
  fromAddress,
  fromBase64,
  type Made,
  type Picture,
  post,
  type Reach,
  some,
  type Wish,
} from '../engine.ts';

export interface OpenaiSettings {
  base: string;
  apiVersion: string;
  model: string;
  /** Sent as it is; empty: the engine's own. */
  size: string;
  /** Parameters that win over everything. */
  params: JsonObject;
  /** The model chooses the form of its answer itself. */
  ownForm: boolean;
  /** Authorization, and who asks where that is told. */
  headers: Record<string, string>;
}

const address = ({ base, apiVersion }: OpenaiSettings, path: string) =>
  `${base}/images/${path}${apiVersion === '' ? '' : `?api-version=${encodeURIComponent(apiVersion)}`}`;

export async function generate(reach: Reach, settings: OpenaiSettings, wish: Wish): Promise<Made> {
  const size = wish.size || settings.size;
  const body = {
    model: settings.model,
    prompt: wish.prompt,
    n: wish.n ?? 1,
    ...(size !== '' && { size }),
    ...(!settings.ownForm && { response_format: 'b64_json' }),
    ...settings.params,
  };
  const answer = await askJson(reach, address(settings, 'generations'), post(body, settings.headers));
  return { pictures: await picturesOf(reach, settings, answer), parameters: body };
}

export async function edit(
  reach: Reach,
  settings: OpenaiSettings & { normalise: boolean },
  wish: EditWish,
): Promise<Made> {
  const { prompt, n, background, pictures } = wish;
  const fields: JsonObject = {
    model: settings.model,
    prompt,
    ...(n !== null && { n }),
    ...(settings.size.includes('x') && { size: settings.size }),
    ...(background !== null && { background }),
    ...(!settings.ownForm && { response_format: 'b64_json' }),
  };
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  for (const picture of pictures) {
    const { type, extension, bytes } = settings.normalise ? await normal(picture) : picture;
    const file = new Blob([new Uint8Array(bytes)], { type });
    form.append(pictures.length === 1 ? 'image' : 'image[]', file, `${randomUUID()}${extension}`);
  }
  const { body, type } = await formBody(form);
  const outgoing = { method: 'POST', headers: { ...settings.headers, 'content-type': type }, body };
  const answer = await askJson(reach, address(settings, 'edits'), outgoing);
  return { pictures: await picturesOf(reach, settings, answer), parameters: fields };
}

/** The API refuses JPEG files that are turned, hold several frames or other colours than RGB and grey. */
async function normal(picture: Picture): Promise<Picture> {
  if (picture.type !== 'image/jpeg' || !picture.unusual) return picture;
  const bytes = await plainJpeg(picture.bytes).catch((cause: unknown) => {
    throw failed('Error loading image', cause);
  });
  return { ...picture, bytes, unusual: false };
}

async function picturesOf(reach: Reach, { base, headers }: OpenaiSettings, answer: JsonObject): Promise<Picture[]> {
  const data = some(Array.isArray(answer.data) ? answer.data.filter(isObject) : []);
  return Promise.all(
    data.map(({ url, b64_json: text }) =>
      typeof url === 'string' && url !== '' ? fromAddress(reach, url, { base, headers }) : fromBase64(text),
    ),
  );
}
