import type { Db } from '../../kernel/database/index.ts';
import { nowNanoseconds, nowSeconds } from '../../kernel/time.ts';
import { grantedTo } from '../access/index.ts';

/** Channels whose messages a user gets: those with an active membership, and the open ones owned or readable (realtime note, 2.2). */
export async function channelIdsOf(db: Db, userId: string, groupIds: ReadonlySet<string>): Promise<string[]> {
  const granted = grantedTo({ type: 'channel', right: 'read', id: 'channel.id', userId, groupIds });
  const rows = await db
    .selectFrom('channel')
    .select('channel.id')
    .where('archived_at', 'is', null)
    .where('deleted_at', 'is', null)
    .where((eb) => {
      const isMember = eb.exists(
        eb
          .selectFrom('channel_member as m')
          .select('m.id')
          .whereRef('m.channel_id', '=', 'channel.id')
          .where('m.user_id', '=', userId)
          .where('m.is_active', '=', true),
      );
      const closed = eb('type', 'in', ['group', 'dm']);
      const open = eb.or([eb('type', 'is', null), eb.not(closed)]);
      return eb.or([eb.and([closed, isMember]), eb.and([open, eb.or([eb('user_id', '=', userId), granted])])]);
    })
    .execute();
  return rows.map((row) => row.id);
}

/** Seconds since the last sign of life within which a user counts as active. */
const ACTIVE_SECONDS = 180;

export async function countActiveUsers(db: Db): Promise<number> {
  const row = await db
    .selectFrom('user')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('last_active_at', '>=', nowSeconds() - ACTIVE_SECONDS)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

/** Notes that a member has read a channel now; nothing where the user is no member. */
export async function markChannelRead(db: Db, userId: string, channelId: string): Promise<void> {
  const now = nowNanoseconds();
  await db
    .updateTable('channel_member')
    .set({ last_read_at: now, updated_at: now })
    .where('channel_id', '=', channelId)
    .where('user_id', '=', userId)
    .execute();
}
