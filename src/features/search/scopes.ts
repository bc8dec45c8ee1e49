import type { Db } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Channel } from './source.ts';

/** Folders the user owns or was given to read, with everything below them: names by id, and parents. */
export async function visibleFolders(db: Db, user: User, granted: ReadonlySet<string>) {
  const names = new Map<string, string>();
  const parents = new Map<string, string | null>();
  const add = (rows: { id: string; name: string; parent_id: string | null }[]): string[] => {
    const added = rows.filter((row) => !names.has(row.id));
    for (const row of added) {
      names.set(row.id, row.name);
      parents.set(row.id, row.parent_id);
    }
    return added.map((row) => row.id);
  };
  const columns = ['id', 'name', 'parent_id'] as const;
  let open = add(await db.selectFrom('folder').select(columns).where('user_id', '=', user.id).execute());
  if (granted.size > 0) {
    const rows = await db
      .selectFrom('folder')
      .select(columns)
      .where('id', 'in', [...granted])
      .execute();
    open.push(...add(rows));
  }
  while (open.length > 0) {
    const rows = await db.selectFrom('folder').select(columns).where('parent_id', 'in', open).execute();
    open = add(rows);
  }
  return { names, parents };
}

/** Names of channels; one between two people that has no name is called after the others in it. */
export async function namedChannels(db: Db, user: User, ids: readonly string[]): Promise<Map<string, Channel>> {
  const channels = new Map<string, Channel>();
  if (ids.length === 0) return channels;
  const rows = await db
    .selectFrom('channel')
    .select(['id', 'name', 'type'])
    .where('id', 'in', [...ids])
    .execute();
  const nameless = rows.filter((row) => !row.name?.trim()).map((row) => row.id);
  const members =
    nameless.length === 0
      ? []
      : await db
          .selectFrom('channel_member as m')
          .innerJoin('user', 'user.id', 'm.user_id')
          .select(['m.channel_id', 'user.name'])
          .where('m.channel_id', 'in', nameless)
          .where('m.user_id', '<>', user.id)
          .orderBy('user.name')
          .execute();
  for (const row of rows) {
    const others = members.filter((member) => member.channel_id === row.id).map((member) => member.name ?? '');
    channels.set(row.id, { name: row.name?.trim() || others.join(', ') || user.name, direct: row.type === 'dm' });
  }
  return channels;
}
