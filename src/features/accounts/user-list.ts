import { sql } from 'kysely';
import { type Db, likeFold } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import { userOf } from './account-store.ts';

export interface UserSearch {
  query?: string | null;
  order_by?: string | null;
  direction?: string | null;
  /** From 1; left out: everybody. */
  page?: number;
  /** Neither looks in addresses nor orders by them and roles: that would tell them. */
  namesOnly?: boolean;
}

const PAGE = 30;
const ORDERS = new Set(['name', 'email', 'created_at', 'last_active_at', 'updated_at', 'role']);
const TELLING_ORDERS = new Set(['email', 'role']);

/** One page of users, or all of them, and how many match. */
export async function searchUsers(db: Db, search: UserSearch): Promise<{ users: User[]; total: number }> {
  let matching = db.selectFrom('user');
  if (search.query) {
    // Wildcards in the query work as such; only the escape character is taken literally.
    const pattern = `%${search.query.replaceAll('\\', '\\\\')}%`;
    const columns = search.namesOnly ? ['user.name'] : ['user.name', 'user.email'];
    matching = matching.where((where) => where.or(columns.map((column) => likeFold(db, column, pattern))));
  }
  if (search.page === undefined) {
    const rows = await ordered(matching, search).selectAll().execute();
    return { users: rows.map(userOf), total: rows.length };
  }
  // Ids first, for rows may hold large pictures. Counted with a search, so that it looks at each row once only; counting
  // all is nearly free.
  const counted = search.query ? sql<number | null>`count(*) OVER ()` : sql<number | null>`NULL`;
  const page = await ordered(matching, search)
    .select(['user.id', counted.as('n')])
    .limit(PAGE)
    .offset((Math.max(1, search.page) - 1) * PAGE)
    .execute();
  const ids = page.map(({ id }) => id);
  const total = page[0]?.n ?? (await countOf(matching));
  const rows = ids.length === 0 ? [] : await db.selectFrom('user').selectAll().where('id', 'in', ids).execute();
  const byId = new Map(rows.map((row) => [row.id, userOf(row)]));
  return { users: ids.flatMap((id) => byId.get(id) ?? []), total: Number(total) };
}

type Users = ReturnType<typeof usersQuery>;
function usersQuery(db: Db) {
  return db.selectFrom('user');
}

async function countOf(users: Users): Promise<number> {
  return (await users.select(sql<number>`count(*)`.as('n')).executeTakeFirstOrThrow()).n;
}

function ordered(users: Users, { order_by: by, direction, namesOnly }: UserSearch): Users {
  const way = direction === 'asc' ? 'asc' : 'desc';
  if (by?.startsWith('group_id:')) {
    const member = sql`CASE WHEN EXISTS (SELECT 1 FROM group_member m WHERE m.user_id = ${sql.ref('user.id')}
      AND m.group_id = ${by.slice('group_id:'.length)}) THEN 1 ELSE 0 END`;
    return users.orderBy(member, way).orderBy('user.name').orderBy('user.id');
  }
  if (by && ORDERS.has(by) && !(namesOnly && TELLING_ORDERS.has(by)))
    return users.orderBy(sql.ref(`user.${by}`), way).orderBy('user.id');
  return users.orderBy('user.created_at', 'desc').orderBy('user.id');
}
