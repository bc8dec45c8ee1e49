import type { Db } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Access, grantsAllow } from '../access/index.ts';
import { type Folder, foldersById, foldersOf, ownerNames } from './store.ts';
import { withDescendants } from './tree.ts';

type SharedFolder = Folder & { owner_name: string; permission: 'read' | 'write' };

/**
 * Folders the user shares with others, and those others share with the user, newest change first, each followed by what is below
 * it (chats note, 4.4).
 */
export async function listSharedFolders(
  db: Db,
  access: Pick<Access, 'grants' | 'groupIds'>,
  user: User,
): Promise<SharedFolder[]> {
  const readable = await access.grants.readableIds(user, 'folder', 'read');
  for (const id of await access.grants.readableIds(user, 'folder', 'write')) readable.add(id);
  const given = await foldersById(db, [...readable]);
  const owners = [...new Set([user.id, ...given.map((folder) => folder.user_id)])];
  const all = await foldersOf(db, owners);
  const grants = await access.grants.list(
    db,
    'folder',
    all.map((folder) => folder.id),
  );
  const groups = await access.groupIds(user.id);
  const direct = (folder: Folder): 'read' | 'write' | null => {
    if (folder.user_id === user.id) return 'write';
    const list = grants.get(folder.id) ?? [];
    if (grantsAllow(list, user.id, groups, 'write')) return 'write';
    return grantsAllow(list, user.id, groups, 'read') ? 'read' : null;
  };
  const tops = all
    .filter((folder) =>
      folder.user_id === user.id ? (grants.get(folder.id) ?? []).length > 0 : direct(folder) !== null,
    )
    .sort((a, b) => b.updated_at - a.updated_at || (a.id < b.id ? -1 : 1));

  const names = await ownerNames(db, owners);
  const nodes = new Map(all.map((folder) => [folder.id, folder]));
  const permission = (folder: Folder): 'read' | 'write' => {
    const seen = new Set<string>();
    let at: Folder | undefined = folder;
    while (at && at.user_id === folder.user_id && !seen.has(at.id)) {
      if (direct(at) === 'write') return 'write';
      seen.add(at.id);
      at = nodes.get(at.parent_id ?? '');
    }
    return 'read';
  };
  const ids = new Set(tops.map((folder) => folder.id));
  for (const top of tops) {
    const same = all.filter((folder) => folder.user_id === top.user_id);
    for (const id of withDescendants(same, [top.id])) ids.add(id);
  }
  return [...ids].flatMap((id) => {
    const folder = nodes.get(id);
    if (!folder) return [];
    return [{ ...folder, owner_name: names.get(folder.user_id) ?? 'Unknown', permission: permission(folder) }];
  });
}
