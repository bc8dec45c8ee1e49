import { randomUUID } from 'node:crypto';
import { uniqueViolation } from '../../kernel/database/index.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { KnowledgeContext, Row } from './context.ts';
import { presentDirectory } from './present.ts';
import type * as shapes from './shapes.ts';
import * as store from './store.ts';

/** The directories of knowledge bases (retrieval note, 3.5). */
export function createDirectories(context: KnowledgeContext) {
  const { database, settings, treeFor, publish, discard, checkDirectory } = context;
  const { db } = database;

  return {
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
