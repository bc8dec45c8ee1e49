import { isObject, type JsonObject } from '../json.ts';

/** What has to change in the table. */
export interface RowChanges {
  put: Map<string, unknown>;
  remove: Set<string>;
}

/** Object settings that some releases wrote as many rows, and the second prefix they used (configuration note, 1.6). */
const flattened: Record<string, string> = {
  'openai.api_configs': 'OPENAI_API_CONFIGS',
  'ollama.api_configs': 'OLLAMA_API_CONFIGS',
  'rag.mineru_params': 'MINERU_PARAMS',
  'rag.docling_params': 'DOCLING_PARAMS',
  'web.search.linkup_search_params': 'LINKUP_SEARCH_PARAMS',
  'image_generation.automatic1111.api_params': 'AUTOMATIC1111_PARAMS',
  'image_generation.openai.params': 'IMAGES_OPENAI_API_PARAMS',
  'audio.tts.openai.params': 'AUDIO_TTS_OPENAI_PARAMS',
  'audio.realtime.input_params': 'AUDIO_REALTIME_INPUT_PARAMS',
  'models.default_metadata': 'DEFAULT_MODEL_METADATA',
  'models.default_params': 'DEFAULT_MODEL_PARAMS',
  'task.model.params': 'TASK_MODEL_PARAMS',
  'ui.default_interface_settings': 'DEFAULT_INTERFACE_SETTINGS',
  'user.permissions': 'USER_PERMISSIONS',
};

const connectionFields =
  'enable key prefix_id tags model_ids connection_type provider auth_type headers azure api_type api_version extra_params passthrough_params'.split(
    ' ',
  );

/** Rows that releases before this one left in a form nobody reads: what to write and what to delete. */
export function repairRows(rows: ReadonlyMap<string, unknown>): RowChanges {
  const changes: RowChanges = { put: new Map(), remove: new Set() };
  renameWeb(rows, changes);
  for (const [key, alias] of Object.entries(flattened)) foldObject(rows, key, alias, changes);
  for (const key of ['ui.default_models', 'ui.default_pinned_models']) {
    const value = rows.get(key);
    if (Array.isArray(value)) {
      const items = value.map((item) => String(item).trim()).filter((item) => item !== '');
      changes.put.set(key, items.join(','));
    }
  }
  replaceAccessControl(rows, changes);
  return changes;
}

function renameWeb(rows: ReadonlyMap<string, unknown>, changes: RowChanges): void {
  for (const [key, value] of rows) {
    if (!key.startsWith('rag.web.')) continue;
    const name = key.slice('rag.'.length);
    if (!rows.has(name)) changes.put.set(name, value);
    changes.remove.add(key);
  }
}

function foldObject(rows: ReadonlyMap<string, unknown>, key: string, alias: string, changes: RowChanges): void {
  const base = rows.get(key);
  const result: JsonObject = isObject(base) ? structuredClone(base) : {};
  let found = false;
  for (const [name, value] of rows) {
    const prefix = [key, alias].find((one) => name.startsWith(`${one}.`));
    if (!prefix) continue;
    const path = pathOf(key, name.slice(prefix.length + 1));
    if (!path) continue;
    assign(result, path, value);
    changes.remove.add(name);
    found = true;
  }
  if (found) changes.put.set(key, result);
}

/** Where a flattened member belongs; null when that cannot be told. */
function pathOf(key: string, rest: string): string[] | null {
  if (!key.endsWith('.api_configs')) return rest.split('.');
  const index = /^(\d+)\.(.+)$/.exec(rest);
  if (index) return [index[1] ?? '', ...(index[2] ?? '').split('.')];
  // The connection may be named by its URL, which has dots of its own: the last field name splits.
  let best = -1;
  for (const field of connectionFields) {
    const pattern = new RegExp(`\\.${field}(?=\\.|$)`, 'g');
    for (const match of rest.matchAll(pattern)) best = Math.max(best, match.index);
  }
  return best > 0 ? [rest.slice(0, best), ...rest.slice(best + 1).split('.')] : null;
}

function assign(target: JsonObject, path: readonly string[], value: unknown): void {
  let at = target;
  for (const part of path.slice(0, -1)) {
    if (!Object.hasOwn(at, part) || !isObject(at[part])) define(at, part, {});
    at = at[part] as JsonObject;
  }
  define(at, path.at(-1) ?? '', value);
}

/** Plain assignment would treat `__proto__` as something else than a name. */
function define(target: JsonObject, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}

/** Members that held `access_control` of the old form now hold `access_grants` (configuration note, 1.4 step 7). */
function replaceAccessControl(rows: ReadonlyMap<string, unknown>, changes: RowChanges): void {
  for (const [key, member] of [
    ['tool_server.connections', 'config'],
    ['evaluation.arena.models', 'meta'],
  ] as const) {
    const list = rows.get(key);
    if (!Array.isArray(list)) continue;
    let changed = false;
    const next = list.map((item) => {
      const inner = isObject(item) ? item[member] : undefined;
      if (!isObject(item) || !isObject(inner) || !('access_control' in inner)) return item;
      changed = true;
      const { access_control, ...rest } = inner;
      const access_grants = 'access_grants' in rest ? rest.access_grants : grantsOf(access_control);
      return { ...item, [member]: { ...rest, access_grants } };
    });
    if (changed) changes.put.set(key, next);
  }
}

function grantsOf(control: unknown): JsonObject[] {
  if (!isObject(control)) return [];
  const grants: JsonObject[] = [];
  for (const permission of ['read', 'write']) {
    const lists = control[permission];
    if (!isObject(lists)) continue;
    for (const [member, principal_type] of [
      ['group_ids', 'group'],
      ['user_ids', 'user'],
    ] as const) {
      const ids = lists[member];
      if (!Array.isArray(ids)) continue;
      for (const id of ids) {
        if (typeof id === 'string' && id !== '') grants.push({ principal_type, principal_id: id, permission });
      }
    }
  }
  return grants;
}
