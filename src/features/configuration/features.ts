import { type Config, type ConfigKey, pluginsEnabled, type Settings } from '../../kernel/settings/index.ts';

type Read = Pick<Config, 'get'>;

/** Switches a visitor learns before sign-in. */
export function publicFeatures(settings: Settings, config: Read) {
  const heartbeat = settings.get('WEBSOCKET_HEARTBEAT_INTERVAL');
  return {
    slim: settings.get('USE_SLIM_DOCKER'),
    auth: settings.get('WEBUI_AUTH'),
    auth_trusted_header: Boolean(settings.get('WEBUI_AUTH_TRUSTED_EMAIL_HEADER')),
    enable_signup_password_confirmation: settings.get('ENABLE_SIGNUP_PASSWORD_CONFIRMATION'),
    enable_ldap: config.get('ldap.enable'),
    enable_signup: config.get('ui.enable_signup'),
    enable_login_form: config.get('ui.enable_login_form'),
    enable_websocket: settings.get('ENABLE_WEBSOCKET_SUPPORT'),
    ...(heartbeat !== null && { websocket_heartbeat_interval: heartbeat }),
  };
}

/** Switches that are stored as they are shown. */
const stored = {
  enable_api_keys: 'auth.enable_api_keys',
  enable_password_change_form: 'ui.enable_password_change_form',
  enable_direct_connections: 'direct.enable',
  enable_folders: 'folders.enable',
  folder_max_file_count: 'folders.max_file_count',
  enable_channels: 'channels.enable',
  enable_encrypted_channels: 'channels.encryption.enable',
  enable_apps: 'apps.enable',
  enable_calendar: 'calendar.enable',
  enable_automations: 'automations.enable',
  enable_notes: 'notes.enable',
  enable_context_compaction: 'chat.context_compaction.enable',
  enable_tool_permissions: 'chat.tool_permissions.enable',
  enable_web_search: 'web.search.enable',
  enable_web_search_confirmation: 'web.search.confirmation.enable',
  web_search_confirmation_content: 'web.search.confirmation.content',
  enable_code_execution: 'code_execution.enable',
  enable_code_interpreter: 'code_interpreter.enable',
  enable_image_generation: 'image_generation.enable',
  enable_autocomplete_generation: 'task.autocomplete.enable',
  enable_title_generation: 'task.title.enable',
  enable_follow_up_generation: 'task.follow_up.enable',
  enable_tags_generation: 'task.tags.enable',
  enable_community_sharing: 'ui.enable_community_sharing',
  enable_message_rating: 'ui.enable_message_rating',
  enable_user_webhooks: 'ui.enable_user_webhooks',
  enable_user_status: 'users.enable_status',
  enable_google_drive_integration: 'google_drive.enable',
  enable_onedrive_integration: 'onedrive.enable',
  enable_memories: 'memories.enable',
  enable_subagents: 'subagents.enable',
} as const satisfies Record<string, ConfigKey>;

/** Switches any account learns, pending ones too. */
export function accountFeatures(settings: Settings, config: Read): Record<string, unknown> {
  const toolServers = pluginsEnabled(settings, 'TOOL_SERVERS');
  const terminals = config.get('terminal_server.connections');
  return {
    enable_version_update_check: settings.get('ENABLE_VERSION_UPDATE_CHECK'),
    enable_pyodide_file_persistence: settings.get('ENABLE_PYODIDE_FILE_PERSISTENCE'),
    enable_public_active_users_count: settings.get('ENABLE_PUBLIC_ACTIVE_USERS_COUNT'),
    enable_easter_eggs: settings.get('ENABLE_EASTER_EGGS'),
    enable_direct_integrations: toolServers && config.get('direct.integrations.enable'),
    enable_plugins: settings.get('ENABLE_PLUGINS'),
    enable_tools: pluginsEnabled(settings, 'TOOLS'),
    enable_functions: pluginsEnabled(settings, 'FUNCTIONS'),
    enable_tool_servers: toolServers,
    // An entry without the member counts as on.
    enable_terminal_servers: toolServers && terminals.some(({ enabled }) => enabled === true || enabled === undefined),
    enable_admin_export: settings.get('ENABLE_ADMIN_EXPORT'),
    enable_admin_chat_access: settings.get('ENABLE_ADMIN_CHAT_ACCESS'),
    enable_admin_analytics: settings.get('ENABLE_ADMIN_ANALYTICS'),
    ...Object.fromEntries(Object.entries(stored).map(([name, key]) => [name, config.get(key)])),
    ...(config.get('onedrive.enable') && {
      enable_onedrive_personal: offered(settings, 'PERSONAL'),
      enable_onedrive_business: offered(settings, 'BUSINESS'),
    }),
  };
}

function offered(settings: Settings, kind: 'PERSONAL' | 'BUSINESS'): boolean {
  return settings.get(`ENABLE_ONEDRIVE_${kind}`) && settings.get(`ONEDRIVE_CLIENT_ID_${kind}`) !== '';
}
