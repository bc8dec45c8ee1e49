import type { Egress } from '../../kernel/egress/index.ts';
import { detail, forbidden, HttpError, wrapped } from '../../kernel/http/errors.ts';
import type { Credential, User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import { createLimiter } from '../../kernel/limiter.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Files } from '../files/index.ts';
import { type Call, type ProviderKit, trialConnection } from '../providers/index.ts';
import { type EditWish, MAX_PICTURES, type Made, type Reach, type Wish } from './engine.ts';
import * as automatic1111 from './engines/automatic1111.ts';
import * as comfyui from './engines/comfyui.ts';
import * as gemini from './engines/gemini.ts';
import * as openai from './engines/openai.ts';
import { loadPicture } from './input.ts';
import { editEngine, generationEngine } from './settings.ts';
import type { CreateImageForm, EditImageForm, VerifyForm } from './shapes.ts';

export interface ImagesDeps {
  settings: Pick<Settings, 'get'>;
  config: Config;
  access: Pick<Access, 'permissions'>;
  egress: Pick<Egress, 'request' | 'webSocket'>;
  files: Pick<Files, 'keep' | 'content'>;
  kit: Pick<ProviderKit, 'headers'>;
  events: EventSink;
  log: Pick<Log, 'warn'>;
}

/** On whose behalf a picture is made, and where it is shown. */
export interface Asker {
  user: User;
  signal: AbortSignal;
  credential: Credential | null;
  /** A saved chat the pictures belong to. */
  chat?: { id: string; messageId: string | null };
}

/** A picture that was made, as clients get it: a file of the user. */
export interface GeneratedImage {
  id: string;
  url: string;
  name: string;
  content_type: string;
}

const PREVIEW = 300;
const PERMISSION = 'features.image_generation';
/** Requests to engines under way, and how many wait: they and their answers may hold many megabytes. */
const AT_ONCE = 12;
const WAITING = 200;
const LIST_MS = 30_000;
/** An engine that does not answer must not hold the settings page. */
const SELECT_MS = 5_000;

export type ImageService = ReturnType<typeof createImageService>;

/** Making and changing pictures (providers note, 13). */
export function createImageService(deps: ImagesDeps) {
  const { settings, config, egress, files, events, log } = deps;
  const limited = createLimiter(AT_ONCE, WAITING, () => new HttpError(503, 'Too many images are being made.'));
  const permitted = async (user: User) => user.role === 'admin' || (await deps.access.permissions(user, PERMISSION));
  const mayGenerate = async (user: User) => config.get('image_generation.enable') && (await permitted(user));
  const mayEdit = async (user: User) => config.get('images.edit.enable') && (await permitted(user));
  const reachOf = (signal: AbortSignal, key: string): Reach => ({ egress, signal, secrets: key === '' ? [] : [key] });
  const headersOf = async ({ user, signal, credential }: Asker, base: string, key: string) => {
    const call: Call = { user, signal, metadata: {}, caller: { credential } };
    const { 'Content-Type': _type, ...headers } = await deps.kit.headers(
      trialConnection('openai', base, key, {}),
      call,
    );
    return headers;
  };

  async function draw(asker: Asker, wish: Wish, model: string | null): Promise<{ made: Made; model: string } | null> {
    const engine = generationEngine(config, settings);
    if (engine.kind === 'unknown') return null;
    const reach = reachOf(asker.signal, engine.key);
    switch (engine.kind) {
      case 'openai': {
        const headers = await headersOf(asker, engine.settings.base, engine.key);
        const { model: name } = engine.settings;
        return { made: await openai.generate(reach, { ...engine.settings, headers }, wish), model: name };
      }
      case 'gemini':
        return { made: await gemini.generate(reach, engine.settings, wish), model: engine.settings.model };
      case 'comfyui':
        return { made: await comfyui.generate(reach, engine.settings, wish), model: engine.settings.model };
      case 'automatic1111': {
        let loaded = await automatic1111.currentModel(reach, engine.settings);
        if (model && asker.user.role === 'admin') {
          await config.put({ 'image_generation.model': model });
          await selectModel(asker.signal);
          loaded = model;
        }
        return { made: await automatic1111.generate(reach, engine.settings, wish), model: loaded };
      }
    }
  }

  async function change(asker: Asker, wish: EditWish, model: string | null) {
    const engine = editEngine(config, settings, { model, size: wish.size });
    if (engine.kind === 'unknown') return null;
    const reach = reachOf(asker.signal, engine.key);
    switch (engine.kind) {
      case 'openai': {
        const headers = await headersOf(asker, engine.settings.base, engine.key);
        return { made: await openai.edit(reach, { ...engine.settings, headers }, wish), model: engine.settings.model };
      }
      case 'gemini':
        return { made: await gemini.edit(reach, engine.settings, wish), model: engine.settings.model };
      case 'comfyui':
        return { made: await comfyui.edit(reach, engine.settings, wish), model: engine.settings.model };
    }
  }

  /** What went wrong as 400; the engine's own words where it has any. */
  function failure(error: unknown, signal: AbortSignal): never {
    if (error instanceof HttpError) throw error;
    signal.throwIfAborted();
    log.warn({ err: error }, 'an image engine failed');
    throw new HttpError(400, detail.DEFAULT, { code: 'image.failed', cause: error });
  }

  async function keep({ user, chat }: Asker, { pictures, parameters }: Made): Promise<GeneratedImage[]> {
    const metadata: JsonObject = chat ? { ...parameters, chat_id: chat.id, message_id: chat.messageId } : parameters;
    return Promise.all(
      pictures.map(async ({ type, extension, bytes }) => {
        const name = `generated-image${extension}`;
        const { id } = await files.keep(user, { name, type, bytes, metadata, ...(chat && { chat }) });
        return { id, url: `/api/v1/files/${id}/content`, name, content_type: type };
      }),
    );
  }

  /** Tells AUTOMATIC1111, which keeps the model itself, which one is meant; whether it hears it is no concern of the settings. */
  async function selectModel(signal?: AbortSignal): Promise<void> {
    const engine = generationEngine(config, settings);
    if (engine.kind !== 'automatic1111' || engine.model === '' || engine.settings.base === '') return;
    const limit = AbortSignal.timeout(SELECT_MS);
    const reach = reachOf(signal ? AbortSignal.any([signal, limit]) : limit, engine.key);
    try {
      await automatic1111.selectModel(reach, engine.settings, engine.model);
    } catch (error) {
      signal?.throwIfAborted();
      log.warn({ err: error }, 'AUTOMATIC1111 did not take the model');
    }
  }

  return {
    mayGenerate,
    mayEdit,
    selectModel,

    /** Null where no engine is known. Throws 403 where the user may not, 400 with the engine's words. */
    async generate(asker: Asker, form: CreateImageForm): Promise<GeneratedImage[] | null> {
      if (!(await mayGenerate(asker.user))) throw forbidden();
      checkCount(form.n);
      const { prompt, model = null, size = null, n, steps = null, negative_prompt: negativePrompt = null } = form;
      const wish = { prompt, size, n, steps, negativePrompt };
      const drawn = await limited(() => draw(asker, wish, model), asker.signal).catch((error: unknown) =>
        failure(error, asker.signal),
      );
      if (!drawn) return null;
      const images = await keep(asker, drawn.made);
      const data = { model: drawn.model, size, n, prompt_preview: prompt.slice(0, PREVIEW) };
      events.publish('image.generated', { actor: asker.user, data });
      return images;
    },

    /** The same for pictures that are there. */
    async edit(asker: Asker, form: EditImageForm): Promise<GeneratedImage[] | null> {
      if (!(await mayEdit(asker.user))) throw forbidden();
      const { prompt, model = null, size = null, n = null, background = null } = form;
      const given = typeof form.image === 'string' ? [form.image] : form.image;
      checkCount(n);
      checkCount(given.length);
      const { user, signal } = asker;
      const changed = await limited(async () => {
        const pictures = await Promise.all(given.map((one) => loadPicture(one, user, signal, deps)));
        return change(asker, { prompt, pictures, size, n, background }, model);
      }, signal).catch((error: unknown) => failure(error, signal));
      if (!changed) return null;
      const images = await keep(asker, changed.made);
      const data = { model: changed.model, size, n, prompt_preview: prompt.slice(0, PREVIEW) };
      events.publish('image.edited', { actor: user, data });
      return images;
    },

    async models(): Promise<{ id: string; name: string }[]> {
      const engine = generationEngine(config, settings);
      if (engine.kind === 'openai') return OPENAI_MODELS;
      if (engine.kind === 'gemini') return GEMINI_MODELS;
      if (engine.kind === 'unknown') return [];
      const reach = reachOf(AbortSignal.timeout(LIST_MS), engine.key);
      try {
        if (engine.kind === 'comfyui') return await comfyui.models(reach, engine.settings);
        return await automatic1111.models(reach, engine.settings);
      } catch (cause) {
        throw new HttpError(400, wrapped('Failed to retrieve image generation models'), { cause });
      }
    },

    async verify({ engine, url, key }: VerifyForm): Promise<true> {
      const base = url.replace(/\/+$/, '');
      const secret = key ?? '';
      const reach = reachOf(AbortSignal.timeout(LIST_MS), secret);
      if (engine !== 'automatic1111' && engine !== 'comfyui') throw new HttpError(400, 'Unsupported image engine');
      try {
        if (engine === 'automatic1111') await automatic1111.currentModel(reach, { base, auth: secret });
        else await comfyui.objectInfo(reach, { base, key: secret });
        return true;
      } catch (cause) {
        throw new HttpError(400, detail.INVALID_URL, { cause });
      }
    },
  };
}

function checkCount(n: number | null): void {
  if (n === null) return;
  if (n < 1 || n > MAX_PICTURES) throw new HttpError(400, wrapped(`Between 1 and ${MAX_PICTURES} images at once`));
}

const OPENAI_MODELS = [
  { id: 'dall-e-2', name: 'DALL·E 2' },
  { id: 'dall-e-3', name: 'DALL·E 3' },
  { id: 'gpt-image-1', name: 'GPT-IMAGE 1' },
  { id: 'gpt-image-1.5', name: 'GPT-IMAGE 1.5' },
];
const GEMINI_MODELS = [{ id: 'imagen-3.0-generate-002', name: 'imagen-3.0 generate-002' }];
