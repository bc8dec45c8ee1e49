import type { WireGrant } from '../access/index.ts';
import type { Folder } from './store.ts';

/** A row as FolderNameIdResponse. */
export function presentItem(folder: Folder, unread: number) {
  const { id, name, meta, parent_id, is_expanded, created_at, updated_at } = folder;
  return {
    id,
    name,
    meta: meta && { icon: typeof meta.icon === 'string' ? meta.icon : null },
    parent_id,
    is_expanded,
    unread_count: unread,
    created_at,
    updated_at,
  };
}

/** A row as FolderResponse. */
export function presentDetail(folder: Folder, grants: readonly WireGrant[], writable: boolean) {
  return { ...folder, access_grants: grants, write_access: writable };
}
