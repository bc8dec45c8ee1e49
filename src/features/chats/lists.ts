import { type ExpressionBuilder, type RawBuilder, type SelectQueryBuilder, sql } from 'kysely';
import { type Db, dialectOfDb, escapeLike, likeFold, storedSize, type Tables } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { OrderedQuery } from './shapes.ts';
import { selectWhole, type WholeChat, wholeOf } from './store.ts';
import { hasTag, notInternal } from './tags.ts';
import { isUnread } from './unread.ts';

export const PAGE = 60;

const LISTED = ['chat.id', 'chat.title', 'chat.updated_at', 'chat.created_at', 'chat.last_read_at'] as const;

/** A chat as lists know it; its document is never read for one. */
export interface ListedChat {
  id: string;
  title: string | null;
  updated_at: number | null;
  created_at: number | null;
  last_read_at: number | null;
}

type Where = (eb: ExpressionBuilder<Tables, 'chat'>) => ReturnType<ExpressionBuilder<Tables, 'chat'>['and']>;

const notArchived: Where = (eb) => eb.or([eb('chat.archived', '=', false), eb('chat.archived', 'is', null)]);
const notPinned: Where = (eb) => eb.or([eb('chat.pinned', '=', false), eb('chat.pinned', 'is', null)]);

/** Lists of one user's chats, without those the server keeps for itself. */
function listed(db: Db, userId: string) {
  return db.selectFrom('chat').select(LISTED).where('chat.user_id', '=', userId).where(notInternal(db));
}

/**
 * A column that no index is looked for by. SQLite knows no statistics here: it would sort all chats of a user rather than walk them in
 * the order asked for, or walk them all in that order to find the few that are wanted.
 */
function unindexed(db: Db, column: string): RawBuilder<unknown> {
  return dialectOfDb(db) === 'sqlite' ? sql`+${sql.ref(column)}` : sql.ref(column);
}

export interface Sorting {
  by: string;
  ascending: boolean;
}

type Sorted<O> = SelectQueryBuilder<Tables, 'chat', O>;

/** `title`, `unread_updated_at` (unread ones first), anything else is `updated_at`; then by id. */
export function sorted<O>(query: Sorted<O>, { by, ascending }: Sorting, unread = isUnread()): Sorted<O> {
  if (by === 'unread_updated_at') {
    return query
      .orderBy(sql`CASE WHEN ${unread} THEN 0 ELSE 1 END`)
      .orderBy('chat.updated_at', 'desc')
      .orderBy('chat.id');
  }
  return query
    .orderBy(by === 'title' ? 'chat.title' : 'chat.updated_at', ascending ? 'asc' : 'desc')
    .orderBy('chat.id');
}

function paged<O>(query: Sorted<O>, page: number | null, size = PAGE): Sorted<O> {
  return page === null ? query : query.limit(size).offset((Math.max(1, page) - 1) * size);
}

export interface ListOptions {
  /** From 1; null: everything. */
  page: number | null;
  pinned: boolean;
  foldered: boolean;
  sorting: Sorting;
}

/** The chat list of the sidebar. */
export function listChats(db: Db, userId: string, options: ListOptions): Promise<ListedChat[]> {
  let query = listed(db, userId).where(
    sql<boolean>`COALESCE(${unindexed(db, 'chat.archived')}, ${sql.lit(false)}) = ${sql.lit(false)}`,
  );
  if (!options.pinned)
    query = query.where(sql<boolean>`COALESCE(${unindexed(db, 'chat.pinned')}, ${sql.lit(false)}) = ${sql.lit(false)}`);
  if (!options.foldered) query = query.where(sql<boolean>`${unindexed(db, 'chat.folder_id')} IS NULL`);
  return paged(sorted(query, options.sorting), options.page).execute();
}

export function listPinned(db: Db, userId: string): Promise<ListedChat[]> {
  return listed(db, userId)
    .where('chat.pinned', '=', true)
    .where(notArchived)
    .orderBy(unindexed(db, 'chat.updated_at'), 'desc')
    .orderBy('chat.id')
    .execute();
}

export async function countArchived(db: Db, userId: string): Promise<number> {
  const row = await db
    .selectFrom('chat')
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .where('user_id', '=', userId)
    .where('archived', '=', true)
    .where(notInternal(db))
    .executeTakeFirstOrThrow();
  return Number(row.total);
}

const ORDERS = ['title', 'updated_at', 'created_at', 'id', 'archived', 'pinned', 'last_read_at'] as const;

