import { randomUUID } from 'node:crypto';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import {
  type Db,
  escapeLike,
  insertOrIgnore,
  type Json,
  jsonAt,
  jsonText,
  likeFold,
  type Tables,
} from '../../kernel/database/index.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import { grantedTo, OWNER } from '../access/index.ts';
import { PREVIEW } from './content.ts';

export type NoteRow = Selectable<Tables['note']>;

export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
}

export function findNote(db: Db, id: string): Promise<NoteRow | undefined> {
  return db.selectFrom('note').selectAll().where('id', '=', id).executeTakeFirst();
}

export function findHead(db: Db, id: string): Promise<Pick<NoteRow, 'id' | 'user_id'> | undefined> {
  return db.selectFrom('note').select(['id', 'user_id']).where('id', '=', id).executeTakeFirst();
}

export async function insertNote(db: Db, row: Omit<NoteRow, 'data' | 'meta'> & { data: Json; meta: Json | null }) {
  await db.insertInto('note').values(row).execute();
}

export async function updateNote(
  db: Db,
  id: string,
  changes: { title?: string; data?: Json; meta?: Json; updated_at: bigint },
): Promise<void> {
  await db.updateTable('note').set(changes).where('id', '=', id).execute();
}

export async function deleteNote(db: Db, id: string): Promise<void> {
  await db.deleteFrom('pinned_note').where('note_id', '=', id).execute();
  await db.deleteFrom('note').where('id', '=', id).execute();
}

export async function isPinned(db: Db, noteId: string, userId: string): Promise<boolean> {
  const row = await db
    .selectFrom('pinned_note')
    .select('id')
    .where('note_id', '=', noteId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Pins or unpins; gives the new state. */
export async function togglePin(db: Db, noteId: string, userId: string): Promise<boolean> {
  const gone = await db
    .deleteFrom('pinned_note')
    .where('note_id', '=', noteId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  if (gone.numDeletedRows > 0n) return false;
  const pin = { id: randomUUID(), note_id: noteId, user_id: userId, created_at: nowNanoseconds() };
  await insertOrIgnore(db, 'pinned_note', [pin]);
  return true;
}

const PAGE = 60;

/** Everything lists show of a note: its text only as far as they show it. */
function listed(db: Db, viewer: Viewer) {
  const md = jsonAt(db, 'note.data', 'content', 'md');
  return db
    .selectFrom('note')
    .leftJoin('user', 'user.id', 'note.user_id')
    .leftJoin('pinned_note', (join) =>
      join.onRef('pinned_note.note_id', '=', 'note.id').on('pinned_note.user_id', '=', viewer.id),
    )
    .select([
      'note.id',
      'note.user_id',
      'note.title',
      'note.meta',
      'note.created_at',
      'note.updated_at',
      'pinned_note.id as pin_id',
      ...OWNER,
      sql<string | null>`substr(${md}, 1, ${sql.lit(PREVIEW)})`.as('preview'),
      sql<string | null>`CASE WHEN note.data IS NULL OR ${jsonText(db, 'note.data')} = 'null' THEN 'none'
        WHEN ${jsonText(db, 'note.data')} = '{}' THEN 'empty' ELSE 'some' END`.as('data_kind'),
    ]);
}

export type ListedNote = Awaited<ReturnType<ReturnType<typeof listed>['execute']>>[number];

function granted(viewer: Viewer, right: 'read' | 'write'): RawBuilder<boolean> {
  return grantedTo({ type: 'note', right, id: 'note.id', userId: viewer.id, groupIds: viewer.groupIds });
}

/** Own and readable notes whose owner still exists, newest change first; a page, or all when `page` is null. */
export function listNotes(db: Db, viewer: Viewer, page: number | null): Promise<ListedNote[]> {
  const query = listed(db, viewer)
    .where('user.id', 'is not', null)
    .where((eb) => eb.or([eb('note.user_id', '=', viewer.id), granted(viewer, 'read')]))
    .orderBy('note.updated_at', 'desc')
    .orderBy('note.id');
  return page === null
    ? query.execute()
    : query
        .limit(PAGE)
        .offset((Math.max(1, page) - 1) * PAGE)
        .execute();
}

/** Own pins that are still readable, newest pin first. */
export function listPinned(db: Db, viewer: Viewer, seesAll: boolean): Promise<ListedNote[]> {
  const query = listed(db, viewer)
    .where('pinned_note.id', 'is not', null)
    .orderBy('pinned_note.created_at', 'desc')
    .orderBy('note.id');
  if (seesAll) return query.execute();
  return query.where((eb) => eb.or([eb('note.user_id', '=', viewer.id), granted(viewer, 'read')])).execute();
}

export interface NoteSearch {
  words: string[];
  view: 'created' | 'shared' | null;
  /** Whose notes: all, or by right. */
  scope: 'all' | 'read' | 'write' | 'read_only';
  order: 'title' | 'created_at' | 'updated_at';
  ascending: boolean;
  page: number;
}

export async function searchNotes(
  db: Db,
  viewer: Viewer,
  search: NoteSearch,
): Promise<{ items: ListedNote[]; total: number }> {
  const conditions = searchConditions(db, viewer, search);
  const direction = search.ascending ? 'asc' : 'desc';
  const [items, counted] = await Promise.all([
    listed(db, viewer)
      .where((eb) => eb.and(conditions))
      .orderBy(`note.${search.order}`, direction)
      .orderBy('note.id')
      .limit(PAGE)
      .offset((Math.max(1, search.page) - 1) * PAGE)
      .execute(),
    db
      .selectFrom('note')
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .where((eb) => eb.and(conditions))
      .executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}

function searchConditions(db: Db, viewer: Viewer, { words, view, scope }: NoteSearch): RawBuilder<boolean>[] {
  const own = sql<boolean>`note.user_id = ${viewer.id}`;
  const foreign = sql<boolean>`note.user_id <> ${viewer.id}`;
  const conditions: RawBuilder<boolean>[] = [];
  const [title, md] = [sql.ref('note.title'), jsonAt(db, 'note.data', 'content', 'md')].map(
    (text) => sql`REPLACE(REPLACE(${text}, '-', ''), ' ', '')`,
  );
  for (const word of words) {
    const pattern = `%${escapeLike(word)}%`;
    if (title && md) conditions.push(sql`(${likeFold(db, title, pattern)} OR ${likeFold(db, md, pattern)})`);
  }
  if (view === 'created') conditions.push(own);
  if (view === 'shared') conditions.push(foreign);
  if (scope === 'read_only') {
    conditions.push(granted(viewer, 'read'), sql`NOT ${granted(viewer, 'write')}`, foreign);
  } else if (scope !== 'all') {
    conditions.push(sql`(${own} OR ${granted(viewer, scope)})`);
  }
  return conditions;
}
