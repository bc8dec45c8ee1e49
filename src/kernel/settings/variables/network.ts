import {
  bool,
  boolOrPath,
  csv,
  int,
  jsonObject,
  optionalInt,
  optionalPath,
  optionalText,
  semicolons,
  text,
  url,
} from '../variable.ts';

export const websocket = {
  ENABLE_WEBSOCKET_SUPPORT: bool(true, 'true = websocket transport only; false = polling only and no upgrades'),
  WEBSOCKET_MANAGER: text('', 'redis shares Socket.IO rooms and pools between processes; anything else is in-memory'),
  WEBSOCKET_REDIS_OPTIONS: jsonObject(
    { socket_timeout: null },
    'JSON client options for the Socket.IO manager; socket_timeout null is always added',
    { invalid: {} },
  ),
  WEBSOCKET_REDIS_URL: url({ from: 'REDIS_URL' }, 'Redis for Socket.IO'),
  WEBSOCKET_REDIS_CLUSTER: bool({ from: 'REDIS_CLUSTER' }, 'Cluster mode for the Socket.IO Redis'),
  WEBSOCKET_REDIS_ROOM_CHANNELS: bool(true, 'Publish room emits on per-room channels; must be equal on all instances'),
  WEBSOCKET_REDIS_LOCK_TIMEOUT: int(60, 'Seconds for cleanup and presence locks'),
  WEBSOCKET_SENTINEL_HOSTS: csv([], 'Comma list of sentinel hosts for the Socket.IO Redis'),
  WEBSOCKET_SENTINEL_PORT: int(26379, 'Sentinel port for the Socket.IO Redis'),
  WEBSOCKET_SERVER_LOGGING: bool(false, 'Verbose Socket.IO log'),
  WEBSOCKET_SERVER_ENGINEIO_LOGGING: bool({ from: 'WEBSOCKET_SERVER_LOGGING' }, 'Verbose Engine.IO log'),
  WEBSOCKET_SERVER_PING_TIMEOUT: int(20, 'Engine.IO ping timeout in seconds'),
  WEBSOCKET_SERVER_PING_INTERVAL: int(25, 'Engine.IO ping interval in seconds'),
  WEBSOCKET_HEARTBEAT_INTERVAL: optionalInt(
    null,
    'Client heartbeat seconds clamped to 5..90 (invalid = 30); announced in /api/config when set',
    { invalid: 30, adjust: (seconds) => Math.min(90, Math.max(5, seconds)) },
  ),
  WEBSOCKET_EVENT_CALLER_TIMEOUT: optionalInt(
    null,
    'Seconds to wait for a browser answer to an event call; invalid = 300; unset = no limit',
    { invalid: 300 },
  ),
};

export const httpClient = {
  AIOHTTP_CLIENT_SSL_CERT_FILE: optionalPath('CA bundle used wherever TLS verification is on'),
  REQUESTS_VERIFY: bool(true, 'Verify TLS in blocking HTTP calls (external reranker, external loader)'),
  AIOHTTP_CLIENT_TIMEOUT: optionalInt(null, 'Total seconds for upstream calls; unset = none; invalid = 300', {
    invalid: 300,
  }),
  AIOHTTP_CLIENT_STREAM_IDLE_TIMEOUT: optionalInt(
    null,
    'Max seconds between chunks of an upstream stream; <=0 or invalid = none',
    { invalid: null, adjust: (seconds) => (seconds > 0 ? seconds : null) },
  ),
  AIOHTTP_CLIENT_SESSION_SSL: boolOrPath(true, 'true, false, or path of a CA bundle for upstream TLS'),
  AIOHTTP_CLIENT_ALLOW_REDIRECTS: bool(false, 'Follow 3xx answers in outbound calls'),
  AIOHTTP_CLIENT_ASYNC_DNS_RESOLVER: bool(false, 'Use the c-ares resolver'),
  AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST: optionalInt(10, 'Seconds to fetch a model list; empty = none', {
    aliases: ['AIOHTTP_CLIENT_TIMEOUT_OPENAI_MODEL_LIST'],
    empty: null,
  }),
  AIOHTTP_CLIENT_TIMEOUT_OPENAI_MODEL_LIST: optionalInt(10, 'Older name of AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST', {
    empty: null,
  }),
  AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA: optionalInt(10, 'Seconds to fetch a tool server spec; empty = none', {
    empty: null,
  }),
  AIOHTTP_FILE_STREAM_CHUNK_SIZE: int(1048576, 'Chunk bytes when streaming files upstream; <=0 = default', {
    adjust: (bytes) => (bytes > 0 ? bytes : 1_048_576),
  }),
  AIOHTTP_CLIENT_SESSION_TOOL_SERVER_SSL: boolOrPath(true, 'true, false, or CA bundle path for tool server TLS'),
  AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER: optionalInt(
    { from: 'AIOHTTP_CLIENT_TIMEOUT' },
    'Seconds for a tool call; empty or invalid = AIOHTTP_CLIENT_TIMEOUT',
  ),
  MCP_INITIALIZE_TIMEOUT: int(10, 'Seconds for each MCP request other than a tool call'),
  AIOHTTP_POOL_CONNECTIONS: optionalInt(null, 'Total outbound connections; unset = unlimited'),
  AIOHTTP_POOL_CONNECTIONS_PER_HOST: optionalInt(null, 'Outbound connections per host; unset = unlimited'),
  AIOHTTP_POOL_DNS_TTL: int(300, 'DNS cache seconds; negative = 300', {
    adjust: (seconds) => (seconds < 0 ? 300 : seconds),
  }),
};

