import type { FastifyRequest } from 'fastify';
import { JsonText } from '../../kernel/http/answer.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Principal, User } from '../../kernel/http/principal.ts';
import { type Config, productName, type Settings } from '../../kernel/settings/index.ts';
import { accountFeatures, publicFeatures } from './features.ts';

export interface ClientConfigDeps {
  settings: Settings;
  config: Config;
  /** Release the web client is of. */
  version: string;
  /** The caller a session token names; throws the HttpError a route would answer. */
  session(token: string): Promise<Principal>;
  hasUsers(): Promise<boolean>;
  /** Comma list of the user's groups' default models; null: none of them has any. */
  groupDefaultModels(user: User): Promise<string | null>;
  /** Sign-in providers and their labels; the same object until they change. */
  loginProviders(): Readonly<Record<string, string>>;
  onError(error: unknown): void;
}

/** Users whose groups have default models of their own share an answer per list; more lists than this are not kept. */
const MAX_KEPT = 200;

/** `GET /api/config`: what the web client must know before and after sign-in (configuration note, 4), as kept bytes. */
export function createClientConfig(deps: ClientConfigDeps): (request: FastifyRequest) => Promise<JsonText> {
  let kept = new Map<string, JsonText>();
  let version = -1;
  let providers: unknown;
  let usersSeen = false;

  function answer(variant: string, build: () => object): JsonText {
    const now = deps.loginProviders();
    if (version !== deps.config.version || providers !== now || kept.size > MAX_KEPT) {
      kept = new Map();
      version = deps.config.version;
      providers = now;
    }
    let text = kept.get(variant);
    if (!text) {
      text = new JsonText(Buffer.from(JSON.stringify(build())));
      kept.set(variant, text);
    }
    return text;
  }

  async function anonymous(): Promise<JsonText> {
    usersSeen ||= await deps.hasUsers();
    return usersSeen
      ? answer('anonymous', () => base(deps, null))
      : answer('onboarding', () => ({ onboarding: true, ...base(deps, null) }));
  }

  async function ofUser(user: User): Promise<JsonText> {
    if (user.role !== 'admin' && user.role !== 'user') return answer('pending', () => pendingConfig(deps, user));
    const models = await defaultModels(deps, user);
    // The permissions shown are the installation's, so users and administrators get the same.
    return answer(`user:${models}`, () => ({ ...base(deps, user), ...memberConfig(deps, models) }));
  }

  return async (request) => {
    const user = await caller(deps, request);
    if (!user) return anonymous();
    usersSeen = true;
    return ofUser(user);
  };
}

/**
 * Only a session token counts here, and one that is refused is none, also when its account is gone: the client would show an error in
 * place of the sign-in page.
 */
async function caller(deps: ClientConfigDeps, request: FastifyRequest): Promise<User | null> {
  const parts = (request.headers.authorization ?? '').split(' ');
  // A gateway's own password names nobody here.
  const named = parts.length === 2 && parts[0]?.toLowerCase() !== 'basic' ? parts[1] : '';
  const token = named || request.cookies.token;
  if (!token || token.startsWith('sk-')) return null;
  try {
    return (await deps.session(token)).user;
  } catch (error) {
    if (!(error instanceof HttpError) || error.status >= 500) throw error;
    return null;
  }
}

async function defaultModels(deps: ClientConfigDeps, user: User): Promise<string | null> {
  try {
    return (await deps.groupDefaultModels(user)) ?? deps.config.get('ui.default_models');
  } catch (error) {
    deps.onError(error);
    return deps.config.get('ui.default_models');
  }
}

function base({ settings, config, version, loginProviders }: ClientConfigDeps, user: User | null) {
  return {
    status: true,
    name: productName(settings),
    version,
    default_locale: settings.get('DEFAULT_LOCALE'),
    i18n: config.get('ui.i18n'),
    oauth: {
      providers: config.get('oauth.enable') ? loginProviders() : {},
      auto_redirect: config.get('oauth.auto_redirect'),
    },
    features: { ...publicFeatures(settings, config), ...(user ? accountFeatures(settings, config) : {}) },
  };
}

function pendingConfig(deps: ClientConfigDeps, user: User) {
  const { config } = deps;
  return {
    ...base(deps, user),
    ui: {
      pending_user_overlay_title: config.get('ui.pending_user_overlay_title'),
      pending_user_overlay_content: config.get('ui.pending_user_overlay_content'),
    },
  };
}

function memberConfig({ settings, config }: ClientConfigDeps, models: string | null) {
  return {
    default_models: models,
    default_pinned_models: config.get('ui.default_pinned_models'),
    default_prompt_suggestions: config.get('ui.prompt_suggestions'),
    default_prompt_suggestions_i18n: config.get('ui.prompt_suggestions_i18n'),
    code: {
      engine: config.get('code_execution.engine'),
      interpreter_engine: config.get('code_interpreter.engine'),
    },
    audio: {
      realtime: {
        enabled: config.get('audio.realtime.enabled'),
        model: config.get('audio.realtime.model'),
        voice: config.get('audio.realtime.voice'),
      },
      tts: {
        engine: config.get('audio.tts.engine'),
        voice: config.get('audio.tts.voice'),
        split_on: config.get('audio.tts.split_on'),
      },
      stt: { engine: config.get('audio.stt.engine') },
    },
    file: {
      max_size: config.get('rag.file.max_size'),
      max_count: config.get('rag.file.max_count'),
      image_compression: {
        width: config.get('file.image_compression_width'),
        height: config.get('file.image_compression_height'),
      },
    },
    permissions: config.get('user.permissions'),
    google_drive: {
      client_id: settings.get('GOOGLE_DRIVE_CLIENT_ID'),
      api_key: settings.get('GOOGLE_DRIVE_API_KEY'),
    },
    onedrive: {
      client_id_personal: settings.get('ONEDRIVE_CLIENT_ID_PERSONAL'),
      client_id_business: settings.get('ONEDRIVE_CLIENT_ID_BUSINESS'),
      sharepoint_url: settings.get('ONEDRIVE_SHAREPOINT_URL'),
      sharepoint_tenant_id: settings.get('ONEDRIVE_SHAREPOINT_TENANT_ID'),
    },
    ui: {
      default_interface_settings: config.get('ui.default_interface_settings'),
      visibility: config.get('ui.visibility'),
      pending_user_overlay_title: config.get('ui.pending_user_overlay_title'),
      pending_user_overlay_content: config.get('ui.pending_user_overlay_content'),
      response_watermark: config.get('ui.watermark'),
      iframe_csp: settings.get('IFRAME_CSP'),
    },
    license_metadata: null,
  };
}
