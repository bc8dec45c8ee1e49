import { sql } from 'kysely';
import { type Db, jsonAt, jsonText } from '../../kernel/database/index.ts';
import type { Filter } from './filter.ts';
import type { Named, Page } from './present.ts';

/** Accounts some provider answers for; those with a password of their own are nobody else's business. */
function managed(db: Db) {
  return db.selectFrom('user').where((where) =>
    where.or(
      (['user.oauth', 'user.scim'] as const).map((column) => {
        const text = jsonText(db, column);
        return sql<boolean>`(${text} IS NOT NULL AND ${text} <> 'null')`;
      }),
    ),
  );
}

/** Ids of managed accounts, newest first, and how many there are. */
export async function listManaged(
  db: Db,
  filter: Filter | null,
  provider: string,
  { startIndex, count }: Page,
): Promise<{ ids: string[]; total: number }> {
  const matching = filter ? managed(db).where(condition(db, filter, provider)) : managed(db);
  const { n } = await matching.select(sql<number>`count(*)`.as('n')).executeTakeFirstOrThrow();
  if (count === 0) return { ids: [], total: Number(n) };
  const rows = await matching
    .select('user.id')
    .orderBy('user.created_at', 'desc')
    .orderBy('user.id')
    .limit(count)
    .offset(startIndex - 1)
    .execute();
  return { ids: rows.map(({ id }) => id), total: Number(n) };
}

function condition(db: Db, { attribute, value }: Filter, provider: string) {
  switch (attribute) {
    case 'id':
      return sql<boolean>`${sql.ref('user.id')} = ${value}`;
    case 'displayname':
      return sql<boolean>`${sql.ref('user.name')} = ${value}`;
    case 'externalid':
      return sql<boolean>`(${jsonAt(db, 'user.scim', provider, 'external_id')} = ${value}
        OR ${jsonAt(db, 'user.oauth', provider, 'sub')} = ${value})`;
    default:
      return sql<boolean>`lower(${sql.ref('user.email')}) = ${value.toLowerCase()}`;
  }
}

export async function isManaged(db: Db, id: string): Promise<boolean> {
  return (await managed(db).select('user.id').where('user.id', '=', id).executeTakeFirst()) !== undefined;
}

/** The account with this id at the provider: as it was provisioned, else as it signed in; null when there is none. */
export async function findByExternalId(db: Db, provider: string, externalId: string): Promise<string | null> {
  const filter = { attribute: 'externalid', value: externalId };
  const row = await managed(db)
    .select('user.id')
    .where(condition(db, filter, provider))
    .executeTakeFirst();
  return row?.id ?? null;
}

export async function isEmailTaken(db: Db, email: string): Promise<boolean> {
  const row = await db
    .selectFrom('user')
    .select('id')
    .where(sql`lower(${sql.ref('email')})`, '=', email.toLowerCase())
    .executeTakeFirst();
  return row !== undefined;
}

/** Direct groups of each of these users. */
export async function groupsOf(db: Db, userIds: readonly string[]): Promise<Map<string, Named[]>> {
  const found = new Map<string, Named[]>(userIds.map((id) => [id, []]));
  if (userIds.length === 0) return found;
  const rows = await db
    .selectFrom('group_member')
    .innerJoin('group', 'group.id', 'group_member.group_id')
    .select(['group_member.user_id', 'group.id', 'group.name'])
    .where('group_member.user_id', 'in', [...userIds])
    .orderBy('group.name')
    .execute();
  for (const { user_id: userId, id, name } of rows) found.get(userId)?.push({ id, name: name ?? '' });
  return found;
}

/** Direct members of each of these groups. */
export async function membersOf(db: Db, groupIds: readonly string[]): Promise<Map<string, Named[]>> {
  const found = new Map<string, Named[]>(groupIds.map((id) => [id, []]));
  if (groupIds.length === 0) return found;
  const rows = await db
    .selectFrom('group_member')
    .innerJoin('user', 'user.id', 'group_member.user_id')
    .select(['group_member.group_id', 'user.id', 'user.name'])
    .where('group_member.group_id', 'in', [...groupIds])
    .orderBy('user.name')
    .execute();
  for (const { group_id: groupId, id, name } of rows) found.get(groupId)?.push({ id, name: name ?? '' });
  return found;
}

/** Who owns provisioned groups: the oldest administrator; null when there is none. */
export async function anyAdmin(db: Db): Promise<string | null> {
  const row = await db
    .selectFrom('user')
    .select('id')
    .where('role', '=', 'admin')
    .orderBy('created_at')
    .orderBy('id')
    .executeTakeFirst();
  return row?.id ?? null;
}