export const server = {
  ENABLE_COMPRESSION_MIDDLEWARE: bool(true, 'Compress responses (zstd, br, gzip)'),
  CORS_ALLOW_ORIGIN: semicolons(
    ['*'],
    'Semicolon list of allowed origins, or *; invalid entry aborts start; also used by Socket.IO',
  ),
  CORS_ALLOW_CUSTOM_SCHEME: semicolons([], 'Semicolon list of extra URL schemes accepted in CORS_ALLOW_ORIGIN'),
  IFRAME_CSP: text('', 'CSP string handed to the UI for embedded frames (ui.iframe_csp)'),
  ENABLE_STAR_SESSIONS_MIDDLEWARE: bool(false, 'Keep the short OAuth session in Redis instead of a signed cookie'),
};

export const securityHeaders = {
  CACHE_CONTROL: optionalText('Cache-Control response header; invalid = no-store, max-age=0'),
  HSTS: optionalText('Strict-Transport-Security; invalid = max-age=31536000;includeSubDomains'),
  PERMISSIONS_POLICY: optionalText('Permissions-Policy; invalid = none'),
  REFERRER_POLICY: optionalText('Referrer-Policy; invalid = no-referrer'),
  XCONTENT_TYPE: optionalText('X-Content-Type-Options; always nosniff when set'),
  XDOWNLOAD_OPTIONS: optionalText('X-Download-Options; always noopen when set'),
  XFRAME_OPTIONS: optionalText('X-Frame-Options DENY or SAMEORIGIN; invalid = DENY'),
  XPERMITTED_CROSS_DOMAIN_POLICIES: optionalText('X-Permitted-Cross-Domain-Policies; invalid = none'),
  CONTENT_SECURITY_POLICY: optionalText('Content-Security-Policy, taken as is'),
  CONTENT_SECURITY_POLICY_REPORT_ONLY: optionalText('Content-Security-Policy-Report-Only, taken as is'),
  CROSS_ORIGIN_EMBEDDER_POLICY: optionalText('Cross-Origin-Embedder-Policy; invalid = require-corp'),
  CROSS_ORIGIN_OPENER_POLICY: optionalText('Cross-Origin-Opener-Policy; invalid = same-origin'),
  CROSS_ORIGIN_RESOURCE_POLICY: optionalText('Cross-Origin-Resource-Policy; invalid = same-origin'),
  REPORTING_ENDPOINTS: optionalText('Reporting-Endpoints, taken as is'),
};

export const forwardHeaders = {
  ENABLE_FORWARD_USER_INFO_HEADERS: bool(false, 'Send user identity headers to upstream services'),
  FORWARD_USER_INFO_HEADER_USER_NAME: text('X-OpenWebUI-User-Name', 'Header name for the (URL-quoted) user name'),
  FORWARD_USER_INFO_HEADER_USER_ID: text('X-OpenWebUI-User-Id', 'Header name for the user id'),
  FORWARD_USER_INFO_HEADER_USER_EMAIL: text('X-OpenWebUI-User-Email', 'Header name for the user email'),
  FORWARD_USER_INFO_HEADER_USER_ROLE: text('X-OpenWebUI-User-Role', 'Header name for the user role'),
  FORWARD_USER_INFO_HEADER_AUTH_TYPE: text('X-OpenWebUI-Auth-Type', 'Header name for the auth type (api_key or jwt)'),
  FORWARD_SESSION_INFO_HEADER_MESSAGE_ID: text('X-OpenWebUI-Message-Id', 'Header name for the message id'),
  FORWARD_SESSION_INFO_HEADER_CHAT_ID: text('X-OpenWebUI-Chat-Id', 'Header name for the chat id'),
  FORWARD_USER_INFO_HEADER_JWT_SECRET: optionalText(
    'When set, identity goes in one HS256 token instead of separate headers',
  ),
  FORWARD_USER_INFO_HEADER_JWT: text('X-OpenWebUI-User-Jwt', 'Header name of that token'),
  FORWARD_USER_INFO_HEADER_JWT_EXPIRES_SECONDS: int(300, 'Lifetime of that token; invalid = 300', { invalid: 300 }),
};
