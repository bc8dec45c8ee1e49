import type { Database, Db } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Access, grantsAllow } from '../access/index.ts';
import { type Folder, type FolderNode, findFolder, folderChain, folderNodes } from './store.ts';
import { rollUp, withDescendants } from './tree.ts';

type Who = Pick<User, 'id'>;
type Right = 'read' | 'write';

/** Folders, as chats and the conversation use them. */
export interface Folders {
  find(id: string): Promise<Folder | null>;
  /**
   * Whether the user owns the folder or one above it, or holds a grant of exactly that right on one of them. Administrators are
   * not treated differently here. False where there is no such folder.
   */
  allows(user: Who, folder: Folder | string, right: Right): Promise<boolean>;
  /** The folder and all above it, itself first; empty where there is none. */
  chain(id: string): Promise<Folder[]>;
  /** Those of these folders that have any grant. */
  granted(folders: readonly Folder[]): Promise<Set<string>>;
  /** The user's folders. */
  own(userId: string): Promise<(FolderNode & { name: string })[]>;
  /** The folder with everything below it, where it is the user's; else only itself. */
  subtree(userId: string, folderId: string): Promise<string[]>;
  /** `direct` counts by folder, as `folder_unread_counts` has them: all own folders, with what is below. */
  unreadCounts(userId: string, direct: ReadonlyMap<string, number>): Promise<Record<string, number>>;
}

export interface FoldersDeps {
  database: Pick<Database, 'db'>;
  access: Pick<Access, 'grants' | 'groupIds'>;
}

export function createFolders({ database, access }: FoldersDeps): Folders {
  const { db } = database;

  async function allows(user: Who, folder: Folder | string, right: Right, on: Db = db): Promise<boolean> {
    const found = typeof folder === 'string' ? await findFolder(on, folder) : folder;
    if (!found) return false;
    if (found.user_id === user.id) return true;
    const chain = await folderChain(on, found);
    if (chain.some((one) => one.user_id === user.id)) return true;
    const ids = chain.map((one) => one.id);
    const grants = await access.grants.list(on, 'folder', ids);
    const groups = await access.groupIds(user.id);
    return ids.some((id) => grantsAllow(grants.get(id) ?? [], user.id, groups, right));
  }

  return {
    find: (id) => findFolder(db, id),
    allows: (user, folder, right) => allows(user, folder, right),
    async chain(id) {
      const folder = await findFolder(db, id);
      return folder ? folderChain(db, folder) : [];
    },
    async granted(folders) {
      const grants = await access.grants.list(
        db,
        'folder',
        folders.map((one) => one.id),
      );
      return new Set([...grants].filter(([, list]) => list.length > 0).map(([id]) => id));
    },
    own: (userId) => folderNodes(db, userId),
    async subtree(userId, folderId) {
      const nodes = await folderNodes(db, userId);
      return nodes.some((node) => node.id === folderId) ? [...withDescendants(nodes, [folderId])] : [folderId];
    },
    async unreadCounts(userId, direct) {
      return rollUp(await folderNodes(db, userId), direct);
    },
  };
}
