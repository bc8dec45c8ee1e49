import type { JsonObject } from '../../kernel/json.ts';
import type { People, Reader, WireGrant } from '../access/index.ts';
import { chatVariablesSchema, readMeta, readParams } from './content.ts';
import type { HistoryRow, ListedModel, ModelRow } from './store.ts';

/** A row as ModelModel. */
export function presentModel(row: ModelRow, grants: readonly WireGrant[]) {
  return {
    version_id: row.version_id,
    id: row.id,
    user_id: row.user_id ?? '',
    base_model_id: row.base_model_id,
    name: row.name ?? row.id,
    params: readParams(row.params),
    meta: readMeta(row.meta),
    access_grants: grants,
    is_active: row.is_active,
    updated_at: row.updated_at ?? 0,
    created_at: row.created_at ?? 0,
  };
}

/** A row as one may see it who may not change it: without parameters. */
export function presentAccess(row: ModelRow, grants: readonly WireGrant[], mayWrite: boolean) {
  const model = presentModel(row, grants);
  return { ...model, params: mayWrite ? model.params : {}, user: null, write_access: mayWrite };
}

/** A row of the workspace list: with its owner, without its picture. */
export function presentListed(
  row: ListedModel,
  grants: readonly WireGrant[],
  mayWrite: boolean,
  people: People,
  reader: Reader,
) {
  const shown = presentAccess(row, grants, mayWrite);
  const { profile_image_url: _picture, ...meta } = shown.meta;
  const schema = chatVariablesSchema(readParams(row.params));
  return {
    ...shown,
    meta: schema ? { ...meta, chat_variables_schema: schema } : meta,
    user: people.owner(reader, row),
  };
}

export function presentHistory(row: Omit<HistoryRow, 'snapshot'>) {
  const { user_name: name, ...entry } = row;
  return { ...entry, user: name === null ? null : { name } };
}

export function presentHistoryEntry(row: HistoryRow) {
  const { snapshot, ...rest } = row;
  return { ...presentHistory(rest), snapshot };
}

/** What a version of a model remembers. */
export function snapshotOf(row: Pick<ModelRow, 'name' | 'base_model_id' | 'params' | 'meta'>): JsonObject {
  const { hidden: _hidden, ...meta } = readMeta(row.meta);
  return { name: row.name, base_model_id: row.base_model_id, params: readParams(row.params), meta };
}
