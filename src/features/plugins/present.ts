import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { People, Reader, WireGrant } from '../access/index.ts';
import type { FunctionRow, ListedTool, listFunctions, ToolRow } from './store.ts';

function metaOf(meta: unknown): JsonObject & { description: unknown; manifest: unknown } {
  const kept = isObject(meta) ? meta : {};
  return { ...kept, description: kept.description ?? null, manifest: kept.manifest ?? {} };
}

/** `meta` as ToolMeta. */
function toolMeta(meta: unknown) {
  const kept = metaOf(meta);
  return { ...kept, i18n: kept.i18n ?? null, has_user_valves: kept.has_user_valves === true };
}

/** A row as ToolResponse. */
function toolHead(row: Omit<ToolRow, 'content' | 'valves'>, grants: WireGrant[]) {
  return {
    version_id: row.version_id,
    id: row.id,
    user_id: row.user_id,
    name: row.name ?? '',
    meta: toolMeta(row.meta),
    access_grants: grants,
    updated_at: row.updated_at ?? 0,
    created_at: row.created_at ?? 0,
  };
}

function specsOf(specs: unknown): unknown[] {
  return Array.isArray(specs) ? specs : [];
}

/** A row as ToolModel. */
export function presentTool(row: ToolRow, grants: WireGrant[]) {
  return { ...toolHead(row, grants), content: row.content, specs: specsOf(row.specs) };
}

/** A row of a list as ToolUserResponse. */
export function presentListedTool(row: ListedTool, grants: WireGrant[], people: People, reader: Reader) {
  const head = toolHead(row, grants);
  const { has_user_valves } = head.meta;
  return { ...head, user: people.owner(reader, row), specs: specsOf(row.specs), content: null, has_user_valves };
}

type FunctionHead = Omit<FunctionRow, 'content' | 'valves'>;

/** A row as FunctionResponse. */
export function presentFunction(row: FunctionHead) {
  return {
    version_id: row.version_id,
    id: row.id,
    user_id: row.user_id,
    type: row.type ?? '',
    name: row.name ?? '',
    meta: metaOf(row.meta),
    is_active: row.is_active ?? false,
    is_global: row.is_global ?? false,
    updated_at: row.updated_at ?? 0,
    created_at: row.created_at ?? 0,
  };
}

/** A row of a list as FunctionUserResponse. */
export function presentListedFunction(
  row: Awaited<ReturnType<typeof listFunctions>>[number],
  people: People,
  reader: Reader,
) {
  return { ...presentFunction(row), user: people.owner(reader, row) };
}

/** A row as FunctionModel. */
export function presentFunctionModel(row: FunctionRow) {
  return { ...presentFunction(row), content: row.content ?? '' };
}
