import type { Config, Settings } from '../../kernel/settings/index.ts';
import { extraParameters } from './engine.ts';
import type { Automatic1111Settings } from './engines/automatic1111.ts';
import type { ComfyuiSettings } from './engines/comfyui.ts';
import type { GeminiSettings } from './engines/gemini.ts';
import type { OpenaiSettings } from './engines/openai.ts';

type Values = Pick<Config, 'get'>;

/** The engine that draws, as the administrator has set it up (providers note, 13.1 and 13.3). */
export type GenerationEngine =
  | { kind: 'openai'; settings: Omit<OpenaiSettings, 'headers'>; key: string }
  | { kind: 'gemini'; settings: GeminiSettings & { method: string }; key: string }
  | { kind: 'comfyui'; settings: ComfyuiSettings; key: string }
  | { kind: 'automatic1111'; settings: Automatic1111Settings; model: string; key: string }
  | { kind: 'unknown' };

/** The engine that changes pictures. */
export type EditEngine =
  | { kind: 'openai'; settings: Omit<OpenaiSettings, 'headers'> & { normalise: boolean }; key: string }
  | { kind: 'gemini'; settings: GeminiSettings; key: string }
  | { kind: 'comfyui'; settings: ComfyuiSettings; key: string }
  | { kind: 'unknown' };

const bare = (url: string) => url.replace(/\/+$/, '');

export function generationEngine(config: Values, settings: Pick<Settings, 'get'>): GenerationEngine {
  const model = config.get('image_generation.model');
  const size = config.get('image_generation.size') ?? '';
  const steps = config.get('image_generation.steps');
  switch (config.get('image_generation.engine')) {
    case 'openai': {
      const key = config.get('image_generation.openai.api_key');
      return {
        kind: 'openai',
        key,
        settings: {
          base: bare(config.get('image_generation.openai.api_base_url')),
          apiVersion: config.get('image_generation.openai.api_version'),
          model: model || 'dall-e-2',
          size,
          params: extraParameters(config.get('image_generation.openai.params')),
          ownForm: settings.get('IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN').test(model),
        },
      };
    }
    case 'gemini': {
      const key = config.get('image_generation.gemini.api_key');
      const base = bare(config.get('image_generation.gemini.api_base_url'));
      const method = config.get('image_generation.gemini.endpoint_method');
      return { kind: 'gemini', key, settings: { base, key, model: model || 'imagen-3.0-generate-002', method } };
    }
    case 'comfyui': {
      const key = config.get('image_generation.comfyui.api_key');
      return {
        kind: 'comfyui',
        key,
        settings: {
          base: bare(config.get('image_generation.comfyui.base_url')),
          key,
          workflow: config.get('image_generation.comfyui.workflow'),
          nodes: config.get('image_generation.comfyui.nodes'),
          model,
          size,
          steps,
        },
      };
    }
    case 'automatic1111':
    case '': {
      const auth = authText(config.get('image_generation.automatic1111.api_auth'));
      return {
        kind: 'automatic1111',
        key: auth,
        model,
        settings: {
          base: bare(config.get('image_generation.automatic1111.base_url')),
          auth,
          size,
          steps,
          params: extraParameters(config.get('image_generation.automatic1111.api_params')),
        },
      };
    }
    default:
      return { kind: 'unknown' };
  }
}

/** `model` and `size`: what the request asks for wins over what is configured. */
export function editEngine(
  config: Values,
  settings: Pick<Settings, 'get'>,
  asked: { model: string | null; size: string | null },
): EditEngine {
  const configured = config.get('images.edit.model');
  const model = asked.model || configured;
  const size = [asked.size, config.get('images.edit.size')].find((one) => one?.includes('x')) ?? '';
  switch (config.get('images.edit.engine')) {
    case 'openai': {
      const key = config.get('images.edit.openai.api_key');
      return {
        kind: 'openai',
        key,
        settings: {
          base: bare(config.get('images.edit.openai.api_base_url')),
          apiVersion: config.get('images.edit.openai.api_version'),
          model,
          size,
          params: {},
          ownForm: settings.get('IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN').test(configured),
          normalise: settings.get('ENABLE_OPENAI_IMAGE_EDIT_NORMALIZATION'),
        },
      };
    }
    case 'gemini': {
      const key = config.get('images.edit.gemini.api_key');
      return {
        kind: 'gemini',
        key,
        settings: { base: bare(config.get('images.edit.gemini.api_base_url')), key, model },
      };
    }
    case 'comfyui': {
      const key = config.get('images.edit.comfyui.api_key');
      return {
        kind: 'comfyui',
        key,
        settings: {
          base: bare(config.get('images.edit.comfyui.base_url')),
          key,
          workflow: config.get('images.edit.comfyui.workflow'),
          nodes: config.get('images.edit.comfyui.nodes'),
          model,
          size,
          steps: null,
        },
      };
    }
    default:
      return { kind: 'unknown' };
  }
}

function authText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
