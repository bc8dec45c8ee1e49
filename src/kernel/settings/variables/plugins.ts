import { args, bool, float, int, jsonList, jsonObject, optionalInt, semicolons, text, url } from '../variable.ts';

export const plugins = {
  ENABLE_PLUGINS: bool(true, 'Master switch for tools, functions and tool servers'),
  ENABLE_TOOLS: bool(true, 'Python tools (needs ENABLE_PLUGINS)'),
  ENABLE_FUNCTIONS: bool(true, 'Functions (needs ENABLE_PLUGINS)'),
  ENABLE_TOOL_SERVERS: bool(true, 'External tool and terminal servers (needs ENABLE_PLUGINS)'),
  ENABLE_PIP_INSTALL_FRONTMATTER_REQUIREMENTS: bool(true, 'Install packages named in plugin front matter'),
  PIP_OPTIONS: args([], 'Extra options for the package installer'),
  PIP_PACKAGE_INDEX_OPTIONS: args([], 'Extra index options for the package installer'),
  ENABLE_KB_EXEC: bool(false, 'Give models the knowledge shell tool instead of separate knowledge tools'),
  KB_EXEC_MAX_OUTPUT_CHARS: int(30000, 'Max output of one knowledge shell call'),
  KB_EXEC_MAX_GREP_FILES: int(200, 'Max files one knowledge grep scans'),
  KNOWLEDGE_GREP_MAX_MATCHES: int(50, 'Max lines a knowledge grep returns'),
  VIEW_FILE_MAX_CHARS: int(100000, 'Upper limit of characters returned by file view tools'),
  VIEW_FILE_DEFAULT_MAX_CHARS: int(10000, 'Default characters returned by file view tools'),
};

export const connections = {
  ENABLE_DIRECT_CONNECTIONS: bool(false, 'Users may add their own model endpoints in the browser', {
    key: 'direct.enable',
  }),
  ENABLE_DIRECT_INTEGRATIONS: bool(false, 'Users may add their own tool servers in the browser', {
    key: 'direct.integrations.enable',
  }),
  TOOL_SERVER_CONNECTIONS: jsonList([], 'JSON list of tool servers; invalid = []', {
    key: 'tool_server.connections',
    invalid: [],
  }),
  TERMINAL_SERVER_CONNECTIONS: jsonList([], 'JSON list of terminal servers; invalid JSON aborts start', {
    key: 'terminal_server.connections',
  }),
  TERMINAL_PROXY_HEADERS: jsonObject({}, 'JSON object of headers forced on proxied terminal responses', {
    invalid: {},
  }),
  ENABLE_OLLAMA_API: bool(true, 'Use Ollama servers', { key: 'ollama.enable' }),
  OLLAMA_API_BASE_URL: url(
    'http://localhost:11434/api',
    'Old form of the Ollama URL ending in /api; used when OLLAMA_BASE_URL is empty',
    { key: 'ollama.base_urls' },
  ),
  OLLAMA_BASE_URL: url('', 'Ollama URL; /ollama or empty triggers port probing 11434 then 12434', {
    key: 'ollama.base_urls',
  }),
  OLLAMA_BASE_URLS: semicolons([], 'Semicolon list of Ollama URLs; overrides OLLAMA_BASE_URL', {
    key: 'ollama.base_urls',
  }),
  OLLAMA_API_CONFIGS: jsonObject({}, 'JSON object of per-connection options keyed by index', {
    key: 'ollama.api_configs',
    invalid: {},
  }),
  K8S_FLAG: text('', 'In prod: use the in-cluster Ollama service URL'),
  USE_OLLAMA_DOCKER: bool(false, 'In prod: Ollama runs in the same container (localhost:11434)'),
  ENABLE_OPENAI_API: bool(true, 'Use OpenAI-compatible servers', { key: 'openai.enable' }),
  OPENAI_API_KEY: text('', 'Single key used when OPENAI_API_KEYS is empty', { key: 'openai.api_keys' }),
  OPENAI_API_BASE_URL: url('', 'Single URL used when OPENAI_API_BASE_URLS is empty', { key: 'openai.api_base_urls' }),
  OPENAI_API_KEYS: semicolons([], 'Semicolon list of keys', { key: 'openai.api_keys' }),
  OPENAI_API_BASE_URLS: semicolons([], 'Semicolon list of URLs; an empty item means the OpenAI public URL', {
    key: 'openai.api_base_urls',
  }),
  OPENAI_API_CONFIGS: jsonObject({}, 'JSON object of per-connection options keyed by index', {
    key: 'openai.api_configs',
    invalid: {},
  }),
  GEMINI_API_KEY: text('', 'Default key for the image engine gemini'),
  GEMINI_API_BASE_URL: url('', 'Default URL for the image engine gemini'),
  ENABLE_OPENAI_API_PASSTHROUGH: bool(false, 'Open the catch-all OpenAI proxy route'),
};

export const models = {
  ENABLE_BASE_MODELS_CACHE: bool(false, 'Keep the upstream model list in memory and preload it at start', {
    key: 'models.base_models_cache',
  }),
  MODELS_CACHE_TTL: optionalInt(1, 'Seconds upstream model lists are cached; empty = until they are refreshed', {
    empty: null,
  }),
  PROVIDER_FIRST_BYTE_TIMEOUT: optionalInt(
    null,
    'Seconds until the first word of a streamed answer, else until its head; unset = no limit',
  ),
  PROVIDER_RETRIES: int(
    0,
    'How often a request goes out again after 408, 425, 429, 5xx or a broken connection, before the first word',
    {
      min: 0,
    },
  ),
  PROVIDER_RETRY_DELAY: float(
    0.5,
    'Seconds before the first of these; each further wait is twice as long; Retry-After counts',
    {
      min: 0,
    },
  ),
  PROVIDER_FALLBACK: bool(false, 'Let another connection that lists the same model take over from one that fails'),
  PROVIDER_REST_AFTER: int(0, 'Failures in a row after which a connection is not asked for a while; 0 = never', {
    min: 0,
  }),
  PROVIDER_REST: int(30, 'Seconds of this rest', { min: 1 }),
  ENABLE_GUIDE_MODEL: bool(true, 'Offer a built-in model that says how to connect one while there is no other'),
  MODEL_ORDER_LIST: jsonList([], 'JSON list of model ids in display order', {
    key: 'ui.model_order_list',
    invalid: [],
  }),
  DEFAULT_MODEL_METADATA: jsonObject({}, "JSON object merged into every model's metadata", {
    key: 'models.default_metadata',
    invalid: {},
  }),
  DEFAULT_MODEL_PARAMS: jsonObject({}, "JSON object merged under every model's parameters", {
    key: 'models.default_params',
    invalid: {},
  }),
  ENABLE_CUSTOM_MODEL_FALLBACK: bool(false, "Use the first default model when a preset's base model is gone"),
};
