import { isObject } from '../../kernel/json.ts';

/** Sections of switches; what groups store may hold anything, so leaves are unknown. */
export type PermissionTree = Record<string, unknown>;

type Section = Record<string, boolean>;
export type FullTree = Record<SectionName, Section>;

/** Built-in values (identity note, 13.1). The variable is `USER_PERMISSIONS_` + the name `variableOf` gives. */
export const BUILT_IN = {
  workspace: {
    models: false,
    knowledge: false,
    prompts: false,
    tools: false,
    skills: false,
    models_import: false,
    models_export: false,
    models_hidden: false,
    prompts_import: false,
    prompts_export: false,
    tools_import: false,
    tools_export: false,
    skills_import: false,
    skills_export: false,
  },
  sharing: {
    models: false,
    public_models: false,
    knowledge: false,
    public_knowledge: false,
    prompts: false,
    public_prompts: false,
    tools: false,
    public_tools: false,
    skills: false,
    public_skills: false,
    notes: false,
    public_notes: false,
    folders: false,
    public_chats: false,
    open_chats: false,
    public_calendars: false,
  },
  access_grants: { allow_users: true, allow_groups: true },
  chat: {
    controls: true,
    valves: true,
    system_prompt: true,
    params: true,
    file_upload: true,
    web_upload: true,
    delete: true,
    delete_message: true,
    continue_response: true,
    regenerate_response: true,
    rate_response: true,
    edit: true,
    share: true,
    export: true,
    import: true,
    stt: true,
    tts: true,
    call: true,
    multiple_models: true,
    temporary: true,
    temporary_enforced: false,
  },
  features: {
    api_keys: false,
    notes: true,
    folders: true,
    channels: true,
    encrypted_channels: false,
    direct_tool_servers: false,
    web_search: true,
    image_generation: true,
    code_interpreter: true,
    memories: true,
    automations: false,
    calendar: true,
    webhooks: false,
  },
  settings: { interface: true },
} as const satisfies Record<string, Section>;

export type SectionName = keyof typeof BUILT_IN;
export const SECTIONS = Object.keys(BUILT_IN) as SectionName[];

/** The six sections with every known key: from `stored` where it has one, else from `defaults`. Other keys are dropped. */
export function fillTree(stored: unknown, defaults: FullTree): FullTree {
  const tree: Record<string, Section> = {};
  for (const section of SECTIONS) {
    const given = isObject(stored) && isObject(stored[section]) ? stored[section] : {};
    const filled: Section = {};
    for (const [key, fallback] of Object.entries(defaults[section])) {
      const value = Object.hasOwn(given, key) ? given[key] : fallback;
      filled[key] = typeof value === 'boolean' ? value : Boolean(value);
    }
    tree[section] = filled;
  }
  return tree as FullTree;
}

/** Both trees in one, a leaf true where either has it; keys only one has are taken as they are. */
export function combineTrees(base: PermissionTree, added: unknown): PermissionTree {
  if (!isObject(added)) return base;
  const result: PermissionTree = { ...base };
  for (const [key, value] of Object.entries(added)) {
    if (key === '__proto__') continue;
    const known = Object.hasOwn(result, key) ? result[key] : undefined;
    if (isObject(value)) result[key] = combineTrees(isObject(known) ? known : {}, value);
    else if (known === undefined) result[key] = value;
    else result[key] = known || value;
  }
  return result;
}

/** The value at a dotted path, undefined where a step is missing. */
export function treeValue(tree: unknown, path: string): unknown {
  let at = tree;
  for (const key of path.split('.')) {
    if (!isObject(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}
