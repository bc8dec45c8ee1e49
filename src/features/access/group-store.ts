import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type Db, dialectOfDb, escapeLike, insertOrIgnore, json, likeFold } from '../../kernel/database/index.ts';
import { slices } from './store.ts';

/** A row of table `group`, decoded. */
export interface Group {
  id: string;
  parent_group_id: string | null;
  user_id: string;
  name: string;
  description: string;
  data: unknown;
  meta: unknown;
  permissions: unknown;
  created_at: number;
  updated_at: number;
}

export interface CountedGroup extends Group {
  /** Direct members. */
  member_count: number;
}

/** Shared with the reference: both may work on one PostgreSQL database. */
const GROUP_LOCK = 731_947_205;

/**
 * Lets one transaction at a time change groups, parents or memberships. First statement of such a transaction; SQLite's
 * write transactions exclude each other anyway.
 */
export async function lockGroups(tx: Db): Promise<void> {
  await serialise(tx, GROUP_LOCK);
}

/** Holds the numbered lock until the transaction ends (MySQL has one for all numbers: the row of the schema's revision). */
export async function serialise(tx: Db, lock: number): Promise<void> {
  const dialect = dialectOfDb(tx);
  if (dialect === 'postgresql') await sql`SELECT pg_advisory_xact_lock(${lock})`.execute(tx);
  else if (dialect === 'mysql') await sql`SELECT version_num FROM alembic_version FOR UPDATE`.execute(tx);
}

const memberCount = sql<number>`(SELECT count(*) FROM group_member m WHERE m.group_id = ${sql.ref('group.id')})`;

function groupQuery(db: Db) {
  return db.selectFrom('group').selectAll('group').select(memberCount.as('member_count'));
}

type GroupRow = Awaited<ReturnType<ReturnType<typeof groupQuery>['executeTakeFirstOrThrow']>>;

function groupOf(row: GroupRow): CountedGroup {
  return {
    ...row,
    user_id: row.user_id ?? '',
    name: row.name ?? '',
    description: row.description ?? '',
    created_at: row.created_at ?? 0,
    updated_at: row.updated_at ?? 0,
    member_count: Number(row.member_count),
  };
}

/** All groups, or those with these ids, last changed first. */
export async function listGroups(db: Db, ids?: readonly string[]): Promise<CountedGroup[]> {
  const rows: GroupRow[] = [];
  if (ids) {
    for (const some of slices(ids)) rows.push(...(await groupQuery(db).where('group.id', 'in', some).execute()));
  } else rows.push(...(await groupQuery(db).execute()));
  return rows.map(groupOf).sort((a, b) => b.updated_at - a.updated_at || (a.id < b.id ? -1 : 1));
}

export async function findGroup(db: Db, id: string): Promise<CountedGroup | null> {
  const row = await groupQuery(db).where('group.id', '=', id).executeTakeFirst();
  return row ? groupOf(row) : null;
}

export async function groupsByName(db: Db, names: readonly string[]): Promise<{ id: string; name: string }[]> {
  const found: { id: string; name: string }[] = [];
  for (const some of slices(names)) {
    const rows = await db.selectFrom('group').select(['id', 'name']).where('name', 'in', some).execute();
    for (const row of rows) found.push({ id: row.id, name: row.name ?? '' });
  }
  return found;
}

export async function insertGroup(db: Db, group: Group): Promise<void> {
  await db
    .insertInto('group')
    .values({
      ...group,
      data: json(group.data),
      meta: json(group.meta),
      permissions: json(group.permissions),
    })
    .execute();
}

export type GroupChange = Partial<
  Pick<Group, 'name' | 'description' | 'parent_group_id' | 'data' | 'meta' | 'permissions'>
> & {
  updated_at: number;
};

export async function updateGroup(db: Db, id: string, change: GroupChange): Promise<void> {
  const { data, meta, permissions, ...plain } = change;
  await db
    .updateTable('group')
    .set({
      ...plain,
      ...(data === undefined ? {} : { data: json(data) }),
      ...(meta === undefined ? {} : { meta: json(meta) }),
      ...(permissions === undefined ? {} : { permissions: json(permissions) }),
    })
    .where('id', '=', id)
    .execute();
}

/** Removes the group and its memberships, and hangs its children under its parent; gives their ids. */
export async function deleteGroup(db: Db, group: Pick<Group, 'id' | 'parent_group_id'>): Promise<string[]> {
  const children = await db.selectFrom('group').select('id').where('parent_group_id', '=', group.id).execute();
  await db
    .updateTable('group')
    .set({ parent_group_id: group.parent_group_id })
    .where('parent_group_id', '=', group.id)
    .execute();
  await db.deleteFrom('group_member').where('group_id', '=', group.id).execute();
  await db.deleteFrom('group').where('id', '=', group.id).execute();
  return children.map(({ id }) => id);
}

