import type { Selectable, SelectQueryBuilder } from 'kysely';
import { type Db, escapeLike, type Json, likeFold, type Tables } from '../../kernel/database/index.ts';
import { grantedTo, OWNER } from '../access/index.ts';

/** A row of table `model`. */
export type ModelRow = Selectable<Tables['model']>;
export type NewModel = Omit<ModelRow, 'params' | 'meta'> & { params: Json; meta: Json };
export type ModelChanges = Partial<Omit<NewModel, 'id'>>;

/** Every row, oldest first. */
export function listModels(db: Db): Promise<ModelRow[]> {
  return db.selectFrom('model').selectAll().orderBy('created_at').orderBy('id').execute();
}

const IDS = 500;

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

/** Removes rows with their history; grants are the caller's. */
export async function deleteModels(db: Db, ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += IDS) {
    const some = ids.slice(at, at + IDS);
    await db.deleteFrom('model_history').where('model_id', 'in', some).execute();
    await db.deleteFrom('model').where('id', 'in', some).execute();
  }
}

export async function modelIds(db: Db): Promise<string[]> {
  return (await db.selectFrom('model').select('id').execute()).map(({ id }) => id);
}

export interface ModelSearch {
  /** Null: everybody's. */
  viewer: { id: string; groupIds: ReadonlySet<string> } | null;
  userId: string;
  query: string;
  /** Columns of the owner to look in. */
  ofOwner: readonly string[];
  view: 'created' | 'shared' | null;
  tag: string;
  orderBy: 'name' | 'created_at' | 'updated_at' | null;
  ascending: boolean;
  page: number;
}

const PAGE = 30;

/** One page of presets with their owners, and how many there are. */
export async function searchModels(db: Db, search: ModelSearch) {
  let query = db
    .selectFrom('model')
    .leftJoin('user', 'user.id', 'model.user_id')
    .where('model.base_model_id', 'is not', null);
  if (search.query !== '') {
    const pattern = `%${escapeLike(search.query)}%`;
    const columns = ['model.name', 'model.base_model_id', 'user.username', ...search.ofOwner];
    query = query.where((where) => where.or(columns.map((column) => likeFold(db, column, pattern))));
  }
  if (search.view === 'created') query = query.where('model.user_id', '=', search.userId);
  if (search.view === 'shared') query = query.where('model.user_id', '!=', search.userId);
  if (search.viewer) {
    const { id: userId, groupIds } = search.viewer;
    const granted = grantedTo({ type: 'model', right: 'read', id: 'model.id', userId, groupIds });
    query = query.where((where) => where.or([where('model.user_id', '=', userId), granted]));
  }
  if (search.tag !== '')
    query = query.where((where) => where.or(tagPatterns(search.tag).map((one) => likeFold(db, 'model.meta', one))));
  const direction = search.ascending ? 'asc' : 'desc';
  const page = query.selectAll('model').select(OWNER);
  const [items, counted] = await Promise.all([
    page
      .orderBy(`model.${search.orderBy ?? 'created_at'}`, direction)
      .orderBy('model.id')
      .limit(PAGE)
      .offset((Math.max(1, search.page) - 1) * PAGE)
      .execute(),
    countOf(query),
  ]);
  return { items, total: counted };
}

export type ListedModel = Awaited<ReturnType<typeof searchModels>>['items'][number];

async function countOf<TB extends keyof Tables>(query: SelectQueryBuilder<Tables, TB, object>): Promise<number> {
  const { total } = await query.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
  return Number(total);
}

/** The quoted name as JSON has it: written raw, or in ASCII as older releases did. */
function tagPatterns(tag: string): string[] {
  const raw = JSON.stringify(tag);
  const ascii = raw.replace(/[\u0080-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [...new Set([raw, ascii])].map((text) => `%${escapeLike(text)}%`);
}

export async function insertHistory(
  db: Db,
  entry: Omit<Selectable<Tables['model_history']>, 'snapshot'> & { snapshot: Json },
): Promise<void> {
  await db.insertInto('model_history').values(entry).execute();
}

function historyOf(db: Db, modelId: string) {
  return db
    .selectFrom('model_history')
    .leftJoin('user', 'user.id', 'model_history.user_id')
    .where('model_history.model_id', '=', modelId);
}

const HISTORY = [
  'model_history.id',
  'model_history.model_id',
  'model_history.parent_id',
  'model_history.user_id',
  'model_history.commit_message',
  'model_history.created_at',
  'user.name as user_name',
] as const;

const HISTORY_PAGE = 20;

/** Versions of a model, newest first. */
export function listHistory(db: Db, modelId: string, page: number) {
  return historyOf(db, modelId)
    .select(HISTORY)
    .orderBy('model_history.created_at', 'desc')
    .orderBy('model_history.id', 'desc')
    .limit(HISTORY_PAGE)
    .offset((Math.max(1, page) - 1) * HISTORY_PAGE)
    .execute();
}

export function findHistory(db: Db, modelId: string, id: string) {
  return historyOf(db, modelId)
    .select([...HISTORY, 'model_history.snapshot'])
    .where('model_history.id', '=', id)
    .executeTakeFirst();
}

export type HistoryRow = NonNullable<Awaited<ReturnType<typeof findHistory>>>;

/** Removes a version; those that followed it follow its parent. */
export async function deleteHistory(db: Db, entry: Pick<HistoryRow, 'id' | 'model_id' | 'parent_id'>): Promise<void> {
  await db
    .updateTable('model_history')
    .set({ parent_id: entry.parent_id })
    .where('model_id', '=', entry.model_id)
    .where('parent_id', '=', entry.id)
    .execute();
  await db.deleteFrom('model_history').where('id', '=', entry.id).execute();
}
