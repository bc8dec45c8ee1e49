import {
  bool,
  csv,
  int,
  jsonList,
  jsonObject,
  jsonText,
  optionalJsonObject,
  optionalText,
  path,
  pattern,
  text,
  url,
} from '../variable.ts';

export const images = {
  ENABLE_IMAGE_GENERATION: bool(false, 'Image generation', { key: 'image_generation.enable' }),
  IMAGE_GENERATION_ENGINE: text('openai', 'openai, comfyui, automatic1111 or gemini', {
    key: 'image_generation.engine',
  }),
  IMAGE_GENERATION_MODEL: text('', 'Image model', { key: 'image_generation.model' }),
  IMAGE_AUTO_SIZE_MODELS_REGEX_PATTERN: pattern('^gpt-image', 'Models that accept size auto', {
    invalid: /^gpt-image/u,
  }),
  IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN: pattern(
    '^gpt-image',
    'Models for which no base64 response format is requested',
    { invalid: /^gpt-image/u },
  ),
  IMAGE_SIZE: text('512x512', 'Default size WxH', { key: 'image_generation.size' }),
  IMAGE_STEPS: int(50, 'Default steps', { key: 'image_generation.steps' }),
  ENABLE_IMAGE_PROMPT_GENERATION: bool(true, 'Let a model write the image prompt', {
    key: 'image_generation.prompt.enable',
  }),
  AUTOMATIC1111_BASE_URL: url('', 'AUTOMATIC1111 URL', { key: 'image_generation.automatic1111.base_url' }),
  AUTOMATIC1111_API_AUTH: text('', 'AUTOMATIC1111 user:password', { key: 'image_generation.automatic1111.api_auth' }),
  AUTOMATIC1111_PARAMS: jsonObject({}, 'AUTOMATIC1111 JSON parameters', {
    key: 'image_generation.automatic1111.api_params',
    invalid: {},
  }),
  COMFYUI_BASE_URL: url('', 'ComfyUI URL', { key: 'image_generation.comfyui.base_url' }),
  COMFYUI_API_KEY: text('', 'ComfyUI key', { key: 'image_generation.comfyui.api_key' }),
  COMFYUI_WORKFLOW: jsonText('', 'ComfyUI workflow JSON as text', { key: 'image_generation.comfyui.workflow' }),
  COMFYUI_WORKFLOW_NODES: jsonList([], 'JSON list of workflow node mappings', {
    key: 'image_generation.comfyui.nodes',
    invalid: [],
  }),
  IMAGES_OPENAI_API_BASE_URL: url('https://api.openai.com/v1', 'OpenAI image URL', {
    key: 'image_generation.openai.api_base_url',
  }),
  IMAGES_OPENAI_API_VERSION: text('', 'OpenAI image api-version', { key: 'image_generation.openai.api_version' }),
  IMAGES_OPENAI_API_KEY: text({ computed: 'the key paired with https://api.openai.com/v1' }, 'OpenAI image key', {
    key: 'image_generation.openai.api_key',
  }),
  IMAGES_OPENAI_PARAMS: jsonObject({}, 'JSON parameters of OpenAI image calls', {
    key: 'image_generation.openai.params',
    invalid: {},
  }),
  IMAGES_GEMINI_API_BASE_URL: url({ from: 'GEMINI_API_BASE_URL' }, 'Gemini image URL', {
    key: 'image_generation.gemini.api_base_url',
  }),
  IMAGES_GEMINI_API_KEY: text({ from: 'GEMINI_API_KEY' }, 'Gemini image key', {
    key: 'image_generation.gemini.api_key',
  }),
  IMAGES_GEMINI_ENDPOINT_METHOD: text('', 'Gemini method: predict or generateContent', {
    key: 'image_generation.gemini.endpoint_method',
  }),
  ENABLE_IMAGE_EDIT: bool(false, 'Image editing', { key: 'images.edit.enable' }),
  IMAGE_EDIT_ENGINE: text('openai', 'Engine for editing', { key: 'images.edit.engine' }),
  IMAGE_EDIT_MODEL: text('', 'Model for editing', { key: 'images.edit.model' }),
  IMAGE_EDIT_SIZE: text('', 'Size for editing', { key: 'images.edit.size' }),
  ENABLE_OPENAI_IMAGE_EDIT_NORMALIZATION: bool(true, 'Convert input images before OpenAI edits'),
  IMAGES_EDIT_OPENAI_API_BASE_URL: url('https://api.openai.com/v1', 'OpenAI edit URL', {
    key: 'images.edit.openai.api_base_url',
  }),
  IMAGES_EDIT_OPENAI_API_VERSION: text('', 'OpenAI edit api-version', { key: 'images.edit.openai.api_version' }),
  IMAGES_EDIT_OPENAI_API_KEY: text({ computed: 'the key paired with https://api.openai.com/v1' }, 'OpenAI edit key', {
    key: 'images.edit.openai.api_key',
  }),
  IMAGES_EDIT_GEMINI_API_BASE_URL: url({ from: 'GEMINI_API_BASE_URL' }, 'Gemini edit URL', {
    key: 'images.edit.gemini.api_base_url',
  }),
  IMAGES_EDIT_GEMINI_API_KEY: text({ from: 'GEMINI_API_KEY' }, 'Gemini edit key', {
    key: 'images.edit.gemini.api_key',
  }),
  IMAGES_EDIT_COMFYUI_BASE_URL: url('', 'ComfyUI edit URL', { key: 'images.edit.comfyui.base_url' }),
  IMAGES_EDIT_COMFYUI_API_KEY: text('', 'ComfyUI edit key', { key: 'images.edit.comfyui.api_key' }),
  IMAGES_EDIT_COMFYUI_WORKFLOW: text('', 'ComfyUI edit workflow as text', { key: 'images.edit.comfyui.workflow' }),
  IMAGES_EDIT_COMFYUI_WORKFLOW_NODES: jsonList([], 'JSON list of edit node mappings', {
    key: 'images.edit.comfyui.nodes',
    invalid: [],
  }),
};

