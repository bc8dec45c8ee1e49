import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { ChatConfigForm } from './shapes.ts';

/** The chat settings as their form has them (chats note, 1.4). */
export function readChatConfig(config: Pick<Config, 'get'>): ChatConfigForm {
  const threshold = config.get('chat.context_compaction.token_threshold');
  return {
    CONTEXT_COMPACTION_MODEL: config.get('chat.context_compaction.model') ?? '',
    ENABLE_CONTEXT_COMPACTION: config.get('chat.context_compaction.enable'),
    CONTEXT_COMPACTION_TOKEN_THRESHOLD: threshold,
    CONTEXT_COMPACTION_TOKEN_CAP: config.get('chat.context_compaction.token_cap') || threshold,
    CONTEXT_COMPACTION_RETENTION_PERCENTAGE: config.get('chat.context_compaction.retention_percentage'),
    CONTEXT_COMPACTION_PROMPT_TEMPLATE: config.get('chat.context_compaction.prompt_template'),
    ENABLE_TOOL_PERMISSIONS: config.get('chat.tool_permissions.enable'),
    ENABLE_TOOL_SEARCH: config.get('chat.tool_search.enable'),
    TOOL_SEARCH_DEFER_THRESHOLD: config.get('chat.tool_search.defer_threshold'),
    TOOL_SEARCH_ALWAYS_LOADED: [...config.get('chat.tool_search.always_loaded')],
    TOOL_SEARCH_DEFER_BUILTIN_TOOLS: config.get('chat.tool_search.defer_builtin_tools'),
  };
}

/** Stores the form, its numbers brought into range; gives what is stored. */
export async function writeChatConfig(
  config: Pick<Config, 'get' | 'set'>,
  settings: Pick<Settings, 'get'>,
  form: ChatConfigForm,
): Promise<ChatConfigForm> {
  const threshold = atLeast(
    1,
    form.CONTEXT_COMPACTION_TOKEN_THRESHOLD ?? settings.get('CONTEXT_COMPACTION_TOKEN_THRESHOLD'),
  );
  const retention =
    form.CONTEXT_COMPACTION_RETENTION_PERCENTAGE ?? settings.get('CONTEXT_COMPACTION_RETENTION_PERCENTAGE');
  await config.set({
    'chat.context_compaction.model': form.CONTEXT_COMPACTION_MODEL ?? '',
    'chat.context_compaction.enable': form.ENABLE_CONTEXT_COMPACTION,
    'chat.context_compaction.token_threshold': threshold,
    'chat.context_compaction.token_cap': atLeast(1, form.CONTEXT_COMPACTION_TOKEN_CAP || threshold),
    'chat.context_compaction.retention_percentage': Math.min(50, atLeast(10, retention)),
    'chat.context_compaction.prompt_template': form.CONTEXT_COMPACTION_PROMPT_TEMPLATE,
    'chat.tool_permissions.enable': form.ENABLE_TOOL_PERMISSIONS,
    'chat.tool_search.enable': form.ENABLE_TOOL_SEARCH,
    'chat.tool_search.defer_threshold': atLeast(0, form.TOOL_SEARCH_DEFER_THRESHOLD),
    'chat.tool_search.always_loaded': form.TOOL_SEARCH_ALWAYS_LOADED.map((name) => name.trim()).filter(Boolean),
    'chat.tool_search.defer_builtin_tools': form.TOOL_SEARCH_DEFER_BUILTIN_TOOLS,
  });
  return readChatConfig(config);
}

function atLeast(least: number, value: number): number {
  return Math.max(least, value);
}
