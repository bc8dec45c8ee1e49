import { isObject } from '../../kernel/json.ts';
import type { People, Reader, WireGrant } from '../access/index.ts';
import { presentFileMeta } from '../files/index.ts';
import type { DirectoryRow, FoundFile, FoundKnowledge, KnowledgeRow, LinkedFile } from './store.ts';
import type { Tree } from './tree.ts';

/** A row as KnowledgeModel. */
export function presentKnowledge(row: KnowledgeRow, grants: WireGrant[]) {
  return {
    id: row.id,
    user_id: row.user_id,
    name: row.name,
    description: row.description ?? '',
    meta: isObject(row.meta) ? row.meta : null,
    access_grants: grants,
    created_at: row.created_at,
    updated_at: row.updated_at ?? row.created_at,
  };
}

/** A row of a list as KnowledgeAccessResponse. */
export function presentFound(row: FoundKnowledge, grants: WireGrant[], write: boolean, people: People, reader: Reader) {
  return {
    ...presentKnowledge(row, grants),
    user: people.owner(reader, row),
    file_count: Number(row.file_count),
    write_access: write,
  };
}

/** A linked file as FileMetadataResponse. */
export function presentLinked({ id, hash, meta, created_at, updated_at }: LinkedFile) {
  return {
    id,
    hash,
    meta: isObject(meta) ? meta : null,
    created_at: created_at ?? 0,
    updated_at: updated_at ?? created_at ?? 0,
  };
}

/** A linked file as FileUserResponse. */
export function presentFile(row: FoundFile, tree: Tree, people: People, reader: Reader) {
  return {
    id: row.id,
    user_id: row.user_id ?? '',
    hash: row.hash,
    filename: row.filename ?? '',
    data: null,
    meta: presentFileMeta(row.meta),
    created_at: row.created_at,
    updated_at: row.updated_at,
    directory_id: row.directory_id,
    directory_path: tree.path(row.directory_id),
    has_original: row.path !== null && row.path !== '',
    user: people.owner(reader, row),
  };
}

/** A row as KnowledgeDirectoryModel. */
export function presentDirectory(row: DirectoryRow) {
  const { id, knowledge_id, parent_id, name, user_id, created_at, updated_at } = row;
  return { id, knowledge_id, parent_id, name, user_id, created_at, updated_at };
}
