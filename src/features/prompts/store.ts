import { type RawBuilder, type Selectable, sql } from 'kysely';
import { type Db, dialectOfDb, escapeLike, type Json, likeFold, type Tables } from '../../kernel/database/index.ts';
import { grantedTo, OWNER, type Right } from '../access/index.ts';

export type PromptRow = Selectable<Tables['prompt']>;

/** Whose prompts: those a user owns or was granted; `all` for administrators who see everything. */
export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
  all: boolean;
}

export function findPrompt(db: Db, id: string): Promise<PromptRow | undefined> {
  return db.selectFrom('prompt').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function commandTaken(db: Db, command: string, except: string | null): Promise<boolean> {
  let query = db.selectFrom('prompt').select('id').where('command', '=', command);
  if (except !== null) query = query.where('id', '!=', except);
  return (await query.executeTakeFirst()) !== undefined;
}

type Encoded = { data: Json; meta: Json; tags: Json };
type PromptWrite = Omit<PromptRow, keyof Encoded> & Encoded;

export async function insertPrompt(db: Db, row: PromptWrite): Promise<void> {
  await db.insertInto('prompt').values(row).execute();
}

export async function updatePrompt(db: Db, id: string, changes: Partial<PromptWrite>): Promise<void> {
  await db.updateTable('prompt').set(changes).where('id', '=', id).execute();
}

export async function deletePrompt(db: Db, id: string): Promise<void> {
  await db.deleteFrom('prompt').where('id', '=', id).execute();
}

function granted(viewer: Viewer, right: Right): RawBuilder<boolean> {
  return grantedTo({ type: 'prompt', right, id: 'prompt.id', userId: viewer.id, groupIds: viewer.groupIds });
}

function visible(viewer: Viewer): RawBuilder<boolean> {
  return viewer.all ? sql<boolean>`1 = 1` : sql<boolean>`(prompt.user_id = ${viewer.id} OR ${granted(viewer, 'read')})`;
}

/** Active prompts, last changed first. */
export function listActive(db: Db, viewer: Viewer): Promise<PromptRow[]> {
  return db
    .selectFrom('prompt')
    .selectAll()
    .where('is_active', '=', true)
    .where(visible(viewer))
    .orderBy('updated_at', 'desc')
    .orderBy('id')
    .execute();
}

/** The `tags` columns of active prompts. */
export async function activeTags(db: Db, viewer: Viewer): Promise<unknown[]> {
  const rows = await db
    .selectFrom('prompt')
    .select('tags')
    .where('is_active', '=', true)
    .where(visible(viewer))
    .execute();
  return rows.map((row) => row.tags);
}

export interface PromptSearch {
  query: string | null;
  /** Columns of the owner to look in. */
  ofOwner: readonly string[];
  view: 'created' | 'shared' | null;
  tag: string | null;
  order: 'name' | 'created_at' | 'updated_at';
  ascending: boolean;
  page: number;
}

const PAGE = 30;

/** One page with owners, and whether the viewer may write each. */
export async function searchPrompts(db: Db, viewer: Viewer, search: PromptSearch) {
  const matching = db
    .selectFrom('prompt')
    .leftJoin('user', 'user.id', 'prompt.user_id')
    .where((eb) => eb.and(conditions(db, viewer, search)));
  const direction = search.ascending ? 'asc' : 'desc';
  const [items, counted] = await Promise.all([
    matching
      .selectAll('prompt')
      .select(OWNER)
      .select(sql<unknown>`CASE WHEN ${granted(viewer, 'write')} THEN 1 ELSE 0 END`.as('writable'))
      .orderBy(`prompt.${search.order}`, direction)
      .orderBy('prompt.id')
      .limit(PAGE)
      .offset((Math.max(1, search.page) - 1) * PAGE)
      .execute(),
    matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}

function conditions(db: Db, viewer: Viewer, { query, view, tag, ofOwner }: PromptSearch): RawBuilder<boolean>[] {
  const found = [visible(viewer)];
  if (query) {
    const pattern = `%${escapeLike(query)}%`;
    const columns = ['prompt.name', 'prompt.command', 'prompt.content', ...ofOwner];
    found.push(
      sql<boolean>`(${sql.join(
        columns.map((column) => likeFold(db, column, pattern)),
        sql` OR `,
      )})`,
    );
  }
  if (view === 'created') found.push(sql<boolean>`prompt.user_id = ${viewer.id}`);
  if (view === 'shared') found.push(sql<boolean>`prompt.user_id <> ${viewer.id}`);
  if (tag) found.push(hasTag(db, tag));
  return found;
}

/** One of the tags equals the text, blind to case. */
function hasTag(db: Db, tag: string): RawBuilder<boolean> {
  const pattern = escapeLike(tag);
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql<boolean>`EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(prompt.tags) THEN prompt.tags ELSE '[]' END) AS t
        WHERE ${likeFold(db, 't.value', pattern)})`;
    case 'postgresql':
      return sql<boolean>`EXISTS (SELECT 1 FROM json_array_elements_text(CASE WHEN json_typeof(prompt.tags) = 'array'
        THEN prompt.tags ELSE '[]' END) AS t(value) WHERE ${likeFold(db, 't.value', pattern)})`;
    case 'mysql':
      return sql<boolean>`JSON_SEARCH(LOWER(prompt.tags), 'one', LOWER(${pattern})) IS NOT NULL`;
  }
}
