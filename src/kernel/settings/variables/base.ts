import { bool, int, optionalInt, optionalText, optionalUrl, path, text, url } from '../variable.ts';

export const launcher = {
  FROM_INIT_PY: bool(false, 'Accepted and ignored'),
  WEBUI_SECRET_KEY_LENGTH: int(24, 'Random bytes behind a newly made secret key', { min: 1 }),
  WEBUI_SECRET_KEY_FILE: path(
    '.webui_secret_key',
    'Name of the secret key file; a relative name is looked for in the working folder and the data folder',
  ),
  HOST: text('0.0.0.0', 'Address to listen on'),
  PORT: int(8080, 'Port to listen on; 0 takes a free one'),
  SPACE_ID: optionalText('Accepted and ignored'),
  SPACE_HOST: optionalText('Accepted and ignored'),
  ADMIN_USER_EMAIL: optionalText('Accepted and ignored'),
  ADMIN_USER_PASSWORD: optionalText('Accepted and ignored'),
  LD_LIBRARY_PATH: text('', 'Accepted and ignored'),
  FORWARDED_ALLOW_IPS: text(
    '',
    'Comma list of proxy addresses whose X-Forwarded-For/Proto headers are trusted; * trusts everyone; unset: loopback and private ones',
  ),
  UVICORN_WORKERS: int(1, 'Number of server processes; below 1 counts as 1', {
    invalid: 1,
    adjust: (count) => Math.max(1, count),
  }),
  UVICORN_WS_PER_MESSAGE_DEFLATE: bool(true, 'Offer compression of WebSocket messages'),
};

export const general = {
  DOCKER: bool(false, 'Marks a container build; no effect'),
  USE_SLIM_DOCKER: bool(
    false,
    'Slim build: no local ML, only sqlite/postgres, default vector store pgvector; reported as features.slim',
  ),
  USE_CUDA_DOCKER: bool(false, 'Use a GPU for local models where there is one'),
  ENV: text('dev', 'dev exposes /docs and /openapi.json; prod hides them and changes default Ollama URL resolution'),
  DEPLOYMENT_ID: text('', 'Returned by /api/version; a change makes open browser tabs reload'),
  INSTANCE_ID: text({ computed: 'a random UUID' }, 'Identifier of this process; random UUID when unset'),
  ENABLE_DB_MIGRATIONS: bool(true, 'Run schema migrations to head while starting'),
  ENABLE_ORJSON: bool(true, 'Accepted and ignored'),
  THREAD_POOL_SIZE: optionalInt(null, 'Number of worker threads; unset or <= 0 = by processor count', {
    adjust: (size) => (size > 0 ? size : null),
  }),
  THREAD_POOL_THREAD_NAME_PREFIX: text('', 'Accepted and ignored'),
  SAFE_MODE: bool(false, 'Deactivate every function at start'),
  ENABLE_EASTER_EGGS: bool(true, 'features.enable_easter_eggs in /api/config'),
  ENABLE_VERSION_UPDATE_CHECK: bool(
    true,
    'Allow /api/version/updates to query the release feed; forced off in offline mode',
  ),
  OFFLINE_MODE: bool(false, 'No model auto-updates, no version check; sets HF_HUB_OFFLINE=1'),
  HF_HUB_OFFLINE: optionalText('Set to 1 by the server in offline mode; read by the model hub client'),
  TZ: optionalText('Server time zone name used when grouping message statistics by day'),
  USER_AGENT: text('', 'User-Agent header for web page fetches'),
  WEBUI_URL: url('', 'Public base URL; used in OpenSearch, OAuth redirects, links and webhooks', { key: 'webui.url' }),
  SHUTDOWN_GRACE: int(
    25,
    'Seconds in which running answers may finish when the server is told to end; alone at most 4, what is not finished then is kept as it is',
    { min: 0 },
  ),
};

export const branding = {
  WEBUI_NAME: text('Open WebUI', 'Product name; any value other than the default gets the suffix " (Open WebUI)"'),
  CUSTOM_NAME: text('', 'Accepted and ignored: nothing is fetched from the vendor'),
  WEBUI_BUILD_HASH: text('dev-build', 'Build commit printed in the start banner when not dev-build'),
  EXTERNAL_PWA_MANIFEST_URL: optionalUrl('/manifest.json returns the JSON fetched from this URL'),
  LICENSE_KEY: text('', 'Accepted and ignored: no licence server is called'),
  LICENSE_BLOB_PATH: path({ inDataDir: 'l.data' }, 'Accepted and ignored'),
  LICENSE_PUBLIC_KEY: text('', 'Accepted and ignored'),
  TRUSTED_SIGNATURE_KEY: text('', 'Accepted and ignored'),
  RESPONSE_WATERMARK: text('', 'Text appended by the UI to copied responses', { key: 'ui.watermark' }),
};

export const paths = {
  DATA_DIR: path({ computed: '`data` beside the program' }, 'Root of all writable data'),
  STATIC_DIR: path(
    { inDataDir: 'static' },
    "Folder whose files are laid over the web client's /static; nothing in it is deleted",
  ),
  FRONTEND_BUILD_DIR: path(
    { computed: 'the installed web client' },
    'Folder of the built web client; without one only the API is served',
  ),
  TIKTOKEN_CACHE_DIR: path({ inDataDir: 'cache/tiktoken' }, 'Tokenizer file cache'),
};

export const config = {
  RESET_CONFIG_ON_START: bool(false, 'Delete every config row at start, then reseed from the environment'),
  ENABLE_PERSISTENT_CONFIG: bool(
    true,
    'When false the config table is neither read nor written; environment values win',
  ),
  ENABLE_OAUTH_PERSISTENT_CONFIG: bool(false, 'When true keys under oauth. are persisted like the others'),
};
