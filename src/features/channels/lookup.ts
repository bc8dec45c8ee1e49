import { type Db, escapeLike, likeFold } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Channels } from './service.ts';
import {
  type ChannelRow,
  findChannel,
  findMessage,
  findMessages,
  type MessageRow,
  repliesTo,
  userNamesOf,
} from './store.ts';

export interface MessageSearch {
  query: string;
  count: number;
  /** Nanoseconds; null: no bound. */
  since: bigint | null;
  until: bigint | null;
}

export interface FoundMessage {
  channel: ChannelRow;
  message: MessageRow;
}

/** Reading channels for somebody who is not at their screen: nothing counts as read. */
export interface ChannelLookup {
  channels(user: User): Promise<ChannelRow[]>;
  messages(user: User, search: MessageSearch): Promise<FoundMessage[]>;
  /** Null: there is none, or it is not the user's to read. */
  message(user: User, id: string): Promise<(FoundMessage & { replies: number; author: string | null }) | null>;
  /** A message with its answers, oldest first, and the names of their authors. */
  thread(
    user: User,
    parentId: string,
  ): Promise<{ channel: ChannelRow; messages: MessageRow[]; names: Map<string, string> } | null>;
}

const THREAD = 200;

export function createChannelLookup(db: Db, channels: Pick<Channels, 'allows' | 'readable'>): ChannelLookup {
  async function open(user: User, id: string): Promise<FoundMessage | null> {
    const message = await findMessage(db, id);
    const channel = message?.channel_id ? await findChannel(db, message.channel_id) : undefined;
    return message && channel && (await channels.allows(user, channel, 'read')) ? { channel, message } : null;
  }
  return {
    channels: (user) => channels.readable(user),
    async messages(user, { query, count, since, until }) {
      const rows = await channels.readable(user);
      if (rows.length === 0) return [];
      const byId = new Map(rows.map((row) => [row.id, row]));
      let found = db
        .selectFrom('message')
        .selectAll()
        .where('channel_id', 'in', [...byId.keys()])
        .where(likeFold(db, 'message.content', `%${escapeLike(query)}%`));
      if (since !== null) found = found.where('created_at', '>=', since);
      if (until !== null) found = found.where('created_at', '<=', until);
      const messages = await found.orderBy('created_at', 'desc').orderBy('id').limit(count).execute();
      return messages.flatMap((message) => {
        const channel = byId.get(message.channel_id ?? '');
        return channel ? [{ channel, message }] : [];
      });
    },
    async message(user, id) {
      const found = await open(user, id);
      if (!found) return null;
      const [replies, names] = await Promise.all([repliesTo(db, [id]), userNamesOf(db, [found.message.user_id ?? ''])]);
      return { ...found, replies: replies.get(id)?.count ?? 0, author: names.get(found.message.user_id ?? '') ?? null };
    },
    async thread(user, parentId) {
      const found = await open(user, parentId);
      if (!found) return null;
      const ids = await db
        .selectFrom('message')
        .select('id')
        .where('parent_id', '=', parentId)
        .orderBy('created_at')
        .orderBy('id')
        .limit(THREAD)
        .execute();
      const answers = await findMessages(
        db,
        ids.map(({ id }) => id),
      );
      const order = new Map(ids.map(({ id }, at) => [id, at]));
      answers.sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
      const messages = [found.message, ...answers];
      const names = await userNamesOf(
        db,
        messages.map(({ user_id }) => user_id ?? ''),
      );
      return { channel: found.channel, messages, names };
    },
  };
}
