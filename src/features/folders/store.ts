import type { Selectable } from 'kysely';
import { type Db, escapeLike, json, likeFold, type Tables } from '../../kernel/database/index.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';

type FolderRow = Selectable<Tables['folder']>;

/** A folder of a user's chats. */
export interface Folder extends Omit<FolderRow, 'items' | 'meta' | 'data'> {
  items: JsonObject | null;
  meta: JsonObject | null;
  data: JsonObject | null;
}

/** A folder as the tree needs it. */
export interface FolderNode {
  id: string;
  parent_id: string | null;
}

function folderOf(row: FolderRow): Folder {
  return { ...row, items: objectOr(row.items), meta: objectOr(row.meta), data: objectOr(row.data) };
}

function objectOr(value: unknown): JsonObject | null {
  return isObject(value) ? value : null;
}

export async function findFolder(db: Db, id: string): Promise<Folder | null> {
  const row = await db.selectFrom('folder').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? folderOf(row) : null;
}

/** All folders of these users, oldest first. */
export async function foldersOf(db: Db, userIds: readonly string[]): Promise<Folder[]> {
  if (userIds.length === 0) return [];
  const rows = await db
    .selectFrom('folder')
    .selectAll()
    .where('user_id', 'in', [...userIds])
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(folderOf);
}

export async function foldersById(db: Db, ids: readonly string[]): Promise<Folder[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('folder')
    .selectAll()
    .where('id', 'in', [...ids])
    .execute();
  return rows.map(folderOf);
}

/** The folders of a user without what is in them. */
export function folderNodes(db: Db, userId: string): Promise<(FolderNode & { name: string })[]> {
  return db.selectFrom('folder').select(['id', 'parent_id', 'name']).where('user_id', '=', userId).execute();
}

/** Longest way up that is followed. */
const MAX_DEPTH = 100;

/** The folder and all above it, itself first; ends where a parent is missing or a circle closes. */
export async function folderChain(db: Db, folder: Folder): Promise<Folder[]> {
  const chain = [folder];
  const seen = new Set([folder.id]);
  let at = folder;
  while (at.parent_id !== null && !seen.has(at.parent_id) && chain.length < MAX_DEPTH) {
    const parent = await findFolder(db, at.parent_id);
    if (!parent) break;
    seen.add(parent.id);
    chain.push(parent);
    at = parent;
  }
  return chain;
}

/** Whether the user has another folder of that name, whatever its case, beside it. */
export async function hasSibling(
  db: Db,
  userId: string,
  parentId: string | null,
  name: string,
  exceptId: string | null,
): Promise<boolean> {
  const row = await db
    .selectFrom('folder')
    .select('id')
    .where('user_id', '=', userId)
    .where('parent_id', parentId === null ? 'is' : '=', parentId)
    .where(likeFold(db, 'name', escapeLike(name)))
    .where('id', '<>', exceptId ?? '')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertFolder(db: Db, folder: Folder): Promise<void> {
  const { items, meta, data } = folder;
  await db
    .insertInto('folder')
    .values({ ...folder, items: items && json(items), meta: meta && json(meta), data: data && json(data) })
    .execute();
}

export interface FolderChange {
  parent_id?: string | null;
  name?: string;
  meta?: JsonObject;
  data?: JsonObject;
  is_expanded?: boolean;
  updated_at?: number;
}

export async function updateFolder(db: Db, id: string, change: FolderChange): Promise<void> {
  const { meta, data, ...rest } = change;
  await db
    .updateTable('folder')
    .set({ ...rest, ...(meta && { meta: json(meta) }), ...(data && { data: json(data) }) })
    .where('id', '=', id)
    .execute();
}

/** Deletes folders and takes them off the owner's automations. */
export async function deleteFolders(db: Db, ownerId: string, ids: readonly string[]): Promise<void> {
  await db
    .updateTable('automation')
    .set({ folder_id: null })
    .where('user_id', '=', ownerId)
    .where('folder_id', 'in', [...ids])
    .execute();
  await db
    .deleteFrom('folder')
    .where('id', 'in', [...ids])
    .where('user_id', '=', ownerId)
    .execute();
}

/** Names of accounts by id; those that are gone are missing. */
export async function ownerNames(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('user')
    .select(['id', 'name'])
    .where('id', 'in', [...ids])
    .execute();
  return new Map(rows.map(({ id, name }) => [id, name ?? '']));
}
