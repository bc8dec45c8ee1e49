import { bool, object, objects, texts } from '../config-key.ts';

export const connectionsKeys = {
  'openai.enable': bool('ENABLE_OPENAI_API'),
  'openai.api_keys': texts('OPENAI_API_KEYS'),
  'openai.api_base_urls': texts('OPENAI_API_BASE_URLS'),
  'openai.api_configs': object('OPENAI_API_CONFIGS'),
  'ollama.enable': bool('ENABLE_OLLAMA_API'),
  'ollama.base_urls': texts('OLLAMA_BASE_URLS'),
  'ollama.api_configs': object('OLLAMA_API_CONFIGS'),
  'direct.enable': bool('ENABLE_DIRECT_CONNECTIONS'),
  'direct.integrations.enable': bool('ENABLE_DIRECT_INTEGRATIONS'),
  'models.base_models_cache': bool('ENABLE_BASE_MODELS_CACHE'),
  'models.default_metadata': object('DEFAULT_MODEL_METADATA'),
  'models.default_params': object('DEFAULT_MODEL_PARAMS'),
  'tool_server.connections': objects('TOOL_SERVER_CONNECTIONS'),
  'terminal_server.connections': objects('TERMINAL_SERVER_CONNECTIONS'),
};
