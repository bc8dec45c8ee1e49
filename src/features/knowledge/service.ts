import { randomUUID } from 'node:crypto';
import { type Database, type Db, uniqueViolation } from '../../kernel/database/index.ts';
import { detail, forbidden, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type Access, allowedGrants, listWireGrants, permittedGrants, type Right } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { type Files, findFile, presentFileResponse } from '../files/index.ts';
import { presentDirectory, presentFile, presentFound, presentKnowledge, presentLinked } from './present.ts';
import type * as shapes from './shapes.ts';
import * as store from './store.ts';
import { diffFolder, type Pending } from './sync.ts';
import { type Tree, treeOf } from './tree.ts';

export interface KnowledgeDeps {
  database: Database;
  access: Access;
  settings: Pick<Settings, 'get'>;
  config: Pick<Config, 'get'>;
  files: Pick<Files, 'unreadable' | 'discard'>;
  events: EventSink;
}

export type Knowledge = ReturnType<typeof createKnowledge>;
type Row = store.KnowledgeRow;

/** Rules of knowledge bases (retrieval note, 3). Their texts are searched once there is an index; the links are here. */
export function createKnowledge({ database, access, settings, files, events }: KnowledgeDeps) {
  const { db } = database;
  const viewerOf = async (user: User) => ({ id: user.id, groupIds: await access.groupIds(user.id) });
  const seesAll = (user: User) => user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  const grantsOf = async (id: string) => (await listWireGrants(db, 'knowledge', [id])).get(id) ?? [];
  const treeFor = async (id: string, on: Db = db): Promise<Tree> => treeOf(await store.listDirectories(on, id));
  const publish = (event: string, actor: User, row: Pick<Row, 'id'>, data: JsonObject = {}) =>
    events.publish(event, { actor, subject: { type: 'knowledge', id: row.id }, data });

  async function allows(user: User, row: Row, right: Right): Promise<boolean> {
    if (user.role === 'admin' || row.user_id === user.id) return true;
    return access.grants.allows(user, 'knowledge', row.id, right);
  }

  /** KnowledgeFilesResponse with the files. */
  async function withFiles(id: string) {
    const [row, grants, linked] = await Promise.all([
      store.findKnowledge(db, id),
      grantsOf(id),
      store.linkedFiles(db, id),
    ]);
    if (!row) throw notFound();
    return { ...presentKnowledge(row, grants), files: linked.map(presentLinked), write_access: false };
  }

  /** Removes files that nothing needs any more and that are the caller's to remove. */
  async function discard(user: User, candidates: readonly { id: string; user_id: string | null }[]): Promise<void> {
    const own = candidates.filter((file) => user.role === 'admin' || file.user_id === user.id);
    for (const id of await store.unlinked(
      db,
      own.map((file) => file.id),
    ))
      await files.discard(id);
  }

  async function checkDirectory(tx: Db, id: string, directoryId: string | null, text: string): Promise<void> {
    if (directoryId !== null && !(await treeFor(id, tx)).get(directoryId)) throw notFound(text);
  }

  async function search(user: User, wanted: store.Search) {
    const viewer = await viewerOf(user);
    const all = seesAll(user);
    const { items, total } = await store.searchKnowledge(db, viewer, all, wanted);
    const grants = await listWireGrants(
      db,
      'knowledge',
      items.map((row) => row.id),
    );
    return {
      items: items.map((row) => {
        const write = all || row.user_id === user.id || Number(row.writable) === 1;
        return presentFound(row, grants.get(row.id) ?? [], write);
      }),
      total,
    };
  }

  return {
    allows,
    withFiles,

    search: (user: User, query: shapes.SearchQuery) => search(user, searchOf(query)),
    list: (user: User, page: number) => search(user, { ...EVERYTHING, page }),

    async create(user: User, form: shapes.KnowledgeForm) {
      const grants = await permittedGrants(access.permissions, user, 'knowledge', form.access_grants);
      const now = nowSeconds();
      const row = { id: randomUUID(), user_id: user.id, name: form.name, description: form.description };
      const times = { created_at: now, updated_at: now };
      await database.transaction(async (tx) => {
        await store.insertKnowledge(tx, { ...row, ...times, meta: null });
        await access.grants.set(tx, 'knowledge', row.id, grants);
      });
      publish('knowledge.created', user, row, { name: row.name });
      const whole = presentKnowledge({ ...row, ...times, meta: null, data: null }, await grantsOf(row.id));
      return { ...whole, files: null };
    },

    async one(user: User, row: Row) {
      const write =
        row.user_id === user.id || seesAll(user) || (await access.grants.allows(user, 'knowledge', row.id, 'write'));
      return { ...presentKnowledge(row, await grantsOf(row.id)), files: null, write_access: write };
    },

    async update(user: User, row: Row, { name, description }: shapes.KnowledgeForm) {
      await store.updateKnowledge(db, row.id, { name, description });
      publish('knowledge.updated', user, row, { name });
      return withFiles(row.id);
    },

    async share(user: User, row: Row, list: unknown) {
      const grants = await allowedGrants(access.permissions, user, 'knowledge', list);
      await database.transaction(async (tx) => {
        await access.grants.set(tx, 'knowledge', row.id, grants);
        await store.updateKnowledge(tx, row.id);
      });
      publish('knowledge.access_updated', user, row, { name: row.name });
      return withFiles(row.id);
    },

    async remove(user: User, row: Row): Promise<void> {
      await database.transaction(async (tx) => {
        await store.forgetInModels(tx, row.id);
        await access.grants.remove(tx, 'knowledge', [row.id]);
        await store.deleteKnowledge(tx, row.id);
      });
      publish('knowledge.deleted', user, row, { name: row.name });
    },

    async reset(user: User, row: Row, directories: boolean) {
      const linked = await store.linkedFiles(db, row.id);
      await database.transaction(async (tx) => {
        await store.clearKnowledge(tx, row.id, directories);
        await store.updateKnowledge(tx, row.id);
      });
      if (!settings.get('ENABLE_KNOWLEDGE_FILE_RETENTION')) await discard(user, linked);
      publish('knowledge.reset', user, row);
      const { write_access: _access, ...whole } = await withFiles(row.id);
      return whole;
    },

    async searchFiles(user: User, query: string | null, content: boolean, page: number) {
      const found = await store.searchFiles(db, {
        ...ANY_FILE,
        in: { viewer: await viewerOf(user) },
        userId: user.id,
        query,
        content,
        page,
      });
      const ids = [...new Set(found.items.map((item) => item.knowledge_id))];
      const bases = new Map<string, { row: Row; tree: Tree }>();
      for (const id of ids) {
        const row = await store.findKnowledge(db, id);
        if (row) bases.set(id, { row, tree: await treeFor(id) });
      }
      const grants = await listWireGrants(db, 'knowledge', ids);
      const items = found.items.map((item) => {
        const base = bases.get(item.knowledge_id);
        const collection = base && presentKnowledge(base.row, grants.get(item.knowledge_id) ?? []);
        return { ...presentFile(item, base?.tree ?? treeOf([])), collection };
      });
      return { items, directories: [], breadcrumbs: [], total: found.total };
    },

    async files(user: User, row: Row, query: shapes.FileListQuery) {
      const tree = await treeFor(row.id);
      const directory = query.directory_id === '' ? 'root' : query.directory_id;
      const limit = user.role === 'admin' && query.limit !== null ? Math.max(1, query.limit) : store.PAGE;
      const { items, total } = await store.searchFiles(db, {
        in: { knowledgeId: row.id },
        query: query.query,
        content: query.include_content,
        view: viewOf(query.view_option),
        userId: user.id,
        order: query.order_by === 'name' ? 'filename' : query.order_by === 'created_at' ? 'created_at' : 'updated_at',
        ascending: query.direction === 'asc',
        directory,
        page: query.page ?? 1,
        limit,
      });
      const at = directory === 'root' ? null : directory;
      return {
        items: items.map((item) => presentFile(item, tree)),
        directories: tree.children(at).map(presentDirectory),
        breadcrumbs: tree.chain(at).map(presentDirectory),
        total,
      };
    },

    async pending(row: Row) {
      return (await store.pendingFiles(db, row.id)).map(presentFileResponse);
    },

    /** Links files whose text has been read. */
    async addFiles(user: User, row: Row, forms: readonly shapes.KnowledgeFileIdForm[]) {
      for (const { file_id: id, directory_id: directory } of forms) {
        await checkDirectory(db, row.id, directory, 'Target directory not found.');
        const file = await findFile(db, id);
        if (!file) throw new HttpError(400, forms.length > 1 ? `File ${id} not found` : detail.NOT_FOUND);
        if (!isObject(file.data) || typeof file.data.content !== 'string') {
          throw new HttpError(400, detail.FILE_NOT_PROCESSED);
        }
        if ((await files.unreadable(user, [id])).length > 0) throw forbidden();
        if (file.hash !== null && (await store.hasText(db, row.id, file.hash, id))) {
          throw new HttpError(400, `400: ${detail.DUPLICATE_CONTENT}`);
        }
        await store.linkFile(db, { knowledgeId: row.id, fileId: id, userId: user.id, directoryId: directory });
        publish('knowledge.file.added', user, row, { file_id: id });
      }
      await store.updateKnowledge(db, row.id);
      return withFiles(row.id);
    },

    /** What an upload for a base does once it is read. Throws the text for the file's status. */
    async attach(user: User, file: { id: string; hash: string | null }, metadata: JsonObject): Promise<void> {
      const { knowledge_id: id, directory_id: wanted } = metadata;
      if (typeof id !== 'string') return;
      const row = await store.findKnowledge(db, id);
      if (!row || isExternal(row) || !(await allows(user, row, 'write'))) return;
      const tree = await treeFor(id);
      const directoryId = typeof wanted === 'string' && tree.get(wanted) ? wanted : null;
      if (file.hash !== null && (await store.hasText(db, id, file.hash, file.id))) {
        throw new HttpError(400, detail.DUPLICATE_CONTENT);
      }
      await store.linkFile(db, { knowledgeId: id, fileId: file.id, userId: user.id, directoryId });
      publish('knowledge.file.added', user, row, { file_id: file.id });
    },

    /** A linked file's text is read anew by whatever indexes the base. */
    async updateFile(user: User, row: Row, fileId: string) {
      if ((await store.linksOf(db, row.id, [fileId])).length === 0) throw new HttpError(400, detail.NOT_FOUND);
      publish('knowledge.file.updated', user, row, { file_id: fileId });
      return withFiles(row.id);
    },

    async removeFile(user: User, row: Row, fileId: string, alsoDelete: boolean) {
      const file = await findFile(db, fileId);
      if (!file) throw new HttpError(400, detail.NOT_FOUND);
      await store.unlinkFiles(db, row.id, [fileId]);
      if (alsoDelete) await discard(user, [file]);
      publish('knowledge.file.removed', user, row, { file_id: fileId });
      return withFiles(row.id);
    },

    async moveFile(user: User, row: Row, fileId: string, directoryId: string | null): Promise<void> {
      if ((await store.linksOf(db, row.id, [fileId])).length === 0) throw notFound();
      await checkDirectory(db, row.id, directoryId, 'Target directory not found.');
      await store.moveFiles(db, row.id, { fileId }, directoryId);
      publish('knowledge.file.moved', user, row, { file_id: fileId, directory_id: directoryId });
    },

    async createDirectory(user: User, row: Row, name: string, parentId: string | null) {
      const now = nowSeconds();
      const made = {
        id: randomUUID(),
        knowledge_id: row.id,
        parent_id: parentId,
        name,
        user_id: user.id,
        created_at: now,
        updated_at: now,
      };
      await asDirectoryChange('create', () =>
        database.transaction(async (tx) => {
          await checkDirectory(tx, row.id, parentId, 'Parent directory not found.');
          const tree = await treeFor(row.id, tx);
          if (tree.children(parentId).some((child) => child.name === name)) throw new DirectoryConflict();
          await store.insertDirectory(tx, made);
        }),
      );
      publish('knowledge.directory.created', user, row, { directory_id: made.id, name });
      return presentDirectory(made);
    },

    async updateDirectory(user: User, row: Row, id: string, form: shapes.KnowledgeDirectoryUpdateForm) {
      const changed = await asDirectoryChange('update', () =>
        database.transaction(async (tx) => {
          const tree = await treeFor(row.id, tx);
          const before = tree.get(id);
          if (!before) throw notFound('Directory not found.');
          const parent_id = form.parent_id === undefined ? before.parent_id : form.parent_id;
          const next = { name: form.name ?? before.name, parent_id, updated_at: nowSeconds() };
          if (parent_id !== null && (!tree.get(parent_id) || tree.subtree(id).includes(parent_id))) {
            throw new DirectoryConflict();
          }
          if (tree.children(parent_id).some((child) => child.id !== id && child.name === next.name)) {
            throw new DirectoryConflict();
          }
          await store.updateDirectory(tx, id, next);
          return { ...before, ...next };
        }),
      );
      publish('knowledge.directory.updated', user, row, { directory_id: id, name: changed.name });
      return presentDirectory(changed);
    },

    async deleteDirectory(user: User, row: Row, id: string, keepFiles: boolean) {
      const tree = await treeFor(row.id);
      const directory = tree.get(id);
      if (!directory) throw notFound('Directory not found.');
      const subtree = tree.subtree(id);
      const inside = (await store.linkedFiles(db, row.id)).filter(
        (file) => file.directory_id !== null && subtree.includes(file.directory_id),
      );
      await database.transaction(async (tx) => {
        if (keepFiles) await store.moveFiles(tx, row.id, { directoryIds: subtree }, directory.parent_id);
        else
          await store.unlinkFiles(
            tx,
            row.id,
            inside.map((file) => file.id),
          );
        await store.deleteDirectories(tx, subtree);
      });
      if (!keepFiles && !settings.get('ENABLE_KNOWLEDGE_FILE_RETENTION')) await discard(user, inside);
      publish('knowledge.directory.deleted', user, row, { directory_id: id });
      return { status: true, file_ids: keepFiles ? [] : inside.map((file) => file.id) };
    },

    async diff(row: Row, { manifest }: shapes.SyncDiffForm) {
      const [linked, tree, waiting] = await Promise.all([
        store.linkedFiles(db, row.id),
        treeFor(row.id),
        store.pendingFiles(db, row.id),
      ]);
      const recent = nowSeconds() - 3_600;
      const pending = waiting.flatMap(({ filename, meta, created_at }): Pending[] => {
        const sent = isObject(meta) && isObject(meta.data) ? meta.data : {};
        const directory = typeof sent.directory_id === 'string' ? sent.directory_id : null;
        if ((created_at ?? 0) < recent || !isObject(meta) || typeof meta.file_hash !== 'string') return [];
        return [{ path: tree.path(directory), name: filename ?? '', hash: meta.file_hash }];
      });
      return diffFolder(manifest, linked, tree, pending);
    },

    async cleanup(user: User, row: Row, { file_ids, dir_ids }: shapes.SyncCleanupForm): Promise<void> {
      const linked = await store.linkedFiles(db, row.id);
      const tree = await treeFor(row.id);
      const directories = new Set(dir_ids.filter((id) => tree.get(id)).flatMap((id) => tree.subtree(id)));
      const gone = linked.filter(
        (file) => file_ids.includes(file.id) || (file.directory_id !== null && directories.has(file.directory_id)),
      );
      await database.transaction(async (tx) => {
        await store.unlinkFiles(
          tx,
          row.id,
          gone.map((file) => file.id),
        );
        await store.deleteDirectories(tx, [...directories]);
      });
      const listed = gone.filter((file) => file_ids.includes(file.id));
      if (!settings.get('ENABLE_KNOWLEDGE_FILE_RETENTION')) await discard(user, listed);
    },
  };
}

