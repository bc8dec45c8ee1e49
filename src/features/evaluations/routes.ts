import { randomUUID } from 'node:crypto';
import { type Database, json } from '../../kernel/database/index.ts';
import { admin, on, resource, verified } from '../../kernel/http/access.ts';
import { notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List, Str } from '../../kernel/http/shapes.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { modelHistory } from './history.ts';
import { leaderboard } from './leaderboard.ts';
import { presentFeedback, presentListed } from './present.ts';
import * as shapes from './shapes.ts';
import * as store from './store.ts';

export interface EvaluationsDeps {
  database: Database;
  config: Pick<Config, 'get' | 'set'>;
}

/** Ratings of answers, the leaderboard made of them, and the arena's settings (chats note, 6). */
export function evaluationRoutes({ database, config }: EvaluationsDeps): Route[] {
  return [...feedbackRoutes(database), ...overviewRoutes(database), ...configRoutes(config)];
}

function feedbackRoutes({ db }: Database): Route[] {
  const feedback = resource<store.FeedbackRow>({
    name: 'feedback',
    load: (id) => store.findFeedback(db, id),
    allows: (user, row) => user.role === 'admin' || row.user_id === user.id,
    denied: () => notFound(),
  });
  const url = '/api/v1/evaluations/feedback/:id';
  return [
    route({
      method: 'POST',
      url: '/api/v1/evaluations/feedback',
      access: verified,
      body: shapes.FeedbackForm,
      reply: shapes.FeedbackModel,
      handler: async ({ user, body }) => {
        const now = nowSeconds();
        const id = randomUUID();
        const head = { id, user_id: user.id, version: 0, type: body.type, created_at: now, updated_at: now };
        const { data, meta, snapshot } = body;
        await store.insertFeedback(db, { ...head, data: json(data), meta: json(meta), snapshot: json(snapshot) });
        return presentFeedback({ ...head, data, meta, snapshot });
      },
    }),
    route({
      method: 'GET',
      url,
      access: on(feedback, 'read'),
      reply: shapes.FeedbackModel,
      handler: ({ target }) => presentFeedback(target),
    }),
    route({
      method: 'POST',
      url,
      access: on(feedback, 'write'),
      body: shapes.FeedbackForm,
      reply: shapes.FeedbackModel,
      handler: async ({ target, body }) => {
        const changes = {
          ...(body.data && { data: body.data }),
          ...(body.meta && Object.keys(body.meta).length > 0 && { meta: body.meta }),
          ...(body.snapshot && { snapshot: body.snapshot }),
        };
        const updated_at = nowSeconds();
        const encoded = Object.fromEntries(Object.entries(changes).map(([key, value]) => [key, json(value)]));
        await store.updateFeedback(db, target.id, { ...encoded, updated_at });
        return presentFeedback({ ...target, ...changes, updated_at });
      },
    }),
    route({
      method: 'DELETE',
      url,
      access: on(feedback, 'write'),
      reply: Bool(),
      handler: async ({ target }) => (await store.deleteFeedback(db, { id: target.id })) > 0,
    }),
    route({
      method: 'GET',
      url: '/api/v1/evaluations/feedbacks/user',
      access: verified,
      query: shapes.PageQuery,
      reply: shapes.FeedbackListResponse,
      handler: async ({ user, query }) =>
        page(
          await store.listFeedback(db, {
            userId: user.id,
            orderBy: 'updated_at',
            ascending: false,
            page: query.page ?? 1,
          }),
        ),
    }),
    route({
      method: 'DELETE',
      url: '/api/v1/evaluations/feedbacks',
      access: verified,
      reply: Bool(),
      handler: async ({ user }) => (await store.deleteFeedback(db, { userId: user.id })) > 0,
    }),
  ];
}

const ORDERS = ['username', 'model_id', 'rating', 'updated_at'] as const;

/** Newest first when nothing is asked; a filter without a known order has none. */
function orderOf(query: shapes.FeedbackListQuery): store.FeedbackFilter['orderBy'] {
  const known = ORDERS.find((order) => order === query.order_by);
  if (known) return known;
  return query.model_id || query.order_by || query.direction ? null : 'created_at';
}

function page({ items, total }: Awaited<ReturnType<typeof store.listFeedback>>) {
  return { items: items.map(presentListed), total };
}

function overviewRoutes({ db }: Database): Route[] {
  return [
    route({
      method: 'GET',
      url: '/api/v1/evaluations/feedbacks/list',
      access: admin,
      query: shapes.FeedbackListQuery,
      reply: shapes.FeedbackListResponse,
      handler: async ({ query }) =>
        page(
          await store.listFeedback(db, {
            modelId: query.model_id,
            orderBy: orderOf(query),
            ascending: query.direction === 'asc',
            page: query.page ?? 1,
          }),
        ),
    }),
    route({
      method: 'GET',
      url: '/api/v1/evaluations/feedbacks/models',
      access: admin,
      reply: List(Str()),
      handler: () => store.ratedModels(db),
    }),
    route({
      method: 'GET',
      url: '/api/v1/evaluations/feedbacks/all/ids',
      access: admin,
      reply: List(shapes.FeedbackIdResponse),
      handler: () => store.listFeedbackIds(db),
    }),
    route({
      method: 'GET',
      url: '/api/v1/evaluations/feedbacks/all/export',
      access: admin,
      query: shapes.ExportQuery,
      reply: List(shapes.FeedbackModel),
      handler: async ({ query }) => (await store.exportFeedback(db, query.model_id)).map(presentFeedback),
    }),
    route({
      method: 'DELETE',
      url: '/api/v1/evaluations/feedbacks/all',
      access: admin,
      reply: Bool(),
      handler: async () => (await store.deleteFeedback(db)) > 0,
    }),
    route({
      method: 'GET',
      url: '/api/v1/evaluations/leaderboard',
      access: admin,
      query: shapes.LeaderboardQuery,
      reply: shapes.LeaderboardResponse,
      handler: async () => ({ entries: leaderboard(await store.listRatings(db)) }),
    }),
    route({
      method: 'GET',
      // Model ids may hold slashes, which only a wildcard takes.
      url: '/api/v1/evaluations/leaderboard/*',
      access: admin,
      query: shapes.HistoryQuery,
      reply: shapes.ModelHistoryResponse,
      handler: async ({ params, query }) => {
        const modelId = /^(.+)\/history$/.exec(params['*'] ?? '')?.[1];
        if (modelId === undefined) throw notFound('Not Found');
        return { model_id: modelId, history: await modelHistory(db, modelId, query.days, query.days - 1) };
      },
    }),
  ];
}

function configRoutes(config: EvaluationsDeps['config']): Route[] {
  const present = () => ({
    ENABLE_EVALUATION_ARENA_MODELS: config.get('evaluation.arena.enable'),
    EVALUATION_ARENA_MODELS: config.get('evaluation.arena.models'),
  });
  const url = '/api/v1/evaluations/config';
  return [
    route({ method: 'GET', url, access: admin, reply: shapes.EvaluationConfig, handler: present }),
    route({
      method: 'POST',
      url,
      access: admin,
      body: shapes.EvaluationConfigForm,
      reply: shapes.EvaluationConfig,
      handler: async ({ body }) => {
        const { ENABLE_EVALUATION_ARENA_MODELS: enable, EVALUATION_ARENA_MODELS: models } = body;
        await config.set({
          ...(typeof enable === 'boolean' && { 'evaluation.arena.enable': enable }),
          ...(Array.isArray(models) && { 'evaluation.arena.models': models }),
        });
        return present();
      },
    }),
  ];
}
