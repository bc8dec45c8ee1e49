import { escapeLike, likeFold } from '../../kernel/database/index.ts';
import { excerpt, PREVIEW, SNIPPET } from './excerpt.ts';
import { REST, type Source } from './source.ts';

/** Messages of the user's channels. */
export const messageSource: Source = {
  async find({ db, user, channels, terms, sharing, limit }) {
    if (channels.size === 0) return [];
    let query = db
      .selectFrom('message')
      .select(['id', 'updated_at'])
      .where('channel_id', 'in', [...channels.keys()])
      .where((eb) => eb.and(terms.map((term) => likeFold(db, 'message.content', `%${escapeLike(term)}%`))));
    if (sharing === 'mine') query = query.where('user_id', '=', user.id);
    if (sharing === 'shared') query = query.where('user_id', '<>', user.id);
    const rows = await query.orderBy('updated_at', 'desc').orderBy('id').limit(limit).execute();
    return rows.map((row) => ({
      source: 'message' as const,
      id: row.id,
      rank: REST,
      updated: inSeconds(row.updated_at),
    }));
  },

  async present({ db, channels, terms }, ids) {
    const rows = await db
      .selectFrom('message')
      .leftJoin('user', 'user.id', 'message.user_id')
      .select([
        'message.id',
        'message.channel_id',
        'message.parent_id',
        'message.content',
        'message.updated_at',
        'user.name',
      ])
      .where('message.id', 'in', [...ids])
      .execute();
    return new Map(
      rows.map((row) => {
        const channel = channels.get(row.channel_id ?? '');
        const text = row.content ?? '';
        return [
          row.id,
          {
            id: `message:${row.id}`,
            kind: 'message' as const,
            title: row.name || 'Message',
            context: channel?.direct ? channel.name : `#${channel?.name ?? ''}`,
            snippet: excerpt(text, terms, SNIPPET),
            preview: excerpt(text, terms, PREVIEW),
            url: `/channels/${row.channel_id}?thread=${row.parent_id ?? row.id}&message=${row.id}`,
            updated_at: inSeconds(row.updated_at),
            shared: true,
            pinned: false,
          },
        ];
      }),
    );
  },
};

function inSeconds(nanoseconds: bigint | null): number {
  return nanoseconds === null ? 0 : Number(nanoseconds / 1_000_000_000n);
}
