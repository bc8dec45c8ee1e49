import { detail, forbidden, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { listWireGrants } from '../access/index.ts';
import { findFile, presentFileResponse } from '../files/index.ts';
import { isExternal, type KnowledgeContext, type Row, viewOf } from './context.ts';
import { presentDirectory, presentFile, presentKnowledge } from './present.ts';
import type * as shapes from './shapes.ts';
import * as store from './store.ts';
import { type Tree, treeOf } from './tree.ts';

/** The files of knowledge bases (retrieval note, 3.4). */
export function createBaseFiles(context: KnowledgeContext) {
  const { access, database, files, viewerOf, treeFor, allows, publish, withFiles, discard, checkDirectory } = context;
  const { db } = database;

  return {
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
        return { ...presentFile(item, base?.tree ?? treeOf([]), access.people, user), collection };
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
        items: items.map((item) => presentFile(item, tree, access.people, user)),
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
  };
}

const ANY_FILE = {
  view: null,
  order: 'updated_at',
  ascending: false,
  directory: null,
  limit: store.PAGE,
} as const;
