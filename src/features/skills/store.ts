import { type RawBuilder, type Selectable, sql } from 'kysely';
import { type Db, escapeLike, type Json, jsonText, likeFold, type Tables } from '../../kernel/database/index.ts';
import { grantedTo, OWNER, type Right } from '../access/index.ts';

export type SkillRow = Selectable<Tables['skill']>;
type Encoded = { data: Json; meta: Json };
export type SkillWrite = Omit<SkillRow, keyof Encoded> & Encoded;

export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
  all: boolean;
}

export function findSkill(db: Db, id: string): Promise<SkillRow | undefined> {
  return db.selectFrom('skill').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function nameTaken(db: Db, name: string, exceptId: string): Promise<boolean> {
  const row = await db
    .selectFrom('skill')
    .select('id')
    .where('name', '=', name)
    .where('id', '<>', exceptId)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertSkill(db: Db, row: SkillWrite): Promise<void> {
  await db.insertInto('skill').values(row).execute();
}

export async function updateSkill(db: Db, id: string, changes: Partial<SkillWrite>): Promise<void> {
  await db.updateTable('skill').set(changes).where('id', '=', id).execute();
}

export async function deleteSkill(db: Db, id: string): Promise<void> {
  await db.deleteFrom('skill').where('id', '=', id).execute();
}

function granted(viewer: Viewer, right: Right): RawBuilder<boolean> {
  return grantedTo({ type: 'skill', right, id: 'skill.id', userId: viewer.id, groupIds: viewer.groupIds });
}

export interface SkillSearch {
  /** In the name alone, or in everything a skill says of itself. */
  query: { text: string; everywhere: boolean } | null;
  view: 'created' | 'shared' | null;
  order: 'name' | 'created_at' | 'updated_at';
  ascending: boolean;
  /** Null: all of them. */
  page: number | null;
}

const PAGE = 30;

/** Skills the viewer owns or may read, with their owners, without their files. `ofOwner`: columns of the owner to look in. */
export async function searchSkills(db: Db, viewer: Viewer, search: SkillSearch, ofOwner: readonly string[]) {
  const found: RawBuilder<boolean>[] = [];
  if (!viewer.all) found.push(sql<boolean>`(skill.user_id = ${viewer.id} OR ${granted(viewer, 'read')})`);
  if (search.query) {
    const pattern = `%${escapeLike(search.query.text)}%`;
    const columns = ['skill.name', 'skill.description', 'skill.id', ...ofOwner];
    const asked = search.query.everywhere
      ? [...columns.map((column) => likeFold(db, column, pattern)), likeFold(db, jsonText(db, 'skill.meta'), pattern)]
      : [likeFold(db, 'skill.name', pattern)];
    found.push(sql<boolean>`(${sql.join(asked, sql` OR `)})`);
  }
  if (search.view === 'created') found.push(sql<boolean>`skill.user_id = ${viewer.id}`);
  if (search.view === 'shared') found.push(sql<boolean>`skill.user_id <> ${viewer.id}`);
  const matching = db
    .selectFrom('skill')
    .leftJoin('user', 'user.id', 'skill.user_id')
    .where((eb) => eb.and(found));
  const listed = matching
    .select([
      'skill.id',
      'skill.user_id',
      'skill.name',
      'skill.description',
      'skill.version_id',
      'skill.meta',
      'skill.is_active',
      'skill.updated_at',
      'skill.created_at',
      ...OWNER,
    ])
    .select(sql<unknown>`CASE WHEN ${granted(viewer, 'write')} THEN 1 ELSE 0 END`.as('writable'))
    .orderBy(`skill.${search.order}`, search.ascending ? 'asc' : 'desc')
    .orderBy('skill.id');
  if (search.page === null) {
    const items = await listed.execute();
    return { items, total: items.length };
  }
  const [items, counted] = await Promise.all([
    listed
      .limit(PAGE)
      .offset((Math.max(1, search.page) - 1) * PAGE)
      .execute(),
    matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}
