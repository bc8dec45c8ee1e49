import { admin, verified } from '../../kernel/http/access.ts';
import { notFound, prohibited } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import type { Chats, ChatsDeps } from './service.ts';
import { readChatConfig, writeChatConfig } from './settings.ts';
import * as shapes from './shapes.ts';
import { createStatistics } from './statistics.ts';
import { findChat } from './store.ts';

/** Figures and the settings of chats (chats note, 1.4). */
export function statisticsRoutes(chats: Chats, deps: ChatsDeps): Route[] {
  const { database, config, settings } = deps;
  const { db } = database;
  const statistics = createStatistics(db);
  const url = (rest: string) => `/api/v1/chats/${rest}`;

  function checkMayExport(user: User): void {
    if (user.role !== 'admin' && !config.get('ui.enable_community_sharing')) throw prohibited();
  }

  return [
    route({
      method: 'GET',
      url: url('config'),
      access: admin,
      reply: shapes.ChatConfigForm,
      handler: () => readChatConfig(config),
    }),
    route({
      method: 'POST',
      url: url('config'),
      access: admin,
      body: shapes.ChatConfigForm,
      reply: shapes.ChatConfigForm,
      handler: ({ body }) => writeChatConfig(config, settings, body),
    }),
    route({
      method: 'GET',
      url: url('stats/usage'),
      access: verified,
      query: shapes.UsageQuery,
      reply: shapes.ChatUsageStatsListResponse,
      handler: ({ user, query }) => statistics.usage(user, query.items_per_page ?? 50, query.page ?? 1),
    }),
    route({
      method: 'GET',
      url: url('stats/export'),
      access: verified,
      query: shapes.StatsQuery,
      handler: ({ user, query, reply }) => {
        checkMayExport(user);
        if (!query.stream) return statistics.page(user, query);
        return reply
          .header('content-disposition', `attachment; filename=chat-stats-export-${user.id}.jsonl`)
          .type('application/x-ndjson')
          .send(statistics.stream(user, query.updated_at));
      },
    }),
    route({
      method: 'GET',
      url: url('stats/export/:chat_id'),
      access: verified,
      reply: shapes.ChatStatsExport,
      handler: async ({ user, params }) => {
        checkMayExport(user);
        const chat = await findChat(db, params.chat_id ?? '');
        if (!chat) throw notFound();
        if (chat.user_id !== user.id && !chats.parts.guard.oversees(user)) throw prohibited();
        return statistics.one(chat.id);
      },
    }),
  ];
}
