import { randomUUID } from 'node:crypto';
import { type Db, insertOrIgnore } from '../../kernel/database/index.ts';
import type { Grant, PrincipalType, Right } from './grants.ts';
import { normaliseGrants } from './grants.ts';
import type { GroupNode } from './hierarchy.ts';

/** What of a group decides about access. */
export interface GroupFacts extends GroupNode {
  permissions: unknown;
  data: unknown;
  created_at: number;
}

/** All groups, for the cached hierarchy. */
export async function loadGroups(db: Db): Promise<Map<string, GroupFacts>> {
  const rows = await db
    .selectFrom('group')
    .select(['id', 'parent_group_id', 'permissions', 'data', 'created_at'])
    .execute();
  return new Map(rows.map((row) => [row.id, { ...row, created_at: row.created_at ?? 0 }]));
}

/** Ids of the groups the user is a direct member of. */
export async function directGroupIds(db: Db, userId: string): Promise<string[]> {
  const rows = await db.selectFrom('group_member').select('group_id').where('user_id', '=', userId).execute();
  return rows.map((row) => row.group_id);
}

const GRANT_COLUMNS = ['id', 'resource_id', 'principal_type', 'principal_id', 'permission'] as const;

/** Grants of several objects of one type, oldest first; every asked id has an entry. */
export async function listGrants(db: Db, type: string, ids: readonly string[]): Promise<Map<string, Grant[]>> {
  const found = new Map<string, Grant[]>(ids.map((id) => [id, []]));
  for (const some of slices([...found.keys()])) {
    const rows = await db
      .selectFrom('access_grant')
      .select(GRANT_COLUMNS)
      .where('resource_type', '=', type)
      .where('resource_id', 'in', some)
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    for (const { resource_id: resourceId, ...row } of rows) {
      found.get(resourceId)?.push({
        id: row.id,
        principal_type: row.principal_type as PrincipalType,
        principal_id: row.principal_id,
        permission: row.permission as Right,
      });
    }
  }
  return found;
}

/** Replaces the grants of an object by those of the list that are valid; gives what is stored. Run it in a transaction. */
export async function replaceGrants(db: Db, type: string, id: string, list: unknown, now: number): Promise<Grant[]> {
  const grants = normaliseGrants(list).map((grant) => ({ ...grant, id: randomUUID() }));
  await removeGrants(db, type, [id]);
  if (grants.length > 0) {
    await insertOrIgnore(
      db,
      'access_grant',
      grants.map((grant) => ({ ...grant, resource_type: type, resource_id: id, created_at: now })),
    );
  }
  return grants;
}

/** Removes all grants of these objects. */
export async function removeGrants(db: Db, type: string, ids: readonly string[]): Promise<void> {
  for (const some of slices(ids)) {
    await db.deleteFrom('access_grant').where('resource_type', '=', type).where('resource_id', 'in', some).execute();
  }
}

/** Removes what was granted to a principal that is gone. */
export async function removeGrantsTo(db: Db, type: PrincipalType, principalId: string): Promise<void> {
  await db
    .deleteFrom('access_grant')
    .where('principal_type', '=', type)
    .where('principal_id', '=', principalId)
    .execute();
}

/** Ids of the objects of a type the user was granted `right` on, directly, by a group, or publicly. */
export async function grantedIds(
  db: Db,
  userId: string,
  groupIds: ReadonlySet<string>,
  type: string,
  right: Right,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const some of principalSlices(groupIds)) {
    const rows = await db
      .selectFrom('access_grant')
      .select('resource_id')
      .where('resource_type', '=', type)
      .where('permission', '=', right)
      .where((where) =>
        where.or([
          where.and([where('principal_type', '=', 'user'), where('principal_id', 'in', ['*', userId])]),
          ...(some.length > 0
            ? [where.and([where('principal_type', '=', 'group'), where('principal_id', 'in', some)])]
            : []),
        ]),
      )
      .execute();
    for (const row of rows) found.add(row.resource_id);
  }
  return found;
}

/** Values one IN list may have on every database. */
const IN_LIST = 500;

export function slices(ids: readonly string[]): string[][] {
  const result: string[][] = [];
  for (let at = 0; at < ids.length; at += IN_LIST) result.push(ids.slice(at, at + IN_LIST));
  return result;
}

function principalSlices(ids: ReadonlySet<string>): string[][] {
  return ids.size === 0 ? [[]] : slices([...ids]);
}
