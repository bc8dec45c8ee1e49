import type { JsonObject } from '../../../kernel/json.ts';
import { isObject } from '../../../kernel/json.ts';
import { ask, askJson, failed, fromBase64, type Made, pixels, post, type Reach, some, type Wish } from '../engine.ts';

export interface Automatic1111Settings {
  base: string;
  /** `user:password` */
  auth: string;
  size: string;
  steps: number | null;
  params: JsonObject;
}

type Server = Pick<Automatic1111Settings, 'base' | 'auth'>;

export const headersOf = ({ auth }: Pick<Server, 'auth'>): Record<string, string> =>
  auth === '' ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };

const options = (reach: Reach, server: Server) =>
  askJson(reach, `${server.base}/sdapi/v1/options`, { headers: headersOf(server) });

/** The checkpoint that is loaded. */
export async function currentModel(reach: Reach, server: Server): Promise<string> {
  const { sd_model_checkpoint: model } = await options(reach, server);
  if (typeof model !== 'string') throw failed('The engine does not name its model');
  return model;
}

/** Has a checkpoint loaded, if it is another one. */
export async function selectModel(reach: Reach, server: Server, model: string): Promise<void> {
  const now = await options(reach, server);
  if (now.sd_model_checkpoint === model) return;
  const body = { ...now, sd_model_checkpoint: model };
  (await ask(reach, `${server.base}/sdapi/v1/options`, post(body, headersOf(server)))).discard();
}

export async function models(reach: Reach, server: Server): Promise<{ id: string; name: string }[]> {
  const answer = await ask(reach, `${server.base}/sdapi/v1/sd-models`, { headers: headersOf(server) });
  const list: unknown = await answer.json();
  if (!Array.isArray(list)) throw failed('The engine sent no list');
  return list.filter(isObject).map(({ title, model_name: name }) => ({ id: String(title), name: String(name) }));
}

export async function generate(reach: Reach, settings: Automatic1111Settings, wish: Wish): Promise<Made> {
  const steps = wish.steps ?? settings.steps;
  const body: JsonObject = {
    prompt: wish.prompt,
    batch_size: wish.n ?? 1,
    ...pixels(wish.size, settings.size),
    ...(steps !== null && { steps }),
    ...(wish.negativePrompt !== null && wish.negativePrompt !== '' && { negative_prompt: wish.negativePrompt }),
    ...settings.params,
  };
  const answer = await askJson(reach, `${settings.base}/sdapi/v1/txt2img`, post(body, headersOf(settings)));
  const found = some<unknown>(Array.isArray(answer.images) ? answer.images : []);
  return { pictures: await Promise.all(found.map(fromBase64)), parameters: { ...body, info: answer.info ?? null } };
}
