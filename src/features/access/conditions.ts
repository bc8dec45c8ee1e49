import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../../kernel/database/index.ts';
import type { Right } from './grants.ts';

interface Granted {
  type: string;
  right: Right;
  /** Column that holds the object's id, e.g. `note.id`. */
  id: string;
  userId: string;
  groupIds: ReadonlySet<string>;
}

/** SQL condition: a grant gives the user, directly, by a group, or publicly, the right on the row's object. */
export function grantedTo({ type, right, id, userId, groupIds }: Granted): RawBuilder<boolean> {
  const byGroup =
    groupIds.size === 0
      ? sql``
      : sql` OR (g.principal_type = 'group' AND g.principal_id IN (${sql.join([...groupIds])}))`;
  return sql<boolean>`EXISTS (SELECT 1 FROM access_grant g WHERE g.resource_type = ${type} AND g.resource_id = ${sql.ref(id)}
    AND g.permission = ${right} AND ((g.principal_type = 'user' AND g.principal_id IN ('*', ${userId}))${byGroup}))`;
}

/** A grant as the wire has it. */
export interface WireGrant {
  id: string;
  resource_type: string;
  resource_id: string;
  principal_type: string;
  principal_id: string;
  permission: string;
  /** Seconds. */
  created_at: number;
}

/** Ids one statement may carry so that every database's limit of parameters holds. */
const IDS_PER_STATEMENT = 500;

/** Grants of several objects of one type as the wire has them, oldest first; every asked id has an entry. */
export async function listWireGrants(db: Db, type: string, ids: readonly string[]): Promise<Map<string, WireGrant[]>> {
  const found = new Map<string, WireGrant[]>(ids.map((id) => [id, []]));
  const asked = [...found.keys()];
  for (let at = 0; at < asked.length; at += IDS_PER_STATEMENT) {
    const rows = await db
      .selectFrom('access_grant')
      .selectAll()
      .where('resource_type', '=', type)
      .where('resource_id', 'in', asked.slice(at, at + IDS_PER_STATEMENT))
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    for (const row of rows) found.get(row.resource_id)?.push(row);
  }
  return found;
}
