import { type ConfigKey, configDefinitions } from './config-keys/index.ts';
import { ollamaUrls, openaiConnections } from './connections.ts';
import { comfyuiWorkflow, ragTemplate } from './default-texts.ts';
import type { Settings } from './load.ts';
import type { Variable } from './variable.ts';
import { permissions } from './variables/permissions.ts';

/** The value each seeded key has before anybody stores one: what the environment says, else the built-in one. */
export function configDefaults(settings: Settings): Map<string, unknown> {
  const special = specialDefaults(settings);
  const defaults = new Map<string, unknown>();
  for (const [key, definition] of configDefinitions) {
    if (!definition.seeded) continue;
    const make = special[key];
    if (make) defaults.set(key, make());
    else defaults.set(key, definition.variable ? settings.get(definition.variable) : definition.fallback);
  }
  return defaults;
}

function specialDefaults(settings: Settings): Partial<Record<ConfigKey, () => unknown>> {
  const text = (name: Parameters<Settings['get']>[0]) => {
    const value = settings.get(name);
    return Array.isArray(value) ? value.join(';') : String(value ?? '');
  };
  const openai = openaiConnections(text);
  return {
    'openai.api_keys': () => openai.keys,
    'openai.api_base_urls': () => openai.urls,
    'ollama.base_urls': () => ollamaUrls(text).urls,
    'user.permissions': () => permissionTree(settings),
    'rag.template': () => settings.get('RAG_TEMPLATE') || ragTemplate,
    'image_generation.comfyui.workflow': () => settings.get('COMFYUI_WORKFLOW') || comfyuiWorkflow,
    'ui.prompt_suggestions': () => onlyObjects(settings.get('DEFAULT_PROMPT_SUGGESTIONS')),
    'ui.banners': () => banners(settings.get('WEBUI_BANNERS')),
    'ui.visibility': () => flags(settings.get('UI_VISIBILITY')),
    'evaluation.arena.models': () => onlyObjects(settings.get('EVALUATION_ARENA_MODELS')) ?? [],
  };
}

/** The list, or an empty one when an item is no object. */
function onlyObjects(list: readonly unknown[] | null): readonly unknown[] | null {
  if (list === null) return null;
  return list.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item)) ? list : [];
}

/** One invalid banner empties the list (configuration note, 2). */
function banners(list: readonly unknown[]): readonly unknown[] {
  const valid = onlyObjects(list)?.every((item) => {
    const banner = item as Record<string, unknown>;
    return (
      ['id', 'type', 'content'].every((name) => typeof banner[name] === 'string') &&
      typeof banner.dismissible === 'boolean' &&
      Number.isInteger(banner.timestamp)
    );
  });
  return valid ? list : [];
}

function flags(visibility: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.values(visibility).every((value) => typeof value === 'boolean') ? visibility : {};
}

/** Members in the order exports are known to have (configuration note, 2.1). */
const order: Record<string, readonly string[]> = {
  workspace: [],
  sharing: [
    ...['models', 'knowledge', 'prompts', 'tools', 'skills', 'notes'].flatMap((kind) => [kind, `public_${kind}`]),
    'folders',
    'public_chats',
    'open_chats',
  ],
  access_grants: [],
  chat: [],
  features: ['api_keys', 'notes', 'folders', 'channels', 'encrypted_channels', 'direct_tool_servers'],
  settings: [],
};

/** The default permission tree (configuration note, 2.1). */
export function permissionTree(settings: Pick<Settings, 'get'>): Record<string, Record<string, boolean>> {
  const tree: Record<string, Record<string, boolean>> = {};
  for (const section of Object.keys(order)) tree[section] = {};
  const entries = Object.entries(permissions) as [keyof typeof permissions, Variable<boolean>][];
  const placed = entries.map(([name, variable]) => {
    const [section = '', member = ''] = (variable.permission ?? '').split('.');
    return { section, member, value: settings.get(name) };
  });
  for (const [section, first] of Object.entries(order)) {
    const members = placed.filter((one) => one.section === section);
    const rank = (member: string) => (first.includes(member) ? first.indexOf(member) : first.length);
    members.sort((a, b) => rank(a.member) - rank(b.member));
    tree[section] = Object.fromEntries(members.map(({ member, value }) => [member, value]));
  }
  return tree;
}
