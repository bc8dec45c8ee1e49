import { Readable } from 'node:stream';
import type { Db } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { parseDocument } from './document.ts';
import { chatStats, chatUsage } from './figures.ts';
import type { StatsQuery } from './shapes.ts';
import { findWhole, headOf, selectWhole } from './store.ts';
import { notInternal } from './tags.ts';

const STATS_PAGE = 10;
/** Most chats one page of usage may compute. */
const MAX_USAGE_PAGE = 500;

/** Figures of chats (chats note, 1.4). */
export function createStatistics(db: Db) {
  async function count(userId: string, after: number | null): Promise<number> {
    let query = db
      .selectFrom('chat')
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .where('user_id', '=', userId)
      .where(notInternal(db));
    if (after !== null) query = query.where('updated_at', '>', after);
    return Number((await query.executeTakeFirstOrThrow()).total);
  }

  function ascending(userId: string, after: number | null) {
    const query = selectWhole(db).where('chat.user_id', '=', userId).where(notInternal(db));
    return (after === null ? query : query.where('chat.updated_at', '>', after))
      .orderBy('chat.updated_at')
      .orderBy('chat.id');
  }

  const statsOf = ({ stored, ...row }: Awaited<ReturnType<ReturnType<typeof ascending>['execute']>>[number]) =>
    chatStats(headOf(row), parseDocument(stored));

  return {
    async usage(user: User, perPage: number, page: number) {
      const size = Math.min(Math.max(1, perPage), MAX_USAGE_PAGE);
      const rows = await selectWhole(db)
        .where('chat.user_id', '=', user.id)
        .where(notInternal(db))
        .orderBy('chat.updated_at', 'desc')
        .orderBy('chat.id')
        .limit(size)
        .offset((Math.max(1, page) - 1) * size)
        .execute();
      const items = rows.flatMap(({ stored, ...row }) => chatUsage(headOf(row), parseDocument(stored)) ?? []);
      return { items, total: await count(user.id, null) };
    },

    async page(user: User, { updated_at: after, page }: StatsQuery) {
      const at = Math.max(1, page ?? 1);
      const rows = await ascending(user.id, after)
        .limit(STATS_PAGE)
        .offset((at - 1) * STATS_PAGE)
        .execute();
      return { type: 'chats', items: rows.map(statsOf), total: await count(user.id, after), page: at };
    },

    /** All of them, one JSON text a line. */
    stream(user: User, after: number | null): Readable {
      return Readable.from(lines(), { objectMode: false });
      async function* lines(): AsyncGenerator<string> {
        let last: { at: number; id: string } | null = null;
        for (;;) {
          const from: { at: number; id: string } | null = last;
          let query = ascending(user.id, after);
          if (from) {
            query = query.where((eb) =>
              eb.or([
                eb('chat.updated_at', '>', from.at),
                eb.and([eb('chat.updated_at', '=', from.at), eb('chat.id', '>', from.id)]),
              ]),
            );
          }
          const rows = await query.limit(STATS_PAGE).execute();
          for (const row of rows) yield `${JSON.stringify(statsOf(row))}\n`;
          const end = rows.at(-1);
          if (!end || rows.length < STATS_PAGE) return;
          last = { at: end.updated_at ?? 0, id: end.id };
        }
      }
    },

    async one(chatId: string) {
      const found = await findWhole(db, chatId);
      if (!found) throw new HttpError(400, 'Failed to process chat stats');
      return chatStats(found.head, parseDocument(found.bytes));
    },
  };
}
