import {
  bool,
  csv,
  int,
  jsonList,
  jsonObject,
  optionalInt,
  optionalJsonList,
  optionalText,
  text,
  url,
} from '../variable.ts';

export const ui = {
  DEFAULT_LOCALE: text(
    '',
    'UI locale used when the browser has no choice; the env value is served, not the stored one',
    { key: 'ui.default_locale' },
  ),
  DEFAULT_MODELS: optionalText('Comma list of preselected model ids', { key: 'ui.default_models' }),
  DEFAULT_PINNED_MODELS: optionalText('Comma list of pinned model ids', { key: 'ui.default_pinned_models' }),
  DEFAULT_PROMPT_SUGGESTIONS: optionalJsonList('JSON list of suggestions; null = UI defaults, [] = none', {
    key: 'ui.prompt_suggestions',
    invalid: null,
  }),
  DEFAULT_INTERFACE_SETTINGS: jsonObject({}, 'JSON object of default interface settings', {
    key: 'ui.default_interface_settings',
    invalid: {},
  }),
  UI_VISIBILITY: jsonObject({}, 'JSON object name->bool of UI elements; a non-bool value empties it', {
    key: 'ui.visibility',
    invalid: {},
  }),
  WEBUI_BANNERS: jsonList([], 'JSON list of banners; one invalid banner empties the list', {
    key: 'ui.banners',
    invalid: [],
  }),
  ENABLE_COMMUNITY_SHARING: bool(true, 'Show community sharing', { key: 'ui.enable_community_sharing' }),
  ENABLE_MESSAGE_RATING: bool(true, 'Show message rating', { key: 'ui.enable_message_rating' }),
  ENABLE_USER_WEBHOOKS: bool(false, 'Users may set a notification webhook', { key: 'ui.enable_user_webhooks' }),
  WEBHOOK_URL: url('', 'Legacy single admin webhook, migrated to the event webhook list at start', {
    key: 'webhook_url',
  }),
  ENABLE_PYODIDE_FILE_PERSISTENCE: bool(false, 'Keep Pyodide files in the browser between runs'),
};

export const features = {
  ENABLE_FOLDERS: bool(true, 'Folders', { key: 'folders.enable' }),
  FOLDER_MAX_FILE_COUNT: text('', 'Max files per folder; empty = no limit', { key: 'folders.max_file_count' }),
  ENABLE_CHANNELS: bool(false, 'Channels', { key: 'channels.enable' }),
  ENABLE_ENCRYPTED_CHANNELS: bool(false, 'End-to-end encrypted channels', { key: 'channels.encryption.enable' }),
  CHANNEL_MODEL_RESPONSE_MODE: text('thread', 'Where a mentioned model answers: thread or channel', {
    key: 'channels.model_response_mode',
  }),
  ENABLE_APPS: bool(false, 'Apps', { key: 'apps.enable' }),
  APP_ALLOWED_PRIVATE_ORIGINS: csv([], 'Comma list of private/local origins app endpoints may use'),
  ENABLE_CALENDAR: bool(true, 'Calendar', { key: 'calendar.enable' }),
  ENABLE_AUTOMATIONS: bool(true, 'Automations', { key: 'automations.enable' }),
  AUTOMATION_MAX_COUNT: text('', 'Max automations per user; empty = no limit', { key: 'automations.max_count' }),
  AUTOMATION_MIN_INTERVAL: text('', 'Min seconds between runs; empty = no limit', { key: 'automations.min_interval' }),
  AUTOMATION_AUTH_TOKEN_EXPIRES_IN: text('1h', 'Lifetime of the token an automation run uses', {
    key: 'automations.auth_token_expires_in',
  }),
  SCHEDULER_POLL_INTERVAL: int(10, 'Seconds between automation and calendar polls (plus up to 2 s jitter)', {
    aliases: ['AUTOMATION_POLL_INTERVAL'],
  }),
  AUTOMATION_POLL_INTERVAL: int(10, 'Older name of SCHEDULER_POLL_INTERVAL'),
  TIMER_POLL_INTERVAL: int(1, 'Seconds between timer polls, at least 1', { adjust: (seconds) => Math.max(1, seconds) }),
  CALENDAR_ALERT_LOOKAHEAD_MINUTES: int(10, 'How far ahead event alerts are looked up'),
  ENABLE_NOTES: bool(true, 'Notes', { key: 'notes.enable' }),
  ENABLE_EVALUATION_ARENA_MODELS: bool(false, 'Arena models', { key: 'evaluation.arena.enable' }),
  EVALUATION_ARENA_MODELS: jsonList([], 'JSON list of arena models; not a list of objects = []', {
    key: 'evaluation.arena.models',
    invalid: [],
  }),
  AUXILIARY_EMBEDDING_MODEL: text(
    'TaylorAI/bge-micro-v2',
    'Small local embedding model for feedback leaderboard similarity',
  ),
  ENABLE_MEMORIES: bool(true, 'Memories', { key: 'memories.enable' }),
  ENABLE_MEMORY_SYSTEM_CONTEXT: bool(true, 'Put memories in the system prompt', {
    key: 'memories.system_context.enable',
  }),
  ENABLE_MEMORY_BACKGROUND_REVIEW: bool(false, 'Review chats in the background to update memories', {
    key: 'memories.background_review.enable',
  }),
  MEMORIES_REVIEW_INTERVAL_TURNS: int(10, 'Turns between background reviews', {
    key: 'memories.review_interval_turns',
  }),
  MEMORIES_USER_CHAR_LIMIT: int(2000, 'Max characters of user memory', { key: 'memories.user_char_limit' }),
  MEMORIES_CONTEXT_CHAR_LIMIT: int(2000, 'Max characters of context memory', { key: 'memories.context_char_limit' }),
  ENABLE_SUBAGENTS: bool(false, 'Subagents', { key: 'subagents.enable' }),
  SUBAGENTS_BACKGROUND_ENABLED: bool(false, 'Subagents may run in the background', {
    key: 'subagents.background_enabled',
  }),
  SUBAGENTS_MAX_CONCURRENT: int(20, 'Subagents running at once', { key: 'subagents.max_concurrent' }),
  SUBAGENTS_MAX_ASYNC: int(20, 'Background subagents at once', { key: 'subagents.max_async' }),
  SUBAGENTS_MAX_ITERATIONS: int(30, 'Tool iterations per subagent', { key: 'subagents.max_iterations' }),
  SUBAGENTS_MAX_OUTPUT: int(30000, 'Max characters returned by a subagent', { key: 'subagents.max_output' }),
  SUBAGENTS_SYSTEM_PROMPT: text('', 'System prompt of subagents; empty = built-in', { key: 'subagents.system_prompt' }),
  ENABLE_SKILL_LAZY_LOADING: bool(false, 'Only list selected skills; the model loads them on demand', {
    key: 'skills.lazy_loading.enable',
  }),
  SKILL_CONTENT_MAX_CHARS: optionalInt(null, 'Max characters of a skill; unset = no limit; <=0 aborts start', {
    key: 'skills.content_max_chars',
    min: 1,
  }),
  SKILL_PREVIEW_MAX_CHARS: optionalInt(null, 'Max characters of a skill preview; unset = no limit; <=0 aborts start', {
    key: 'skills.preview_max_chars',
    min: 1,
  }),
};