/** Column and direction of a list the caller may order; newest change first by default. */
export function readOrder({ order_by: by, direction }: OrderedQuery): {
  column: (typeof ORDERS)[number];
  ascending: boolean;
} {
  if (by === null || direction === null) return { column: 'updated_at', ascending: false };
  const column = ORDERS.find((one) => one === by);
  const way = direction.toLowerCase();
  if (!column || (way !== 'asc' && way !== 'desc')) {
    throw new HttpError(400, 'Invalid order_by or direction', { code: 'list.order' });
  }
  return { column, ascending: way === 'asc' };
}

/** Archived chats, or all of a user, with a search in the titles. */
export function listOrdered(
  db: Db,
  userId: string,
  options: OrderedQuery & { onlyArchived: boolean },
): Promise<ListedChat[]> {
  const { column, ascending } = readOrder(options);
  let query = listed(db, userId);
  if (options.onlyArchived) query = query.where('chat.archived', '=', true);
  if (options.query) query = query.where(likeFold(db, 'chat.title', `%${escapeLike(options.query)}%`));
  const order = options.onlyArchived ? unindexed(db, `chat.${column}`) : sql.ref(`chat.${column}`);
  return paged(query.orderBy(order, ascending ? 'asc' : 'desc').orderBy('chat.id'), options.page ?? 1).execute();
}

const FOLDER_PAGE = 10;

/** The user's own chats of one folder, a page. */
export function listInFolder(
  db: Db,
  userId: string,
  folderId: string,
  page: number | null,
  sorting: Sorting,
): Promise<ListedChat[]> {
  const query = listed(db, userId).where('chat.folder_id', '=', folderId).where(notArchived).where(notPinned);
  return paged(sorted(query, sorting), page ?? 1, FOLDER_PAGE).execute();
}

/** Chats that have a tag, archived ones too. */
export function listTagged(db: Db, userId: string, tag: string, skip: number, limit: number): Promise<ListedChat[]> {
  return listed(db, userId)
    .where(hasTag(db, tag))
    .orderBy('chat.updated_at', 'desc')
    .orderBy('chat.id')
    .limit(Math.max(0, limit))
    .offset(Math.max(0, skip))
    .execute();
}

/** Those of these chats in which a reply is unfinished. */
export async function unfinishedIn(db: Db, chatIds: readonly string[]): Promise<Set<string>> {
  if (chatIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('chat_message')
    .select('chat_id')
    .distinct()
    .where('chat_id', 'in', [...chatIds])
    .where('role', '=', 'assistant')
    .where('done', '=', false)
    .execute();
  return new Set(rows.map((row) => row.chat_id));
}

/** Which chats are wanted whole; nothing given: those of everybody. */
export interface WholeFilter {
  userId?: string;
  archived?: boolean;
  /** Chats of these folders, neither pinned nor archived. */
  folderIds?: readonly string[];
}

/** Chats whose ids are read at a time, and bytes of documents. */
const BATCH = 100;
const BATCH_BYTES = 4 * 1024 * 1024;

/** Chats with their documents, newest change first, by key: changes meanwhile neither skip nor repeat one, and few are in memory. */
export async function* wholeChats(db: Db, filter: WholeFilter): AsyncGenerator<WholeChat> {
  if (filter.folderIds?.length === 0) return;
  let last: { at: number; id: string } | null = null;
  for (;;) {
    const from: { at: number; id: string } | null = last;
    let query = db
      .selectFrom('chat')
      .select(['id', 'updated_at', storedSize(db, 'chat.chat').as('size')])
      .where(notInternal(db));
    if (filter.userId !== undefined) query = query.where('user_id', '=', filter.userId);
    if (filter.archived) query = query.where('archived', '=', true);
    if (filter.folderIds) {
      query = query
        .where('folder_id', 'in', [...filter.folderIds])
        .where(notArchived)
        .where(notPinned);
    }
    if (from) {
      query = query.where((eb) =>
        eb.or([eb('updated_at', '<', from.at), eb.and([eb('updated_at', '=', from.at), eb('id', '>', from.id)])]),
      );
    }
    const page = await query.orderBy('updated_at', 'desc').orderBy('id').limit(BATCH).execute();
    for (const ids of bySize(page)) {
      const rows = await selectWhole(db).where('id', 'in', ids).execute();
      const found = new Map(rows.map((row) => [row.id, row]));
      for (const id of ids) {
        const row = found.get(id);
        if (row) yield wholeOf(row);
      }
    }
    const end = page.at(-1);
    if (!end || page.length < BATCH) return;
    last = { at: end.updated_at ?? 0, id: end.id };
  }
}

function bySize(page: readonly { id: string; size: number | null }[]): string[][] {
  const batches: string[][] = [];
  let room = 0;
  for (const { id, size } of page) {
    room -= Number(size ?? 0);
    if (room < 0 || batches.length === 0) {
      batches.push([]);
      room = BATCH_BYTES - Number(size ?? 0);
    }
    batches.at(-1)?.push(id);
  }
  return batches;
}
