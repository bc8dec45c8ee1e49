import { randomUUID } from 'node:crypto';
import { type Database, uniqueViolation } from '../../kernel/database/index.ts';
import { deleteUpdates, FIRST, insertUpdate, loadUpdates, measure } from './document-store.ts';

/** Bytes of one document, and updates after which they are made one. */
const MAX_SIZE = 2 * 1024 * 1024;
const MAX_UPDATES = 500;

/** An empty document, as clients test for it. */
const EMPTY = Uint8Array.of(0, 0);

/**
 * What is written together (Yjs updates; realtime note, 1.13), for as long as somebody is at it. It lies in the database, so that
 * all processes see one document; updates may come in any order.
 */
export interface Documents {
  /** All updates as one; null where there are none. */
  state(documentId: string): Promise<Uint8Array | null>;
  /** Keeps an update; false when it is none, or the document would grow too big. */
  add(documentId: string, update: Uint8Array): Promise<boolean>;
  /** Keeps an update as the first one; false when there is something already, or as above. */
  begin(documentId: string, update: Uint8Array): Promise<boolean>;
  clear(documentId: string): Promise<void>;
}

export const emptyState = EMPTY;

export function createDocuments(database: Pick<Database, 'db' | 'transaction'>): Documents {
  const { db } = database;

  async function keep(documentId: string, id: string, bytes: Uint8Array): Promise<boolean> {
    if (!(await isUpdate(bytes))) return false;
    const { count, size } = await measure(db, documentId);
    if (size + bytes.length > MAX_SIZE || (id === FIRST && count > 0)) return false;
    try {
      await insertUpdate(db, documentId, { id, bytes });
    } catch (error) {
      if (id === FIRST && uniqueViolation(error) !== null) return false;
      throw error;
    }
    if (count + 1 >= MAX_UPDATES) await squash(documentId);
    return true;
  }
  /** Whoever does it at the same time finds the same: applying an update twice changes nothing. */
  async function squash(documentId: string): Promise<void> {
    await database.transaction(async (tx) => {
      const updates = await loadUpdates(tx, documentId);
      const bytes = await merge(updates.map((one) => one.bytes));
      const ids = updates.map((one) => one.id);
      await deleteUpdates(tx, documentId, ids);
      await insertUpdate(tx, documentId, { id: ids.includes(FIRST) ? FIRST : randomUUID(), bytes });
    });
  }

  return {
    async state(documentId) {
      const updates = await loadUpdates(db, documentId);
      return updates.length === 0 ? null : merge(updates.map((one) => one.bytes));
    },
    add: (documentId, update) => keep(documentId, randomUUID(), update),
    begin: (documentId, update) => keep(documentId, FIRST, update),
    clear: (documentId) => deleteUpdates(db, documentId),
  };
}

async function merge(updates: readonly Uint8Array[]): Promise<Uint8Array> {
  const { applyUpdate, Doc, encodeStateAsUpdate } = await import('yjs');
  const doc = new Doc();
  try {
    doc.transact(() => {
      for (const update of updates) applyUpdate(doc, update);
    });
    return encodeStateAsUpdate(doc);
  } finally {
    doc.destroy();
  }
}

async function isUpdate(bytes: Uint8Array): Promise<boolean> {
  const { decodeUpdate } = await import('yjs');
  try {
    decodeUpdate(bytes);
    return true;
  } catch {
    // Bytes from outside: whatever is wrong with them, they are no update.
    return false;
  }
}
