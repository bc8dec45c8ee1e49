import type { Db } from '../../kernel/database/index.ts';
import { isObject } from '../../kernel/json.ts';
import type { People } from '../access/index.ts';
import { presentMessage, slimData } from './present.ts';
import * as store from './store.ts';

/** Messages with authors, what they answer, answers and reactions: a fixed number of queries for all of them. */
export async function presentMessages(db: Db, people: People, rows: readonly store.MessageRow[], slim: boolean) {
  const ids = rows.map((row) => row.id);
  const quotedIds = rows.flatMap((row) => (row.reply_to_id === null ? [] : [row.reply_to_id]));
  const [quoted, replies, reactions] = await Promise.all([
    store.findMessages(db, quotedIds),
    store.repliesTo(db, ids),
    store.reactionsTo(db, ids),
  ]);
  const authors = await authorsOf(db, people, [...rows, ...quoted]);
  return rows.map((row) => {
    const answered = quoted.find((one) => one.id === row.reply_to_id);
    return {
      ...presentMessage(row),
      ...(slim && { data: slimData(row) }),
      user: authors(row),
      reply_to_message: answered
        ? { ...presentMessage(answered), data: slimData(answered), user: authors(answered) }
        : null,
      latest_reply_at: replies.get(row.id)?.latest ?? null,
      reply_count: replies.get(row.id)?.count ?? 0,
      reactions: grouped(reactions.filter((reaction) => reaction.message_id === row.id)),
    };
  });
}

/** Who wrote a message: a person, a webhook, or an app. */
async function authorsOf(db: Db, people: People, rows: readonly store.MessageRow[]) {
  const userIds = [...new Set(rows.flatMap((row) => (row.user_id === null ? [] : [row.user_id])))];
  const hookIds = [...new Set(rows.flatMap((row) => webhookOf(row) ?? []))];
  const [users, hooks] = await Promise.all([
    userIds.length === 0
      ? []
      : db.selectFrom('user').select(['id', 'name', 'role']).where('id', 'in', userIds).execute(),
    hookIds.length === 0
      ? []
      : db.selectFrom('channel_webhook').select(['id', 'name']).where('id', 'in', hookIds).execute(),
  ]);
  return (row: store.MessageRow) => {
    if (row.app_id !== null) return { id: row.app_id, name: 'Removed App', role: 'app' };
    const hook = webhookOf(row);
    if (hook !== null) {
      return { id: hook, name: hooks.find((one) => one.id === hook)?.name ?? 'Deleted Webhook', role: 'webhook' };
    }
    const author = users.find((one) => one.id === row.user_id);
    // Everybody in a channel gets the same.
    return author ? people.shown(null, author) : null;
  };
}

function webhookOf({ meta }: store.MessageRow): string | null {
  const hook = isObject(meta) ? meta.webhook : null;
  return isObject(hook) && typeof hook.id === 'string' ? hook.id : null;
}

function grouped(reactions: readonly { name: string; user_id: string; user_name: string | null }[]) {
  const names = new Map<string, { id: string; name: string | null }[]>();
  for (const { name, user_id: id, user_name } of reactions) {
    names.set(name, [...(names.get(name) ?? []), { id, name: user_name }]);
  }
  return [...names].map(([name, users]) => ({ name, users, count: users.length }));
}
