import { bool, csv, float, int, optionalFloat, optionalInt, optionalText, text, url } from '../variable.ts';

export const database = {
  DATABASE_URL: url(
    { computed: '`sqlite:///<DATA_DIR>/webui.db`' },
    'Main database URL; postgres:// is rewritten to postgresql://',
  ),
  DATABASE_TYPE: optionalText('Scheme part when the URL is assembled from parts'),
  DATABASE_USER: optionalText('User part of the assembled URL'),
  DATABASE_PASSWORD: optionalText('Password part of the assembled URL'),
  DATABASE_HOST: optionalText('Host part of the assembled URL'),
  DATABASE_PORT: optionalInt(null, 'Port part of the assembled URL'),
  DATABASE_NAME: optionalText('Database part of the assembled URL'),
  DATABASE_SCHEMA: optionalText('PostgreSQL schema that holds all tables and the version table'),
  DATABASE_ENABLE_IAM_TOKEN_AUTH: bool(false, 'Use short-lived AWS RDS IAM tokens as the PostgreSQL password'),
  DATABASE_POOL_SIZE: optionalInt(null, 'Most connections; unset = default, 0 = one per use', { invalid: null }),
  DATABASE_POOL_MAX_OVERFLOW: int(0, 'Extra connections above the pool size', { invalid: 0 }),
  DATABASE_POOL_TIMEOUT: int(30, 'Seconds to wait for a pooled connection', { invalid: 30 }),
  DATABASE_POOL_RECYCLE: int(3600, 'Seconds after which a pooled connection is replaced', { invalid: 3600 }),
  DATABASE_ENABLE_SQLITE_WAL: bool(true, 'journal_mode WAL, else DELETE'),
  DATABASE_SQLITE_PRAGMA_SYNCHRONOUS: text('NORMAL', 'PRAGMA synchronous; empty string skips it'),
  DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT: text('5000', 'PRAGMA busy_timeout in ms; empty string skips it'),
  DATABASE_SQLITE_PRAGMA_CACHE_SIZE: text('-65536', 'PRAGMA cache_size, negative = KiB; empty string skips it'),
  DATABASE_SQLITE_PRAGMA_TEMP_STORE: text('MEMORY', 'PRAGMA temp_store; empty string skips it'),
  DATABASE_SQLITE_PRAGMA_MMAP_SIZE: text('268435456', 'PRAGMA mmap_size in bytes; empty string skips it'),
  DATABASE_SQLITE_PRAGMA_JOURNAL_SIZE_LIMIT: text(
    '67108864',
    'PRAGMA journal_size_limit in bytes; empty string skips it',
  ),
  DATABASE_USER_ACTIVE_STATUS_UPDATE_INTERVAL: float(
    60,
    'Min seconds between last_active_at writes per user and process; 0 removes the throttle',
  ),
  DATABASE_ENABLE_SESSION_SHARING: bool(false, 'Accepted and ignored'),
  ENABLE_REALTIME_CHAT_SAVE: bool(false, 'Write streamed chat content to the database while it streams'),
  ENABLE_QUERIES_CACHE: bool(false, 'Reuse generated search queries within one chat turn'),
  ENABLE_VALVE_ENCRYPTION: bool(false, 'Encrypt tool/function valve values at rest'),
};

export const redis = {
  REDIS_URL: url('', 'Redis for revocation, tasks, caches and rate limits; empty disables'),
  REDIS_CLUSTER: bool(false, 'Treat REDIS_URL as a cluster entry point'),
  REDIS_KEY_PREFIX: text('open-webui', 'Prefix of every key and channel'),
  REDIS_RESPONSE_STREAM_TTL: int(3600, 'Seconds a stored response stream is kept'),
  REDIS_TASK_TTL: int(300, 'Seconds a task marker lives without heartbeat; 0 never expires; 1-59 becomes 300', {
    adjust: (seconds) => (seconds > 0 && seconds < 60 ? 300 : seconds),
  }),
  REDIS_SENTINEL_HOSTS: csv([], 'Comma list of sentinel hosts; enables sentinel mode'),
  REDIS_SENTINEL_PORT: int(26379, 'Port of every sentinel'),
  REDIS_SENTINEL_MAX_RETRY_COUNT: int(2, 'Attempts per command in sentinel mode; below 1 becomes 2', {
    adjust: (count) => (count < 1 ? 2 : count),
  }),
  REDIS_SOCKET_CONNECT_TIMEOUT: optionalFloat(null, 'Connect timeout in seconds; unset = client default'),
  REDIS_SOCKET_TIMEOUT: optionalFloat(null, 'Read/write timeout in seconds; unset = client default'),
  REDIS_SOCKET_KEEPALIVE: bool(false, 'TCP keepalive on Redis sockets'),
  REDIS_HEALTH_CHECK_INTERVAL: optionalInt(null, 'Ping idle pooled connections after this many seconds; <=0 disables', {
    adjust: (seconds) => (seconds > 0 ? seconds : null),
  }),
  REDIS_RECONNECT_DELAY: optionalFloat(null, 'Milliseconds to wait before a sentinel retry; negative disables', {
    adjust: (delay) => (delay < 0 ? null : delay),
  }),
};
