import type { Db } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import {
  type CountedGroup,
  combineTrees,
  defaultModelSource,
  defaultModelsOf,
  grantedTo,
  listGroups,
  type PermissionTree,
  withAncestors,
} from '../access/index.ts';
import type { AccountService } from './service.ts';

interface Items {
  items: { id: string; name: string }[];
  total: number;
}

interface Reader {
  /** Owner of objects; empty text for a group, which owns nothing. */
  userId: string;
  groupIds: ReadonlySet<string>;
}

type Previewed = 'model' | 'knowledge' | 'tool';

/** Objects of one kind a user owns or was given, or a group was given, and how many there are at all. */
async function previewItems(db: Db, table: Previewed, { userId, groupIds }: Reader): Promise<Items> {
  let all = db.selectFrom(table);
  if (table === 'model') all = all.where('is_active' as never, '=', true as never);
  const { total } = await all
    .select((select) => select.fn.countAll<number | string>().as('total'))
    .executeTakeFirstOrThrow();
  const granted = grantedTo({ type: table, right: 'read', id: `${table}.id`, userId, groupIds });
  const rows = await all
    .select(['id', 'name'])
    .where((where) => where.or([where('user_id', '=', userId), granted]))
    .orderBy('name')
    .orderBy('id')
    .execute();
  return { items: rows.map(({ id, name }) => ({ id, name: name ?? '' })), total: Number(total) };
}

async function previewAll(db: Db, reader: Reader): Promise<{ models: Items; knowledge: Items; tools: Items }> {
  return {
    models: await previewItems(db, 'model', reader),
    knowledge: await previewItems(db, 'knowledge', reader),
    tools: await previewItems(db, 'tool', reader),
  };
}

/** What a user belongs to and may read, for administrators. */
export async function previewUser({ database, access }: AccountService, user: User) {
  const groupIds = await access.groupIds(user.id);
  const groups = await listGroups(database.db, [...groupIds]);
  return {
    user: { id: user.id, name: user.name },
    groups: groups.map(({ id, name }) => ({ id, name })),
    ...(await previewAll(database.db, { userId: user.id, groupIds })),
  };
}

/** What being a member of a group gives, for administrators (identity note, 12.3). */
export async function previewGroup({ database, access, config }: AccountService, group: CountedGroup) {
  const all = await access.allGroups();
  const groupIds = withAncestors([group.id], all);
  const above = [...groupIds].filter((id) => id !== group.id).map((id) => all.get(id)?.permissions);
  const inherited = above.reduce<PermissionTree>(combineTrees, access.defaultTree());
  const source = defaultModelSource(groupIds, all);
  const fallback = (config.get('ui.default_models') ?? '').split(',').filter((id) => id !== '');
  return {
    group: { id: group.id, name: group.name },
    default_models: {
      local: defaultModelsOf(group.data),
      effective: source?.models ?? fallback,
      source_group_id: source?.id ?? null,
    },
    ...(await previewAll(database.db, { userId: '', groupIds })),
    permissions: group.permissions ?? {},
    inherited_permissions: inherited,
    effective_permissions: combineTrees(inherited, group.permissions),
  };
}
