import { isObject, type JsonObject } from '../../kernel/json.ts';
import { configuredGrants, type Grant } from '../access/index.ts';
import type { ModelEntry } from '../providers/index.ts';
import { chatVariablesSchema, publicParams, readMeta, readParams, readTags } from './content.ts';
import { functionItems, type ModelFunctions } from './functions.ts';
import type { ModelGrant } from './rows.ts';
import type { ModelRow } from './store.ts';

/** What the table of models is made of. */
export interface Ingredients {
  base: readonly ModelEntry[];
  rows: readonly ModelRow[];
  grants: ReadonlyMap<string, readonly ModelGrant[]>;
  arena: { enabled: boolean; models: readonly Readonly<JsonObject>[] };
  defaultMetadata: Readonly<JsonObject>;
  defaultParams: Readonly<JsonObject>;
  functions: ModelFunctions;
}

/** Who sees a model besides administrators. */
export type Audience =
  | { kind: 'everybody' }
  | { kind: 'administrators' }
  | {
      kind: 'granted';
      ownerId: string | null;
      grants: readonly Pick<Grant, 'principal_type' | 'principal_id' | 'permission'>[];
    };

export interface TableModel {
  entry: ModelEntry;
  row: ModelRow | null;
  audience: Audience;
}

const DEFAULT_ARENA = {
  id: 'arena-model',
  name: 'Arena Model',
  meta: {
    profile_image_url: '/favicon.png',
    description: 'Submit your questions to anonymous AI chatbots and vote on the best response.',
    model_ids: null,
  },
};

interface Draft {
  entry: JsonObject & { id: string; name: string; owned_by: string };
  row: ModelRow | null;
  /** Grants of an arena model, which live in the configuration. */
  arena: JsonObject | null;
}

/** All models by id, in list order, as clients see them (providers note, 9.3 and 9.4). */
export function assemble(from: Ingredients): Map<string, TableModel> {
  if (from.base.length === 0) return new Map();
  const drafts = [...from.base.map((entry) => draftOf(entry, null)), ...arenaDrafts(from.arena)];
  const removed = new Set<Draft>();
  const exact = new Map<string, Draft>();
  for (const draft of drafts) if (!exact.has(draft.entry.id)) exact.set(draft.entry.id, draft);
  const overrides = from.rows.filter((row) => row.base_model_id === null);
  const presets = from.rows.filter((row) => row.base_model_id !== null);
  applyOverrides(overrides, drafts, removed, from.grants);
  const known = new Set(drafts.filter((draft) => !removed.has(draft)).map((draft) => draft.entry.id));
  const list = drafts.filter((draft) => !removed.has(draft));
  for (const row of presets) {
    if (row.is_active && !known.has(row.id)) list.push(presetOf(row, exact, drafts, from.grants));
  }
  const table = new Map<string, TableModel>();
  for (const draft of list) table.set(draft.entry.id, finish(draft, from));
  return table;
}

function draftOf(entry: ModelEntry, arena: JsonObject | null): Draft {
  return { entry: { ...entry }, row: null, arena };
}

function arenaDrafts({ enabled, models }: Ingredients['arena']): Draft[] {
  if (!enabled) return [];
  const configured: readonly Readonly<JsonObject>[] = models.length > 0 ? models : [DEFAULT_ARENA];
  return configured.flatMap((model) => {
    if (typeof model.id !== 'string' || model.id === '') return [];
    const meta: JsonObject = isObject(model.meta) ? { ...model.meta } : {};
    const name = typeof model.name === 'string' ? model.name : model.id;
    const fixed = { object: 'model', created: 0, owned_by: 'arena', arena: true };
    return [draftOf({ id: model.id, name, info: { meta }, ...fixed }, meta)];
  });
}

/** The row with the exact id wins over one with the part of an Ollama id before its tag. */
function applyOverrides(
  rows: readonly ModelRow[],
  drafts: readonly Draft[],
  removed: Set<Draft>,
  grants: Ingredients['grants'],
): void {
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const draft of drafts) {
    const { id, owned_by: owner } = draft.entry;
    const row = byId.get(id) ?? (owner === 'ollama' ? byId.get(id.split(':')[0] ?? '') : undefined);
    if (!row) continue;
    if (!row.is_active) {
      removed.add(draft);
      continue;
    }
    draft.row = row;
    draft.entry.name = row.name ?? id;
    draft.entry.info = infoOf(row, grants, draft.arena);
  }
}

