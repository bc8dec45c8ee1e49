import { json } from '../../kernel/database/index.ts';
import { admin, type Access as Policy, verified } from '../../kernel/http/access.ts';
import { detail, HttpError, notFound, prohibited } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List, Nullable } from '../../kernel/http/shapes.ts';
import { pluginsEnabled } from '../../kernel/settings/index.ts';
import { deleteVersions } from '../versions/index.ts';
import { cannotRun } from './code.ts';
import { historyRoutes, recordChange } from './history.ts';
import { presentFunction, presentFunctionModel, presentListedFunction } from './present.ts';
import * as shapes from './shapes.ts';
import * as store from './store.ts';
import { checkId, type PluginsDeps } from './tool-routes.ts';
import { readValves, userValves } from './valves.ts';

const base = '/api/v1/functions/';

type Fn = store.FunctionRow;

/** Pipes, filters, actions and event functions (plugins note, 1). Running their code comes with a Python worker. */
export function functionRoutes(deps: PluginsDeps): Route[] {
  const owned = policyOf(deps, 'admin', () => notFound('Not found'));
  return [
    ...listRoutes(deps),
    ...changeRoutes(deps),
    ...valveRoutes(deps),
    ...historyRoutes('function', deps, owned),
    route({
      method: 'POST',
      url: `${base}id/:id/update/version`,
      access: owned,
      body: shapes.VersionForm,
      handler: refuse,
    }),
  ];
}

function refuse(): never {
  throw cannotRun();
}

/** A role, and a function that exists: loaded for the handler. */
function policyOf(
  { database }: PluginsDeps,
  role: 'admin' | 'verified',
  missing: () => HttpError = () => new HttpError(401, detail.NOT_FOUND),
): Policy<User, Fn> {
  return {
    kind: role === 'admin' ? 'admin' : 'on',
    needs: 'function',
    async check({ user, params }) {
      if (role === 'admin' && user.role !== 'admin') throw prohibited();
      const found = await store.findFunction(database.db, params.id ?? '');
      if (!found) throw missing();
      return found;
    },
  };
}

function listRoutes({ database, settings, access }: PluginsDeps): Route[] {
  const { db } = database;
  const enabled = () => pluginsEnabled(settings, 'FUNCTIONS');
  return [
    route({
      method: 'GET',
      url: base,
      access: verified,
      reply: List(shapes.FunctionResponse),
      handler: async () => (enabled() ? (await store.listFunctions(db)).map(presentFunction) : []),
    }),
    route({
      method: 'GET',
      url: `${base}list`,
      access: admin,
      reply: List(shapes.FunctionUserResponse),
      handler: async ({ user }) =>
        enabled() ? (await store.listFunctions(db)).map((row) => presentListedFunction(row, access.people, user)) : [],
    }),
    route({
      method: 'GET',
      url: `${base}export`,
      access: admin,
      query: shapes.ExportQuery,
      reply: shapes.FunctionExport,
      handler: async ({ query }) => {
        const rows = enabled() ? await store.exportFunctions(db) : [];
        const secret = settings.get('WEBUI_SECRET_KEY');
        return rows.map((row) => ({
          ...presentFunctionModel(row),
          ...(query.include_valves && { valves: readValves(row.valves, secret) }),
        }));
      },
    }),
    route({
      method: 'POST',
      url: `${base}create`,
      access: admin,
      body: shapes.FunctionForm,
      handler: async ({ body }) => {
        checkId(body.id);
        if (await store.findFunction(db, body.id.toLowerCase())) throw new HttpError(400, detail.ID_TAKEN);
        throw cannotRun();
      },
    }),
    route({ method: 'POST', url: `${base}load/url`, access: admin, body: shapes.LoadUrlForm, handler: refuse }),
    route({ method: 'POST', url: `${base}sync`, access: admin, body: shapes.SyncFunctionsForm, handler: refuse }),
  ];
}

