import type { Selectable } from 'kysely';
import type { Db, Json, Tables } from '../../kernel/database/index.ts';

export type MemoryRow = Selectable<Tables['memory']>;
type MemoryWrite = Omit<MemoryRow, 'meta'> & { meta: Json | null };

/** A user's memories, oldest first. */
export function listMemories(db: Db, userId: string): Promise<MemoryRow[]> {
  return db
    .selectFrom('memory')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

export function findMemory(db: Db, userId: string, id: string): Promise<MemoryRow | undefined> {
  return db.selectFrom('memory').selectAll().where('id', '=', id).where('user_id', '=', userId).executeTakeFirst();
}

export async function insertMemory(db: Db, row: MemoryWrite): Promise<void> {
  await db.insertInto('memory').values(row).execute();
}

export async function updateMemory(db: Db, id: string, changes: Partial<MemoryWrite>): Promise<void> {
  await db.updateTable('memory').set(changes).where('id', '=', id).execute();
}

/** False when the user has no such memory. */
export async function deleteMemory(db: Db, userId: string, id: string): Promise<boolean> {
  const result = await db.deleteFrom('memory').where('id', '=', id).where('user_id', '=', userId).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export async function deleteMemories(db: Db, userId: string): Promise<void> {
  await db.deleteFrom('memory').where('user_id', '=', userId).execute();
}