class DirectoryConflict extends Error {}

const DIRECTORY_TEXTS = {
  create: 'Failed to create directory. A directory with this name may already exist at this level.',
  update: 'Failed to update directory. This may be caused by a naming conflict or circular move.',
};

async function asDirectoryChange<T>(kind: keyof typeof DIRECTORY_TEXTS, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DirectoryConflict) && uniqueViolation(error) === null) throw error;
    throw new HttpError(400, DIRECTORY_TEXTS[kind], { cause: error });
  }
}

/** Whether its texts lie in a store of somebody else: nothing can be put into it. */
export function isExternal(row: Row): boolean {
  return isObject(row.meta) && row.meta.source === 'external';
}

const EVERYTHING: Omit<store.Search, 'page'> = {
  query: null,
  view: null,
  source: null,
  order: 'updated_at',
  ascending: false,
};
const ANY_FILE = {
  view: null,
  order: 'updated_at',
  ascending: false,
  directory: null,
  limit: store.PAGE,
} as const;

function viewOf(view: string | null): 'created' | 'shared' | null {
  return view === 'created' || view === 'shared' ? view : null;
}

function searchOf({ query, view_option, source, page, order_by, direction }: shapes.SearchQuery): store.Search {
  return {
    query,
    view: viewOf(view_option),
    source,
    order: order_by === 'name' || order_by === 'created_at' ? order_by : 'updated_at',
    ascending: direction === 'asc',
    page: page ?? 1,
  };
}
