import type { Database } from '../../kernel/database/index.ts';
import { both, may, on, resource, whileOn } from '../../kernel/http/access.ts';
import { detail, forbidden, HttpError, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import {
  Bool,
  Default,
  Dict,
  Int,
  List,
  Nullable,
  Obj,
  OneOf,
  Optional,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import type { EventSink } from '../configuration/index.ts';
import * as store from './store.ts';

export interface AutomationsDeps {
  database: Database;
  config: Pick<Config, 'get'>;
  events: EventSink;
}

const base = '/api/v1/automations/';
const text = Nullable(Str());

const AutomationForm = shape('AutomationForm', {
  name: Str(),
  folder_id: Default(text, null),
  data: shape('AutomationData', {
    prompt: Str(),
    model_id: Str(),
    rrule: Str(),
    terminal: Default(Nullable(Dict()), null),
    target: Default(
      Nullable(Obj({ type: Default(OneOf('chat', 'channel'), 'chat'), channel_id: Default(text, null) })),
      null,
    ),
  }),
  meta: Default(Nullable(Dict()), null),
  is_active: Optional(Nullable(Bool())),
});
const ListQuery = Obj({
  query: Default(text, null),
  status: Default(text, null),
  folder_id: Default(text, null),
  page: Default(Nullable(Int()), 1),
});
const RunsQuery = Obj({ skip: Default(Int(), 0), limit: Default(Int(), 50) });
const Run = shape('AutomationRunModel', {
  id: Str(),
  automation_id: Str(),
  chat_id: text,
  status: Str(),
  error: text,
  created_at: Int(),
});
const AutomationResponse = shape('AutomationResponse', {
  id: Str(),
  user_id: Str(),
  folder_id: text,
  name: Str(),
  data: Dict(),
  meta: Nullable(Dict()),
  is_active: Bool(),
  last_run_at: Nullable(Int()),
  next_run_at: Nullable(Int()),
  created_at: Int(),
  updated_at: Int(),
  last_run: Nullable(Run),
  next_runs: Nullable(List(Int())),
});
const AutomationListResponse = shape('AutomationListResponse', { items: List(AutomationResponse), total: Int() });

/** Answer of what would have to evaluate a schedule or run a task: that is not there yet. */
function cannotRun(): HttpError {
  return new HttpError(400, 'This server does not run scheduled tasks');
}

/** Scheduled tasks as they are kept (realtime note, 6): lists, runs, pausing, deleting. */
export function automationRoutes({ database, config, events }: AutomationsDeps): Route[] {
  const { db } = database;
  const user = whileOn(
    () => config.get('automations.enable'),
    () => forbidden(detail.UNAUTHORIZED),
    may('features.automations', { status: 403, detail: detail.UNAUTHORIZED }),
  );
  const automation = resource<store.AutomationRow>({
    name: 'automation',
    load: (id) => store.findAutomation(db, id),
    allows: (who, row) => row.user_id === who.id,
    denied: () => notFound(),
  });
  const mine = both(user, on(automation, 'own'));
  const whole = async (row: store.AutomationRow) => present(row, (await store.lastRuns(db, [row.id])).get(row.id));
  const refuse = () => {
    throw cannotRun();
  };
  return [
    route({
      method: 'GET',
      url: `${base}list`,
      access: user,
      query: ListQuery,
      reply: AutomationListResponse,
      handler: async ({ user, query }) => {
        const { items, total } = await store.listAutomations(db, {
          userId: user.id,
          query: query.query,
          active: query.status === 'active' ? true : query.status === 'paused' ? false : null,
          folderId: query.folder_id,
          page: query.page ?? 1,
        });
        const runs = await store.lastRuns(
          db,
          items.map((row) => row.id),
        );
        return { items: items.map((row) => present(row, runs.get(row.id))), total };
      },
    }),
    route({ method: 'POST', url: `${base}create`, access: user, body: AutomationForm, handler: refuse }),
    route({
      method: 'GET',
      url: `${base}:id`,
      access: mine,
      reply: AutomationResponse,
      handler: ({ target }) => whole(target),
    }),
    route({ method: 'POST', url: `${base}:id/update`, access: mine, body: AutomationForm, handler: refuse }),
    route({
      method: 'POST',
      url: `${base}:id/toggle`,
      access: mine,
      reply: AutomationResponse,
      handler: async ({ user, target }) => {
        if (!target.is_active) throw cannotRun();
        await store.pause(db, target.id, nowNanoseconds());
        const subject = { type: 'automation', id: target.id };
        events.publish('automation.disabled', { actor: user, subject, data: { name: target.name } });
        const row = await store.findAutomation(db, target.id);
        if (!row) throw notFound();
        return whole(row);
      },
    }),
    route({ method: 'POST', url: `${base}:id/run`, access: mine, handler: refuse }),
    route({
      method: 'DELETE',
      url: `${base}:id/delete`,
      access: mine,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await database.transaction((tx) => store.deleteAutomation(tx, target.id));
        const subject = { type: 'automation', id: target.id };
        events.publish('automation.deleted', { actor: user, subject, data: { name: target.name } });
        return true;
      },
    }),
    route({
      method: 'GET',
      url: `${base}:id/runs`,
      access: mine,
      query: RunsQuery,
      reply: List(Run),
      handler: ({ target, query }) => store.listRuns(db, target.id, Math.max(0, query.skip), Math.max(0, query.limit)),
    }),
  ];
}

const DATA = { prompt: '', model_id: '', rrule: '', terminal: null, target: null };

function present(row: store.AutomationRow, run: store.RunRow | undefined) {
  const { id, user_id, folder_id, name, data, meta, is_active, last_run_at, next_run_at, created_at, updated_at } = row;
  return {
    id,
    user_id,
    folder_id,
    name,
    data: { ...DATA, ...(isObject(data) ? data : {}) },
    meta: isObject(meta) ? meta : null,
    is_active,
    last_run_at,
    next_run_at,
    created_at,
    updated_at,
    last_run: run ?? null,
    next_runs: null,
  };
}
