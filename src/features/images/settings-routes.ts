import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Dict, Int, List, Nullable, Str, Union } from '../../kernel/http/shapes.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { announce, type EventSink, field, formShape, formValues, readForm } from '../configuration/index.ts';

const params = Nullable(Union([Dict(), Str()]));

const imagesForm = {
  ENABLE_IMAGE_GENERATION: field('image_generation.enable', Bool()),
  ENABLE_IMAGE_PROMPT_GENERATION: field('image_generation.prompt.enable', Bool()),
  IMAGE_GENERATION_ENGINE: field('image_generation.engine', Str()),
  IMAGE_GENERATION_MODEL: field('image_generation.model', Str()),
  IMAGE_SIZE: field('image_generation.size', Nullable(Str())),
  IMAGE_STEPS: field('image_generation.steps', Nullable(Int())),
  IMAGES_OPENAI_API_BASE_URL: field('image_generation.openai.api_base_url', Str()),
  IMAGES_OPENAI_API_KEY: field('image_generation.openai.api_key', Str()),
  IMAGES_OPENAI_API_VERSION: field('image_generation.openai.api_version', Str()),
  IMAGES_OPENAI_API_PARAMS: field('image_generation.openai.params', params),
  AUTOMATIC1111_BASE_URL: field('image_generation.automatic1111.base_url', Str()),
  AUTOMATIC1111_API_AUTH: field('image_generation.automatic1111.api_auth', Nullable(Union([Dict(), Str()]))),
  AUTOMATIC1111_PARAMS: field('image_generation.automatic1111.api_params', params),
  COMFYUI_BASE_URL: field('image_generation.comfyui.base_url', Str()),
  COMFYUI_API_KEY: field('image_generation.comfyui.api_key', Str()),
  COMFYUI_WORKFLOW: field('image_generation.comfyui.workflow', Str()),
  COMFYUI_WORKFLOW_NODES: field('image_generation.comfyui.nodes', List(Dict())),
  IMAGES_GEMINI_API_BASE_URL: field('image_generation.gemini.api_base_url', Str()),
  IMAGES_GEMINI_API_KEY: field('image_generation.gemini.api_key', Str()),
  IMAGES_GEMINI_ENDPOINT_METHOD: field('image_generation.gemini.endpoint_method', Str()),
  ENABLE_IMAGE_EDIT: field('images.edit.enable', Bool()),
  IMAGE_EDIT_ENGINE: field('images.edit.engine', Str()),
  IMAGE_EDIT_MODEL: field('images.edit.model', Str()),
  IMAGE_EDIT_SIZE: field('images.edit.size', Str()),
  IMAGES_EDIT_OPENAI_API_BASE_URL: field('images.edit.openai.api_base_url', Str()),
  IMAGES_EDIT_OPENAI_API_KEY: field('images.edit.openai.api_key', Str()),
  IMAGES_EDIT_OPENAI_API_VERSION: field('images.edit.openai.api_version', Str()),
  IMAGES_EDIT_GEMINI_API_BASE_URL: field('images.edit.gemini.api_base_url', Str()),
  IMAGES_EDIT_GEMINI_API_KEY: field('images.edit.gemini.api_key', Str()),
  IMAGES_EDIT_COMFYUI_BASE_URL: field('images.edit.comfyui.base_url', Str()),
  IMAGES_EDIT_COMFYUI_API_KEY: field('images.edit.comfyui.api_key', Str()),
  IMAGES_EDIT_COMFYUI_WORKFLOW: field('images.edit.comfyui.workflow', Str()),
  IMAGES_EDIT_COMFYUI_WORKFLOW_NODES: field('images.edit.comfyui.nodes', List(Dict())),
};

const ImagesConfig = formShape('ImagesConfigForm', imagesForm);

interface SettingsRoutesDeps {
  settings: Pick<Settings, 'get'>;
  config: Config;
  events: EventSink;
  /** Tells an engine that keeps the model itself which one is meant. */
  modelChanged(): Promise<void>;
}

/** The settings of making and changing images (providers note, 13.1 and 13.2). */
export function settingsRoutes({ settings, config, events, modelChanged }: SettingsRoutesDeps): Route[] {
  const shown = () => readForm(config, imagesForm);
  return [
    route({ method: 'GET', url: '/api/v1/images/config', access: admin, handler: shown }),
    route({
      method: 'POST',
      url: '/api/v1/images/config/update',
      access: admin,
      body: ImagesConfig,
      handler: async ({ body, user }) => {
        const given = body as Record<string, unknown>;
        check(given, settings.get('IMAGE_AUTO_SIZE_MODELS_REGEX_PATTERN'));
        await config.put(formValues(imagesForm, meant(given)));
        await modelChanged();
        const values = shown();
        announce(events, 'config.updated', user, 'images', {
          enabled: values.ENABLE_IMAGE_GENERATION,
          engine: values.IMAGE_GENERATION_ENGINE,
        });
        return { ...values, USER_PERMISSIONS: config.get('user.permissions') };
      },
    }),
  ];
}

const refused = (hint: string) => new HttpError(400, `Invalid format. Please use the correct format  ${hint}.`);

function check(given: Readonly<Record<string, unknown>>, autoSize: RegExp): void {
  const size = given.IMAGE_SIZE ?? '';
  if (size === 'auto') {
    if (!autoSize.test(String(given.IMAGE_GENERATION_MODEL))) {
      throw refused(`(auto is only allowed with models matching ${autoSize.source})`);
    }
  } else if (size !== '' && !/^\d+x\d+$/.test(String(size))) throw refused('(e.g., 512x512)');
  if (typeof given.IMAGE_STEPS === 'number' && given.IMAGE_STEPS < 0) throw refused('(e.g., 50)');
}

/** A size of null means none, steps of null leave them as they are; addresses lose slashes at both ends. */
function meant(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const bare = (value: unknown) => String(value).replace(/^\/+|\/+$/g, '');
  return {
    ...given,
    IMAGE_SIZE: given.IMAGE_SIZE ?? '',
    IMAGE_STEPS: given.IMAGE_STEPS ?? undefined,
    COMFYUI_BASE_URL: bare(given.COMFYUI_BASE_URL),
    IMAGES_EDIT_COMFYUI_BASE_URL: bare(given.IMAGES_EDIT_COMFYUI_BASE_URL),
  };
}
