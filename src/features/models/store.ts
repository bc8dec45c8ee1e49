import type { Selectable } from 'kysely';
import type { Db, Json, Tables } from '../../kernel/database/index.ts';

/** A row of table `model`. */
export type ModelRow = Selectable<Tables['model']>;
export type NewModel = Omit<ModelRow, 'params' | 'meta'> & { params: Json; meta: Json };
export type ModelChanges = Partial<Omit<NewModel, 'id'>>;

/** Every row, oldest first. */
export function listModels(db: Db): Promise<ModelRow[]> {
  return db.selectFrom('model').selectAll().orderBy('created_at').orderBy('id').execute();
}

export function findModel(db: Db, id: string): Promise<ModelRow | undefined> {
  return db.selectFrom('model').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertModel(db: Db, row: NewModel): Promise<void> {
  await db.insertInto('model').values(row).execute();
}

/** Changes a row while its version is still `version` (undefined: whatever it is). Whether it was. */
export async function updateModel(
  db: Db,
  id: string,
  changes: ModelChanges,
  version?: string | null,
): Promise<boolean> {
  let query = db.updateTable('model').set(changes).where('id', '=', id);
  if (version === null) query = query.where('version_id', 'is', null);
  else if (version !== undefined) query = query.where('version_id', '=', version);
  return Number((await query.executeTakeFirst()).numUpdatedRows) > 0;
}

/** Removes rows with their history; grants are the caller's. Without ids, all. */
export async function deleteModels(db: Db, ids?: readonly string[]): Promise<void> {
  if (ids?.length === 0) return;
  let rows = db.deleteFrom('model');
  let history = db.deleteFrom('model_history');
  if (ids) {
    rows = rows.where('id', 'in', [...ids]);
    history = history.where('model_id', 'in', [...ids]);
  }
  await history.execute();
  await rows.execute();
}