export const audio = {
  WHISPER_MODEL: text('base', 'Local Whisper model', { key: 'audio.stt.whisper_model' }),
  WHISPER_COMPUTE_TYPE: text('int8', 'Local Whisper compute type'),
  WHISPER_MODEL_DIR: path({ inDataDir: 'cache/whisper/models' }, 'Local Whisper model dir'),
  WHISPER_MODEL_AUTO_UPDATE: bool(false, 'Update local Whisper; off when offline'),
  WHISPER_VAD_FILTER: bool(false, 'Voice activity filter'),
  WHISPER_MULTILINGUAL: bool(false, 'Multilingual mode'),
  WHISPER_LANGUAGE: optionalText('Fixed language; empty = detect'),
  DEEPGRAM_API_KEY: text('', 'Deepgram key', { key: 'audio.stt.deepgram.api_key' }),
  DEEPGRAM_API_BASE_URL: url('https://api.deepgram.com/v1', 'Deepgram URL, for its other regions and own hosts'),
  ELEVENLABS_API_BASE_URL: url('https://api.elevenlabs.io', 'ElevenLabs URL'),
  BYPASS_PYDUB_PREPROCESSING: bool(false, 'Send audio upstream unconverted; always true in the slim build'),
  AUDIO_STT_OPENAI_API_BASE_URL: url('https://api.openai.com/v1', 'Speech-to-text OpenAI URL', {
    key: 'audio.stt.openai.api_base_url',
  }),
  AUDIO_STT_OPENAI_API_KEY: text(
    { computed: 'the key paired with https://api.openai.com/v1' },
    'Speech-to-text OpenAI key',
    { key: 'audio.stt.openai.api_key' },
  ),
  AUDIO_STT_OPENAI_API_REQUEST_FORMAT: text('multipart', 'multipart or json request body', {
    key: 'audio.stt.openai.api_request_format',
  }),
  AUDIO_STT_ENGINE: text('', 'Speech-to-text engine; empty = local Whisper', { key: 'audio.stt.engine' }),
  AUDIO_STT_MODEL: text('', 'Speech-to-text model', { key: 'audio.stt.model' }),
  AUDIO_STT_SUPPORTED_CONTENT_TYPES: csv([], 'Comma list of accepted content types; empty = default', {
    key: 'audio.stt.supported_content_types',
  }),
  AUDIO_STT_ALLOWED_EXTENSIONS: csv(
    ['mp3', 'wav', 'm4a', 'webm', 'ogg', 'flac', 'mp4', 'mpga', 'mpeg'],
    'Comma list of accepted extensions',
    { key: 'audio.stt.allowed_extensions' },
  ),
  AUDIO_STT_AZURE_API_KEY: text('', 'Azure speech key', { key: 'audio.stt.azure.api_key' }),
  AUDIO_STT_AZURE_REGION: text('', 'Azure speech region', { key: 'audio.stt.azure.region' }),
  AUDIO_STT_AZURE_LOCALES: text('', 'Azure locales', { key: 'audio.stt.azure.locales' }),
  AUDIO_STT_AZURE_BASE_URL: url('', 'Azure speech URL', { key: 'audio.stt.azure.base_url' }),
  AUDIO_STT_AZURE_MAX_SPEAKERS: text('', 'Azure max speakers', { key: 'audio.stt.azure.max_speakers' }),
  AUDIO_STT_MISTRAL_API_KEY: text('', 'Mistral speech-to-text key', { key: 'audio.stt.mistral.api_key' }),
  AUDIO_STT_MISTRAL_API_BASE_URL: url('https://api.mistral.ai/v1', 'Mistral speech-to-text URL', {
    key: 'audio.stt.mistral.api_base_url',
  }),
  AUDIO_STT_MISTRAL_USE_CHAT_COMPLETIONS: bool(false, 'Use chat completions for Mistral speech-to-text', {
    key: 'audio.stt.mistral.use_chat_completions',
  }),
  AUDIO_TTS_OPENAI_API_BASE_URL: url('https://api.openai.com/v1', 'Text-to-speech OpenAI URL', {
    key: 'audio.tts.openai.api_base_url',
  }),
  AUDIO_TTS_OPENAI_API_KEY: text(
    { computed: 'the key paired with https://api.openai.com/v1' },
    'Text-to-speech OpenAI key',
    { key: 'audio.tts.openai.api_key' },
  ),
  AUDIO_TTS_OPENAI_PARAMS: jsonObject({}, 'JSON parameters of OpenAI text-to-speech', {
    key: 'audio.tts.openai.params',
    invalid: {},
  }),
  AUDIO_TTS_API_KEY: text('', 'Key of other text-to-speech engines', { key: 'audio.tts.api_key' }),
  AUDIO_TTS_ENGINE: text('', 'Text-to-speech engine; empty = browser', { key: 'audio.tts.engine' }),
  AUDIO_TTS_MODEL: text('tts-1', 'Text-to-speech model', { key: 'audio.tts.model' }),
  AUDIO_TTS_VOICE: text('alloy', 'Voice', { key: 'audio.tts.voice' }),
  AUDIO_TTS_SPLIT_ON: text('punctuation', 'punctuation, paragraphs or none', { key: 'audio.tts.split_on' }),
  AUDIO_TTS_AZURE_SPEECH_REGION: text('', 'Azure speech region', { key: 'audio.tts.azure.speech_region' }),
  AUDIO_TTS_AZURE_SPEECH_BASE_URL: url('', 'Azure speech URL', { key: 'audio.tts.azure.speech_base_url' }),
  AUDIO_TTS_AZURE_SPEECH_OUTPUT_FORMAT: text('audio-24khz-160kbitrate-mono-mp3', 'Azure output format', {
    key: 'audio.tts.azure.speech_output_format',
  }),
  AUDIO_TTS_MISTRAL_API_KEY: text('', 'Mistral text-to-speech key', { key: 'audio.tts.mistral.api_key' }),
  AUDIO_TTS_MISTRAL_API_BASE_URL: url('https://api.mistral.ai/v1', 'Mistral text-to-speech URL', {
    key: 'audio.tts.mistral.api_base_url',
  }),
  REALTIME_TTS_PROMPT_TEMPLATE: optionalText('Prompt of realtime text-to-speech; unset = built-in', {
    key: 'audio.tts.realtime.prompt_template',
  }),
  AUDIO_REALTIME_ENABLED: bool(false, 'Realtime voice calls', { key: 'audio.realtime.enabled' }),
  AUDIO_REALTIME_PROVIDER: text('openai', 'Realtime provider', { key: 'audio.realtime.provider' }),
  AUDIO_REALTIME_AUTH_TYPE: text('api_key', 'Realtime auth type', { key: 'audio.realtime.auth_type' }),
  AUDIO_REALTIME_OPENAI_API_BASE_URL: url('https://api.openai.com/v1', 'Realtime URL', {
    key: 'audio.realtime.openai.api_base_url',
  }),
  AUDIO_REALTIME_OPENAI_API_KEY: text('', 'Realtime key', { key: 'audio.realtime.openai.api_key' }),
  AUDIO_REALTIME_MODEL: text('gpt-realtime-2.1-mini', 'Realtime model', { key: 'audio.realtime.model' }),
  AUDIO_REALTIME_VOICE: text('marin', 'Realtime voice', { key: 'audio.realtime.voice' }),
  AUDIO_REALTIME_TRANSCRIPTION_MODEL: text('gpt-transcribe', 'Realtime transcription model', {
    key: 'audio.realtime.transcription_model',
  }),
  AUDIO_REALTIME_INPUT_PARAMS: optionalJsonObject('JSON object of input options; not an object = null', {
    key: 'audio.realtime.input_params',
    invalid: null,
  }),
  REALTIME_CALL_PROMPT_TEMPLATE: optionalText('Prompt of realtime calls; unset = built-in', {
    key: 'audio.realtime.prompt_template',
  }),
};
