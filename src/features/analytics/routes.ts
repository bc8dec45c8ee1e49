import type { Database } from '../../kernel/database/index.ts';
import { admin } from '../../kernel/http/access.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Json, List } from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import { type Access, withDescendants } from '../access/index.ts';
import { modelHistory } from '../evaluations/index.ts';
import { bucketsOf, compared } from './series.ts';
import * as shapes from './shapes.ts';
import * as store from './store.ts';

export interface AnalyticsDeps {
  database: Pick<Database, 'db'>;
  access: Pick<Access, 'allGroups'>;
}

const base = '/api/v1/analytics/';
const TOP_TAGS = 10;

/** Who uses which models how much (chats and content note, 7). */
export function analyticsRoutes({ database: { db }, access }: AnalyticsDeps): Route[] {
  /** 0 is "not set", as for the release whose API this is. */
  const rangeOf = (query: { start_date: number | null; end_date: number | null }) => ({
    start: query.start_date || null,
    end: query.end_date || null,
  });
  const scopeOf = async (query: shapes.RangeQuery): Promise<store.Scope> => ({
    ...rangeOf(query),
    groupIds: query.group_id ? [...withDescendants(query.group_id, await access.allGroups())] : null,
  });

  async function daily(query: shapes.DailyQuery) {
    const scope = await scopeOf(query);
    const { start, end } = scope;
    const range = start !== null && end !== null && start <= end ? { start, end } : null;
    if (query.compare && !range) throw new HttpError(400, 'Comparison requires a bounded date range');
    const now = await store.slots(db, scope, query.metric);
    if (!query.compare || !range) return bucketsOf(now, query.granularity, range);
    const length = range.end - range.start + 1;
    const earlier = { ...scope, start: range.start - length, end: range.start - 1 };
    return compared(now, await store.slots(db, earlier, query.metric), query.granularity, range);
  }

  async function ofModel(path: string, query: shapes.ModelQuery) {
    const [, modelId, what] = /^(.+)\/(chats|overview)$/.exec(path) ?? [];
    if (modelId === undefined) throw notFound('Not Found');
    if (what === 'overview') {
      const [history, metas] = await Promise.all([modelHistory(db, modelId, query.days), store.chatMetas(db, modelId)]);
      return { history, tags: topTags(metas) };
    }
    return store.chatsOfModel(db, {
      ...rangeOf(query),
      modelId,
      order: query.order_by === 'title' || query.order_by === 'user_name' ? query.order_by : 'updated_at',
      ascending: query.direction === 'asc',
      offset: Math.max(0, query.skip),
      limit: Math.max(0, query.limit),
    });
  }

  return [
    route({
      method: 'GET',
      url: `${base}summary`,
      access: admin,
      query: shapes.RangeQuery,
      reply: shapes.Summary,
      handler: async ({ query }) => store.summary(db, await scopeOf(query)),
    }),
    route({
      method: 'GET',
      url: `${base}models`,
      access: admin,
      query: shapes.RangeQuery,
      reply: shapes.Models,
      handler: async ({ query }) => ({ models: await store.byModel(db, await scopeOf(query)) }),
    }),
    route({
      method: 'GET',
      url: `${base}users`,
      access: admin,
      query: shapes.UsersQuery,
      reply: shapes.Users,
      handler: async ({ query }) => ({
        users: await store.byUser(db, await scopeOf(query), query.metric, query.limit),
      }),
    }),
    route({
      method: 'GET',
      url: `${base}messages`,
      access: admin,
      query: shapes.MessagesQuery,
      reply: List(Json()),
      handler: ({ query }) =>
        store.messages(db, {
          ...rangeOf(query),
          chatId: query.chat_id,
          modelId: query.model_id,
          userId: query.user_id,
          offset: Math.max(0, query.skip),
          limit: Math.max(0, query.limit),
        }),
    }),
    route({
      method: 'GET',
      url: `${base}daily`,
      access: admin,
      query: shapes.DailyQuery,
      reply: shapes.Daily,
      handler: async ({ query }) => ({ data: await daily(query) }),
    }),
    route({
      method: 'GET',
      url: `${base}tokens`,
      access: admin,
      query: shapes.RangeQuery,
      reply: shapes.Tokens,
      handler: async ({ query }) => {
        const models = await store.tokensByModel(db, await scopeOf(query));
        const sum = (name: 'input_tokens' | 'output_tokens' | 'total_tokens') =>
          models.reduce((total, model) => total + model[name], 0);
        return {
          models,
          total_input_tokens: sum('input_tokens'),
          total_output_tokens: sum('output_tokens'),
          total_tokens: sum('total_tokens'),
        };
      },
    }),
    route({
      method: 'GET',
      // Model ids may hold slashes, which only a wildcard takes.
      url: `${base}models/*`,
      access: admin,
      query: shapes.ModelQuery,
      handler: ({ params, query }) => ofModel(params['*'] ?? '', query),
    }),
  ];
}

function topTags(metas: readonly unknown[]): { tag: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const meta of metas) {
    const tags = isObject(meta) && Array.isArray(meta.tags) ? meta.tags : [];
    for (const tag of tags) if (typeof tag === 'string') counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  return [...counts]
    .map(([tag, count]) => ({ tag, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, TOP_TAGS);
}