function presetOf(
  row: ModelRow,
  exact: ReadonlyMap<string, Draft>,
  drafts: readonly Draft[],
  grants: Ingredients['grants'],
): Draft {
  const baseId = row.base_model_id ?? '';
  const base = (exact.get(baseId) ?? drafts.find(({ entry }) => entry.id.split(':')[0] === baseId))?.entry;
  const entry = {
    id: row.id,
    name: row.name ?? row.id,
    object: 'model',
    created: row.created_at ?? 0,
    owned_by: base?.owned_by ?? 'openai',
    connection_type: base?.connection_type ?? null,
    preset: true,
    ...(base?.pipe !== undefined && { pipe: base.pipe }),
    ...(base?.provider !== undefined && base.provider !== '' && { provider: base.provider }),
    ...(base?.loaded !== undefined && { loaded: base.loaded }),
    info: infoOf(row, grants, null),
  };
  return { entry, row, arena: null };
}

/** The row in a list: without its picture, its system prompt and its sampling values. */
function infoOf(row: ModelRow, grants: Ingredients['grants'], arena: JsonObject | null): JsonObject {
  const params = readParams(row.params);
  const { profile_image_url: _picture, ...meta } = readMeta(row.meta);
  const schema = chatVariablesSchema(params);
  if (schema) meta.chat_variables_schema = schema;
  if (arena) {
    for (const key of ['access_grants', 'model_ids', 'filter_mode']) if (key in arena) meta[key] = arena[key];
  }
  return {
    version_id: row.version_id,
    id: row.id,
    user_id: row.user_id,
    base_model_id: row.base_model_id,
    name: row.name,
    params: publicParams(params),
    meta,
    access_grants: grants.get(row.id) ?? [],
    is_active: row.is_active,
    updated_at: row.updated_at,
    created_at: row.created_at,
  };
}

function finish(draft: Draft, from: Ingredients): TableModel {
  const { entry, row, arena } = draft;
  const audience = audienceOf(draft, from.grants);
  const info = withDefaults(isObject(entry.info) ? entry.info : null, from);
  if (info) {
    if (isObject(info.meta) && 'profile_image_url' in info.meta) {
      const { profile_image_url: _picture, ...meta } = info.meta;
      info.meta = meta;
    }
    entry.info = info;
  }
  const own = row ? readMeta(row.meta) : (arena ?? {});
  const { actions, filters } = functionItems(from.functions, own);
  const meta = info && isObject(info.meta) ? info.meta : {};
  const tags = new Map([...readTags(meta.tags), ...readTags(entry.tags)].map((tag) => [tag.name, tag]));
  return { entry: { ...entry, actions, filters, tags: [...tags.values()] }, row, audience };
}

function audienceOf({ entry, row, arena }: Draft, grants: Ingredients['grants']): Audience {
  if (entry.owned_by === 'loggia') return { kind: 'everybody' };
  if (arena) return { kind: 'granted', ownerId: null, grants: configuredGrants(arena) };
  if (!row) return { kind: 'administrators' };
  return { kind: 'granted', ownerId: row.user_id, grants: grants.get(row.id) ?? [] };
}

function withDefaults(info: JsonObject | null, { defaultMetadata, defaultParams }: Ingredients): JsonObject | null {
  const threshold = defaultParams.compact_token_threshold;
  const hasMeta = Object.keys(defaultMetadata).length > 0;
  if (!hasMeta && (threshold === undefined || threshold === null)) return info ? { ...info } : null;
  const result: JsonObject = info ? { ...info } : {};
  if (hasMeta) result.meta = mergedMeta(isObject(info?.meta) ? info.meta : null, defaultMetadata);
  if (threshold !== undefined && threshold !== null) {
    const params = isObject(result.params) ? result.params : {};
    result.params = { compact_token_threshold: threshold, ...params };
  }
  return result;
}

function mergedMeta(own: JsonObject | null, defaults: Readonly<JsonObject>): JsonObject {
  if (!own) return { ...defaults };
  const result: JsonObject = { ...own };
  for (const [key, value] of Object.entries(defaults)) {
    const mine = result[key];
    if (key === 'capabilities' && isObject(value)) result[key] = { ...value, ...(isObject(mine) && mine) };
    else if (mine === null || mine === undefined) result[key] = value;
  }
  return result;
}
