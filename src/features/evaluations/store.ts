import type { Selectable } from 'kysely';
import { type Db, type Json, jsonAt, type Tables } from '../../kernel/database/index.ts';

export type FeedbackRow = Selectable<Tables['feedback']>;
export type NewFeedback = Omit<FeedbackRow, 'data' | 'meta' | 'snapshot'> & { data: Json; meta: Json; snapshot: Json };

const LISTED = [
  'feedback.id',
  'feedback.user_id',
  'feedback.version',
  'feedback.type',
  'feedback.data',
  'feedback.meta',
  'feedback.created_at',
  'feedback.updated_at',
] as const;
const AUTHOR = [
  'user.id as author_id',
  'user.name as author_name',
  'user.email as author_email',
  'user.role as author_role',
  'user.last_active_at as author_last_active_at',
  'user.updated_at as author_updated_at',
  'user.created_at as author_created_at',
] as const;

const PAGE = 30;

export async function insertFeedback(db: Db, row: NewFeedback): Promise<void> {
  await db.insertInto('feedback').values(row).execute();
}

export function findFeedback(db: Db, id: string): Promise<FeedbackRow | undefined> {
  return db.selectFrom('feedback').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function updateFeedback(
  db: Db,
  id: string,
  changes: { data?: Json; meta?: Json; snapshot?: Json; updated_at: number },
): Promise<void> {
  await db.updateTable('feedback').set(changes).where('id', '=', id).execute();
}

/** How many rows went. Without `by`, everybody's. */
export async function deleteFeedback(db: Db, by: { id?: string; userId?: string } = {}): Promise<number> {
  let query = db.deleteFrom('feedback');
  if (by.id !== undefined) query = query.where('id', '=', by.id);
  if (by.userId !== undefined) query = query.where('user_id', '=', by.userId);
  return Number((await query.executeTakeFirst()).numDeletedRows);
}

export interface FeedbackFilter {
  userId?: string;
  modelId?: string | null;
  orderBy: 'username' | 'model_id' | 'rating' | 'updated_at' | 'created_at' | null;
  ascending: boolean;
  page: number;
}

/** One page of feedback whose author still exists, without snapshots. */
export async function listFeedback(db: Db, filter: FeedbackFilter) {
  let query = db.selectFrom('feedback').innerJoin('user', 'user.id', 'feedback.user_id');
  if (filter.userId !== undefined) query = query.where('feedback.user_id', '=', filter.userId);
  if (filter.modelId) query = query.where(jsonAt(db, 'feedback.data', 'model_id'), '=', filter.modelId);
  const direction = filter.ascending ? 'asc' : 'desc';
  let page = query
    .select([...LISTED, ...AUTHOR])
    .limit(PAGE)
    .offset((Math.max(1, filter.page) - 1) * PAGE);
  if (filter.orderBy === 'username') page = page.orderBy('user.name', direction);
  else if (filter.orderBy === 'model_id') page = page.orderBy(jsonAt(db, 'feedback.data', 'model_id'), direction);
  else if (filter.orderBy === 'rating') page = page.orderBy(jsonAt(db, 'feedback.data', 'rating'), direction);
  else if (filter.orderBy) page = page.orderBy(`feedback.${filter.orderBy}`, direction);
  if (filter.orderBy) page = page.orderBy('feedback.id');
  const [items, counted] = await Promise.all([
    page.execute(),
    query.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}

export type ListedFeedback = Awaited<ReturnType<typeof listFeedback>>['items'][number];

/** Everybody's feedback with snapshots, newest change first; only that of one model when given. */
export function exportFeedback(db: Db, modelId: string | null): Promise<FeedbackRow[]> {
  let query = db.selectFrom('feedback').selectAll().orderBy('updated_at', 'desc');
  if (modelId) query = query.where(jsonAt(db, 'feedback.data', 'model_id'), '=', modelId);
  return query.execute();
}

export function listFeedbackIds(db: Db) {
  return db
    .selectFrom('feedback')
    .select(['id', 'user_id', 'created_at', 'updated_at'])
    .orderBy('updated_at', 'desc')
    .execute();
}

/** Ids of the models that feedback is about, sorted. */
export async function ratedModels(db: Db): Promise<string[]> {
  const model = jsonAt(db, 'feedback.data', 'model_id');
  const rows = await db
    .selectFrom('feedback')
    .select(model.as('model_id'))
    .where(model, 'is not', null)
    .distinct()
    .execute();
  return rows.flatMap(({ model_id }) => (model_id ? [model_id] : [])).sort();
}

/** What the leaderboard is computed from, in the order of the table. */
export async function listRatings(db: Db): Promise<{ data: unknown }[]> {
  return db.selectFrom('feedback').select('data').execute();
}

/** Ratings of one model with their times in seconds, since a time when given. */
export async function ratingsOf(db: Db, modelId: string, since: number | null) {
  let query = db
    .selectFrom('feedback')
    .select(['created_at', jsonAt(db, 'feedback.data', 'rating').as('rating')])
    .where(jsonAt(db, 'feedback.data', 'model_id'), '=', modelId)
    .orderBy('created_at');
  if (since !== null) query = query.where('created_at', '>=', since);
  return query.execute();
}
