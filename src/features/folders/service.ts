import { randomUUID } from 'node:crypto';
import type { Database } from '../../kernel/database/index.ts';
import { forbidden, HttpError, notFound, wrapped } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type Access, allowedGrants, listWireGrants } from '../access/index.ts';
import type { Accounts } from '../accounts/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { attachmentsOf, keyOf, unreadable } from './attachments.ts';
import type { Folders } from './folders.ts';
import type { FolderChats, FolderFiles } from './ports.ts';
import { presentDetail, presentItem } from './present.ts';
import type { FolderAccessGrantsForm, FolderForm, FolderUpdateForm, SharedChatsQuery } from './shapes.ts';
import { listSharedFolders } from './shared.ts';
import * as store from './store.ts';
import { rollUp, strayFolders, withDescendants } from './tree.ts';

export interface FolderServiceDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  access: Access;
  accounts: Pick<Accounts, 'findUser'>;
  events: EventSink;
  files: FolderFiles;
  folders: Folders;
  chats: FolderChats;
  log: Pick<Log, 'error'>;
}

const EXISTS = () => new HttpError(400, wrapped('Folder already exists'), { code: 'folder.exists' });

/** Rules of folders (chats note, 4). */
export function createFolderService(deps: FolderServiceDeps) {
  const { database, access, accounts, events, folders, chats } = deps;
  const { db } = database;
  const publish = (event: string, actor: User, id: string, data: JsonObject) =>
    events.publish(event, { actor, subject: { id }, data });

  async function detailOf(folder: store.Folder, writable: boolean) {
    const grants = await listWireGrants(db, 'folder', [folder.id]);
    return presentDetail(folder, grants.get(folder.id) ?? [], writable);
  }

  /** 403 unless `data.files` holds only what the user may read. */
  async function checkFiles(user: User, files: unknown, known: ReadonlySet<string> = new Set()): Promise<void> {
    if (files === undefined || files === null) return;
    if (!Array.isArray(files)) throw forbidden();
    const asked = attachmentsOf(files).map((one) => one.attachment);
    const added = asked.filter((one) => !known.has(keyOf(one)));
    if ((await unreadable(db, deps, user, added)).size > 0) throw forbidden();
  }

  async function mayWrite(user: User, folder: store.Folder): Promise<boolean> {
    return user.role === 'admin' || folders.allows(user, folder, 'write');
  }

  return {
    mayWrite,

    async mayRead(user: User, folder: store.Folder): Promise<boolean> {
      return user.role === 'admin' || folders.allows(user, folder, 'read');
    },

    async list(user: User) {
      const found = await store.foldersOf(db, [user.id]);
      for (const id of strayFolders(found)) {
        await store.updateFolder(db, id, { parent_id: null });
        const folder = found.find((one) => one.id === id);
        if (folder) folder.parent_id = null;
      }
      await dropUnreadable(deps, user, found);
      const counts = rollUp(found, await chats.unread(user.id));
      return found.map((folder) => presentItem(folder, counts[folder.id] ?? 0));
    },

    listShared: (user: User) => listSharedFolders(db, access, user),

    async detail(user: User, folder: store.Folder) {
      return detailOf(folder, await mayWrite(user, folder));
    },

    async create(user: User, form: FolderForm) {
      await checkFiles(user, form.data?.files);
      const ownerId = await ownerOfNew(form);
      if (await store.hasSibling(db, ownerId, form.parent_id, form.name, null)) throw EXISTS();
      const now = nowSeconds();
      const folder: store.Folder = {
        id: randomUUID(),
        user_id: ownerId,
        parent_id: form.parent_id,
        name: form.name,
        items: null,
        meta: form.meta,
        data: form.data,
        is_expanded: false,
        created_at: now,
        updated_at: now,
      };
      await store.insertFolder(db, folder);
      publish('folder.created', user, folder.id, { name: folder.name, parent_id: folder.parent_id, owner_id: ownerId });
      return folder;

      /** A folder in somebody else's tree becomes theirs. */
      async function ownerOfNew({ parent_id: parentId, data }: FolderForm): Promise<string> {
        const parent = parentId === null ? null : await store.findFolder(db, parentId);
        if (!parent || parent.user_id === user.id) return user.id;
        if (!(await mayWrite(user, parent))) throw forbidden();
        const owner = await accounts.findUser(parent.user_id);
        if (!owner) throw notFound();
        await checkFiles(owner, data?.files);
        return owner.id;
      }
    },

    async update(user: User, folder: store.Folder, form: FolderUpdateForm) {
      const isOwner = folder.user_id === user.id;
      const mode = form.data && 'share_mode' in form.data ? form.data.share_mode : undefined;
      const changesMode = mode !== undefined && (mode ?? null) !== (folder.data?.share_mode ?? null);
      if (changesMode && !isOwner && user.role !== 'admin') throw forbidden();
      await checkUpdatedFiles(user, folder, form.data?.files);
      const name = form.name ?? undefined;
      if (name !== undefined && (await store.hasSibling(db, folder.user_id, folder.parent_id, name, folder.id))) {
        throw EXISTS();
      }
      const updated = await database.transaction(async (tx) => {
        const stored = await store.findFolder(tx, folder.id);
        if (!stored) throw notFound();
        const change = {
          ...(name !== undefined && { name }),
          ...(form.data && { data: { ...stored.data, ...form.data } }),
          ...(form.meta && { meta: { ...stored.meta, ...form.meta } }),
          updated_at: nowSeconds(),
        };
        await store.updateFolder(tx, folder.id, change);
        return { ...stored, ...change };
      });
      publish('folder.updated', user, folder.id, { name: updated.name });
      return updated;
    },

    async move(user: User, folder: store.Folder, parentId: string | null) {
      if (await store.hasSibling(db, folder.user_id, parentId, folder.name, folder.id)) throw EXISTS();
      if (parentId !== null) {
        const own = await store.folderNodes(db, user.id);
        if (withDescendants(own, [folder.id]).has(parentId)) {
          throw new HttpError(400, wrapped('Cannot move a folder into itself or one of its subfolders'));
        }
        if (!own.some((one) => one.id === parentId)) throw notFound();
      }
      const updated_at = nowSeconds();
      await store.updateFolder(db, folder.id, { parent_id: parentId, updated_at });
      publish('folder.parent_updated', user, folder.id, { parent_id: parentId });
      return { ...folder, parent_id: parentId, updated_at };
    },

    async expand(user: User, folder: store.Folder, isExpanded: boolean) {
      if (folder.user_id !== user.id) return folder;
      const change = { is_expanded: isExpanded, updated_at: nowSeconds() };
      await store.updateFolder(db, folder.id, change);
      return { ...folder, ...change };
    },

    async share(user: User, folder: store.Folder, form: FolderAccessGrantsForm) {
      const grants = await allowedGrants(access.permissions, user, 'folder', form.access_grants);
      const updated = await database.transaction(async (tx) => {
        await access.grants.set(tx, 'folder', folder.id, grants);
        if (!('share_mode' in form)) return folder;
        const stored = await store.findFolder(tx, folder.id);
        if (!stored) throw notFound();
        const change = { data: { ...stored.data, share_mode: form.share_mode ?? null }, updated_at: nowSeconds() };
        await store.updateFolder(tx, folder.id, change);
        return { ...stored, ...change };
      });
      publish('folder.access_updated', user, folder.id, { grant_count: grants.length });
      return detailOf(updated, true);
    },

    async sharedChats(user: User, folder: store.Folder, query: SharedChatsQuery) {
      const page = { page: query.page, sortBy: query.sort_by, ascending: query.sort_dir === 'asc' };
      const found = await chats.listShared(user, folder.id, page);
      return { ...found, folder_permission: (await mayWrite(user, folder)) ? 'write' : 'read' };
    },

    async markRead(user: User, folder: store.Folder) {
      const whole = user.role === 'admin' || folder.user_id === user.id;
      const ids = whole ? [...withDescendants(await store.folderNodes(db, folder.user_id), [folder.id])] : [folder.id];
      const updated = await chats.markRead(user.id, ids);
      const counts = await folders.unreadCounts(user.id, await chats.unread(user.id));
      return { folder_id: folder.id, folder_ids: ids, updated_count: updated, folder_unread_counts: counts };
    },

    async remove(user: User, folder: store.Folder, deleteContents: boolean): Promise<void> {
      const ownerId = folder.user_id;
      const nodes = await store.folderNodes(db, ownerId);
      const ids = [...withDescendants(nodes, [folder.id])];
      const contents = deleteContents ? await chats.idsIn(ownerId, ids) : [];
      if (contents.length > 0 && user.role !== 'admin' && !(await access.permissions(user, 'chat.delete'))) {
        throw forbidden();
      }
      await chats.stop(contents);
      await database.transaction(async (tx) => {
        await chats.release(tx, ids, contents);
        await access.grants.remove(tx, 'folder', ids);
        await store.deleteFolders(tx, ownerId, ids);
      });
      publish('folder.deleted', user, folder.id, { folder_ids: ids, delete_contents: deleteContents });
    },
  };

  async function checkUpdatedFiles(user: User, folder: store.Folder, files: unknown): Promise<void> {
    if (files === undefined || files === null) return;
    const owner = folder.user_id === user.id ? user : await accounts.findUser(folder.user_id);
    if (owner && owner.id !== user.id) await checkFiles(owner, files);
    const known = new Set(attachmentsOf(folder.data?.files).map((one) => keyOf(one.attachment)));
    await checkFiles(user, files, known);
  }
}

/** Takes entries of `data.files` that mean nothing, or that the user may no longer read, out of the folders and their rows. */
async function dropUnreadable(
  deps: Pick<FolderServiceDeps, 'database' | 'access' | 'files' | 'log'>,
  user: User,
  found: store.Folder[],
): Promise<void> {
  const { db } = deps.database;
  const holding = found.filter((folder) => Array.isArray(folder.data?.files) && folder.data.files.length > 0);
  if (holding.length === 0) return;
  let denied: Set<string>;
  try {
    const asked = holding.flatMap((folder) => attachmentsOf(folder.data?.files).map((one) => one.attachment));
    denied = await unreadable(db, deps, user, asked);
  } catch (error) {
    // The list is shown as it is; what may be read is asked again with the next one.
    deps.log.error({ err: error }, 'the files of folders could not be checked');
    return;
  }
  for (const folder of holding) {
    const stored = Array.isArray(folder.data?.files) ? folder.data.files : [];
    const kept = attachmentsOf(stored).filter((one) => !denied.has(keyOf(one.attachment)));
    if (kept.length === stored.length) continue;
    folder.data = { ...folder.data, files: kept.map((one) => one.entry) };
    await store.updateFolder(db, folder.id, { data: folder.data });
  }
}
