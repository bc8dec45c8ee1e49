import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Default, Dict, List, Nullable, OneOf, Optional, Str, shape } from '../../kernel/http/shapes.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { announce, type EventSink, field, formShape, formValues, readForm } from '../configuration/index.ts';

const optional = { text: Optional(Nullable(Str())), object: Optional(Nullable(Dict())), texts: Optional(List(Str())) };

const ttsForm = {
  OPENAI_API_BASE_URL: field('audio.tts.openai.api_base_url', Str()),
  OPENAI_API_KEY: field('audio.tts.openai.api_key', Str()),
  OPENAI_PARAMS: field('audio.tts.openai.params', optional.object),
  API_KEY: field('audio.tts.api_key', Str()),
  ENGINE: field('audio.tts.engine', Str()),
  MODEL: field('audio.tts.model', Str()),
  VOICE: field('audio.tts.voice', Str()),
  REALTIME_TTS_PROMPT_TEMPLATE: field('audio.tts.realtime.prompt_template', optional.text),
  SPLIT_ON: field('audio.tts.split_on', Str()),
  AZURE_SPEECH_REGION: field('audio.tts.azure.speech_region', Str()),
  AZURE_SPEECH_BASE_URL: field('audio.tts.azure.speech_base_url', Str()),
  AZURE_SPEECH_OUTPUT_FORMAT: field('audio.tts.azure.speech_output_format', Str()),
  MISTRAL_API_KEY: field('audio.tts.mistral.api_key', Str()),
  MISTRAL_API_BASE_URL: field('audio.tts.mistral.api_base_url', Str()),
};

const sttForm = {
  OPENAI_API_BASE_URL: field('audio.stt.openai.api_base_url', Str()),
  OPENAI_API_KEY: field('audio.stt.openai.api_key', Str()),
  OPENAI_API_REQUEST_FORMAT: field('audio.stt.openai.api_request_format', Optional(Str())),
  ENGINE: field('audio.stt.engine', Str()),
  MODEL: field('audio.stt.model', Str()),
  SUPPORTED_CONTENT_TYPES: field('audio.stt.supported_content_types', optional.texts),
  ALLOWED_EXTENSIONS: field('audio.stt.allowed_extensions', optional.texts),
  WHISPER_MODEL: field('audio.stt.whisper_model', Str()),
  DEEPGRAM_API_KEY: field('audio.stt.deepgram.api_key', Str()),
  AZURE_API_KEY: field('audio.stt.azure.api_key', Str()),
  AZURE_REGION: field('audio.stt.azure.region', Str()),
  AZURE_LOCALES: field('audio.stt.azure.locales', Str()),
  AZURE_BASE_URL: field('audio.stt.azure.base_url', Str()),
  AZURE_MAX_SPEAKERS: field('audio.stt.azure.max_speakers', Str()),
  MISTRAL_API_KEY: field('audio.stt.mistral.api_key', Str()),
  MISTRAL_API_BASE_URL: field('audio.stt.mistral.api_base_url', Str()),
  MISTRAL_USE_CHAT_COMPLETIONS: field('audio.stt.mistral.use_chat_completions', Bool()),
};

const name = { minLength: 1, maxLength: 200 };

const realtimeForm = {
  ENABLED: field('audio.realtime.enabled', Optional(Bool())),
  PROVIDER: field('audio.realtime.provider', Optional(OneOf('openai', 'azure'))),
  AUTH_TYPE: field('audio.realtime.auth_type', Optional(OneOf('api_key', 'microsoft_entra_id'))),
  OPENAI_API_BASE_URL: field('audio.realtime.openai.api_base_url', Optional(Str())),
  OPENAI_API_KEY: field('audio.realtime.openai.api_key', Optional(Str())),
  MODEL: field('audio.realtime.model', Optional(Str(name))),
  VOICE: field('audio.realtime.voice', Optional(Str(name))),
  TRANSCRIPTION_MODEL: field('audio.realtime.transcription_model', Optional(Str(name))),
  INPUT_PARAMS: field('audio.realtime.input_params', optional.object),
  REALTIME_CALL_PROMPT_TEMPLATE: field('audio.realtime.prompt_template', optional.text),
};

const AudioConfigUpdateForm = shape('AudioConfigUpdateForm', {
  tts: formShape('TTSConfigForm', ttsForm),
  stt: formShape('STTConfigForm', sttForm),
  realtime: Default(Nullable(formShape('RealtimeConfigForm', realtimeForm)), null),
});

/** The settings of speech, both ways, and of calls (providers note, 14.1). Engines are loaded on first use, not here. */
export function settingsRoutes(settings: Pick<Settings, 'get'>, config: Config, events: EventSink): Route[] {
  const shown = () => ({
    realtime: readForm(config, realtimeForm),
    tts: readForm(config, ttsForm),
    stt: readForm(config, sttForm),
  });
  return [
    route({ method: 'GET', url: '/api/v1/audio/config', access: admin, handler: shown }),
    route({
      method: 'POST',
      url: '/api/v1/audio/config/update',
      access: admin,
      body: AudioConfigUpdateForm,
      handler: async ({ body, user }) => {
        if (settings.get('USE_SLIM_DOCKER')) refuseLocal(config, body.tts.ENGINE, body.stt.ENGINE);
        await config.put({
          ...formValues(ttsForm, body.tts),
          ...formValues(sttForm, body.stt),
          ...formValues(realtimeForm, body.realtime ?? {}),
        });
        const values = shown();
        announce(events, 'config.updated', user, 'audio', {
          tts_engine: values.tts.ENGINE,
          stt_engine: values.stt.ENGINE,
        });
        return values;
      },
    }),
  ];
}

/** An installation that is to stay slim does not change to engines of its own. */
function refuseLocal(config: Config, tts: unknown, stt: unknown): void {
  const speaks = tts === 'transformers' && config.get('audio.tts.engine') !== tts;
  const hears = stt === '' && config.get('audio.stt.engine') !== stt;
  if (speaks || hears) throw new HttpError(400, 'This installation has no local engines. Choose an external one.');
}