export async function insertMembers(db: Db, groupId: string, userIds: readonly string[], now: number): Promise<void> {
  const rows = userIds.map((userId) => ({
    id: randomUUID(),
    group_id: groupId,
    user_id: userId,
    created_at: now,
    updated_at: now,
  }));
  await insertOrIgnore(db, 'group_member', rows);
}

export async function deleteMembers(db: Db, groupId: string, userIds: readonly string[]): Promise<void> {
  for (const some of slices(userIds)) {
    await db.deleteFrom('group_member').where('group_id', '=', groupId).where('user_id', 'in', some).execute();
  }
}

export async function deleteMemberships(db: Db, userId: string): Promise<void> {
  await db.deleteFrom('group_member').where('user_id', '=', userId).execute();
}

/** Which of these users exist. */
export async function existingUserIds(db: Db, userIds: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const some of slices([...new Set(userIds)])) {
    const rows = await db.selectFrom('user').select('id').where('id', 'in', some).execute();
    found.push(...rows.map(({ id }) => id));
  }
  return found;
}

/** Direct members of any of these groups. */
export async function memberIds(db: Db, groupIds: Iterable<string>): Promise<string[]> {
  const found = new Set<string>();
  for (const some of slices([...groupIds])) {
    const rows = await db.selectFrom('group_member').select('user_id').where('group_id', 'in', some).execute();
    for (const row of rows) found.add(row.user_id);
  }
  return [...found];
}

/** Direct groups of each of these users. */
export async function groupIdsOf(db: Db, userIds: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>(userIds.map((id) => [id, []]));
  for (const some of slices(userIds)) {
    const rows = await db
      .selectFrom('group_member')
      .select(['user_id', 'group_id'])
      .where('user_id', 'in', some)
      .orderBy('group_id')
      .execute();
    for (const row of rows) found.get(row.user_id)?.push(row.group_id);
  }
  return found;
}

export type Membership = 'direct' | 'inherited' | 'effective';

export interface Member {
  id: string;
  name: string;
  email: string;
  role: string;
  membership_type: 'direct' | 'inherited';
  /** Groups below through which the user belongs, sorted. */
  via_group_ids: string[];
}

interface MemberPage {
  group: string;
  /** The group's descendants, without itself. */
  below: readonly string[];
  membership: Membership;
  query: string;
  page: number;
}

const PAGE = 30;

/** One page of a group's members, and how many there are of each kind. */
export async function listMembers(
  db: Db,
  { group, below, membership, query, page }: MemberPage,
): Promise<{ items: Member[]; total: number; counts: { direct: number; effective: number; inherited: number } }> {
  const isDirect = sql<boolean>`EXISTS (SELECT 1 FROM group_member d WHERE d.user_id = ${sql.ref('user.id')} AND d.group_id = ${group})`;
  const isBelow =
    below.length === 0
      ? sql<boolean>`1 = 0`
      : sql<boolean>`EXISTS (SELECT 1 FROM group_member i WHERE i.user_id = ${sql.ref('user.id')} AND i.group_id IN (${sql.join(below)}))`;
  const members = db.selectFrom('user').where((where) => where.or([isDirect, isBelow]));
  const count = async (kind: Membership): Promise<number> => {
    const { n } = await ofKind(members, kind, isDirect).select(sql<number>`count(*)`.as('n')).executeTakeFirstOrThrow();
    return Number(n);
  };
  const [direct, effective] = [await count('direct'), await count('effective')];
  const pattern = `%${escapeLike(query)}%`;
  let searched = ofKind(members, membership, isDirect);
  if (query !== '') {
    searched = searched.where((where) =>
      where.or([likeFold(db, 'user.name', pattern), likeFold(db, 'user.email', pattern)]),
    );
  }
  const { n } = await searched.select(sql<number>`count(*)`.as('n')).executeTakeFirstOrThrow();
  const rows = await searched
    .select(['user.id', 'user.name', 'user.email', 'user.role'])
    .orderBy('user.name')
    .orderBy('user.id')
    .limit(PAGE)
    .offset((page - 1) * PAGE)
    .execute();
  const groups = await groupIdsOf(
    db,
    rows.map(({ id }) => id),
  );
  const inside = new Set(below);
  const items = rows.map((row): Member => {
    const own = groups.get(row.id) ?? [];
    return {
      id: row.id,
      name: row.name ?? '',
      email: row.email ?? '',
      role: row.role ?? 'pending',
      membership_type: own.includes(group) ? 'direct' : 'inherited',
      via_group_ids: own.filter((id) => inside.has(id)).sort(),
    };
  });
  return { items, total: Number(n), counts: { direct, effective, inherited: effective - direct } };
}

type MemberQuery = ReturnType<typeof memberQuery>;
function memberQuery(db: Db) {
  return db.selectFrom('user');
}

function ofKind(members: MemberQuery, kind: Membership, isDirect: ReturnType<typeof sql<boolean>>): MemberQuery {
  if (kind === 'effective') return members;
  return members.where(kind === 'direct' ? isDirect : sql<boolean>`NOT ${isDirect}`);
}
