import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { FileRow } from './store.ts';

/** A row as FileModel. */
export function presentFile(row: FileRow) {
  const { id, user_id, hash, filename, path, data, meta, created_at, updated_at } = row;
  return {
    id,
    user_id: user_id ?? '',
    hash,
    filename: filename ?? '',
    path,
    data: objectOrNull(data),
    meta: objectOrNull(meta),
    created_at,
    updated_at,
  };
}

/** A row as FileModelResponse: what lists and uploads give. */
export function presentListed(row: FileRow) {
  const { path: _path, ...rest } = presentFile(row);
  return { ...rest, meta: presentStoredMeta(row.meta) };
}

/** A row's `meta` as FileMeta. */
export function presentMeta(meta: JsonObject) {
  const { name = null, content_type: type, size = null } = meta;
  const first = Array.isArray(type) ? type.find((one) => typeof one === 'string') : type;
  return { ...meta, name, content_type: typeof first === 'string' ? first : null, size };
}

/** A `meta` column as FileMeta. */
export function presentStoredMeta(meta: unknown) {
  return isObject(meta) ? presentMeta(meta) : null;
}

function objectOrNull(value: unknown): JsonObject | null {
  return isObject(value) ? value : null;
}