function changeRoutes(deps: PluginsDeps): Route[] {
  const { database, events } = deps;
  const one = policyOf(deps, 'admin');
  const publish = (event: string, actor: User, row: Fn, data: Record<string, unknown> = {}) =>
    events.publish(event, { actor, subject: { type: 'function', id: row.id }, data });
  const flip = async (user: User, { id }: Fn, column: 'is_active' | 'is_global'): Promise<Fn> =>
    database.transaction(async (tx) => {
      await store.touchFunction(tx, id);
      const before = await store.findFunction(tx, id);
      if (!before) throw new HttpError(401, detail.NOT_FOUND);
      const after = { ...before, [column]: !before[column] };
      const version_id = await recordChange(tx, 'function', { before, after, userId: user.id, message: null });
      await store.touchFunction(tx, id, { [column]: after[column], version_id });
      return { ...after, version_id };
    });
  return [
    route({
      method: 'GET',
      url: `${base}id/:id`,
      access: one,
      reply: shapes.FunctionModel,
      handler: ({ target }) => presentFunctionModel(target),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/toggle`,
      access: one,
      reply: shapes.FunctionModel,
      handler: async ({ user, target }) => {
        publish(target.is_active ? 'function.disable_started' : 'function.enable_started', user, target);
        const row = await flip(user, target, 'is_active');
        publish(row.is_active ? 'function.enabled' : 'function.disabled', user, row);
        return presentFunctionModel(row);
      },
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/toggle/global`,
      access: one,
      reply: shapes.FunctionModel,
      handler: async ({ user, target }) => {
        const row = await flip(user, target, 'is_global');
        publish('function.updated', user, row);
        return presentFunctionModel(row);
      },
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/update`,
      access: policyOf(deps, 'admin', () => new HttpError(400, 'Function not found')),
      body: shapes.FunctionForm,
      reply: shapes.FunctionModel,
      handler: async ({ user, target, body }) => {
        const row = await rename(deps, user, target, body);
        publish('function.updated', user, row, { type: row.type, name: row.name });
        return presentFunctionModel(row);
      },
    }),
    route({
      method: 'DELETE',
      url: `${base}id/:id/delete`,
      access: admin,
      reply: Bool(),
      handler: async ({ user, params }) => {
        const id = params.id ?? '';
        const row = await store.findFunction(database.db, id);
        if (!row) return true;
        await database.transaction(async (tx) => {
          await deleteVersions(tx, 'function', id);
          await store.deleteFunction(tx, id);
        });
        publish('function.deleted', user, row, { type: row.type, name: row.name });
        return true;
      },
    }),
  ];
}

/** Name and description may change while the code, and all that comes from it, stays. */
async function rename({ database }: PluginsDeps, user: User, { id }: Fn, form: shapes.FunctionForm): Promise<Fn> {
  return database.transaction(async (tx) => {
    await store.touchFunction(tx, id);
    const before = await store.findFunction(tx, id);
    if (!before) throw new HttpError(400, 'Function not found');
    if (form.content !== (before.content ?? '')) throw cannotRun();
    const { manifest, toggle } = presentFunction(before).meta;
    const meta = { ...form.meta, manifest, ...(toggle !== undefined && { toggle }) };
    const after = { ...before, name: form.name, meta };
    const message = form.commit_message;
    const version_id = await recordChange(tx, 'function', { before, after, userId: user.id, message });
    await store.touchFunction(tx, id, { name: after.name, meta: json(meta), version_id });
    return { ...after, version_id };
  });
}

function valveRoutes(deps: PluginsDeps): Route[] {
  const secret = deps.settings.get('WEBUI_SECRET_KEY');
  const url = `${base}id/:id/valves`;
  const [owner, anybody] = [policyOf(deps, 'admin'), policyOf(deps, 'verified')];
  return [
    route({
      method: 'GET',
      url,
      access: owner,
      reply: Nullable(shapes.Valves),
      handler: ({ target }) => readValves(target.valves, secret),
    }),
    route({
      method: 'GET',
      url: `${url}/user`,
      access: anybody,
      reply: Nullable(shapes.Valves),
      handler: ({ user, target }) => readValves(userValves(user.settings, 'functions', target.id), secret),
    }),
    route({ method: 'GET', url: `${url}/spec`, access: owner, handler: refuse }),
    route({
      method: 'GET',
      url: `${url}/user/spec`,
      access: anybody,
      handler: ({ target }) => (target.is_active ? refuse() : null),
    }),
    route({ method: 'POST', url: `${url}/update`, access: owner, body: shapes.Valves, handler: refuse }),
    route({
      method: 'POST',
      url: `${url}/user/update`,
      access: anybody,
      body: shapes.Valves,
      handler: ({ target }) => {
        if (!target.is_active) throw new HttpError(400, 'Function is not active');
        return refuse();
      },
    }),
  ];
}
