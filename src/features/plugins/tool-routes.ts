import { type Database, json } from '../../kernel/database/index.ts';
import { admin, may, on, type Access as Policy, type Resource, resource, verified } from '../../kernel/http/access.ts';
import { detail, HttpError, notFound, prohibited } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List, Nullable } from '../../kernel/http/shapes.ts';
import { type Config, pluginsEnabled, type Settings } from '../../kernel/settings/index.ts';
import { type Access, allowedGrants, listWireGrants } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { ToolServers } from '../tool-servers/index.ts';
import { deleteVersions } from '../versions/index.ts';
import { cannotRun } from './code.ts';
import { historyRoutes, recordChange } from './history.ts';
import { presentListedTool, presentTool } from './present.ts';
import * as shapes from './shapes.ts';
import * as store from './store.ts';
import { readValves, userValves } from './valves.ts';

export interface PluginsDeps {
  database: Database;
  settings: Settings;
  config: Pick<Config, 'get'>;
  access: Access;
  events: EventSink;
  toolServers: Pick<ToolServers, 'list'>;
}

const base = '/api/v1/tools/';
const unauthorized = () => new HttpError(401, detail.UNAUTHORIZED);
const noSuchTool = () => new HttpError(401, detail.NOT_FOUND);
const changeCode = ['workspace.tools', 'workspace.tools_import'];

/** Tools kept on this server and those of tool servers (plugins note, 2). Running their code comes with a Python worker. */
export function toolRoutes(deps: PluginsDeps): Route[] {
  const policies = policiesOf(deps);
  return [
    ...listRoutes(deps),
    ...oneRoutes(deps, policies),
    ...valveRoutes(deps, policies),
    ...historyRoutes('tool', deps, policies.history),
    route({
      method: 'POST',
      url: `${base}id/:id/update/version`,
      access: policies.history,
      body: shapes.VersionForm,
      reply: shapes.ToolModel,
      handler: () => {
        throw cannotRun();
      },
    }),
  ];
}

type Tool = store.ToolRow;
type ToolPolicies = ReturnType<typeof policiesOf>;

function policiesOf({ database, access, settings }: PluginsDeps) {
  const seesAll = (user: User) => user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  const owns = async (user: User, tool: Tool, right: string) =>
    tool.user_id === user.id || access.grants.allows(user, 'tool', tool.id, right === 'write' ? 'write' : 'read');
  const tool = resource<Tool>({
    name: 'tool',
    load: (id) => store.findTool(database.db, id),
    allows: async (user, row, right) => user.role === 'admin' || owns(user, row, right),
  });
  const like = (changes: Partial<Resource<Tool>>, right: string): Policy<User, Tool> =>
    on({ ...tool, ...changes }, right);
  return {
    seesAll,
    mayWrite: async (user: User, row: Tool) => seesAll(user) || owns(user, row, 'write'),
    reader: like({}, 'read'),
    writer: like({}, 'write'),
    changer: like({ missing: noSuchTool, denied: unauthorized }, 'write'),
    sharer: like({ denied: unauthorized }, 'write'),
    valves: like({ missing: noSuchTool, denied: () => new HttpError(400, detail.ACCESS_PROHIBITED) }, 'write'),
    history: like(
      {
        missing: () => notFound('Not found'),
        denied: () => prohibited(),
        allows: async (user, row) => seesAll(user) || owns(user, row, 'write'),
      },
      'write',
    ),
  };
}

function listRoutes(deps: PluginsDeps): Route[] {
  const { database, access, settings } = deps;
  const { db } = database;
  const enabled = () => pluginsEnabled(settings, 'TOOLS');
  const viewerOf = async (user: User): Promise<store.Viewer> => ({
    id: user.id,
    groupIds: await access.groupIds(user.id),
    all: user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL'),
  });
  async function local(user: User) {
    if (!enabled()) return [];
    const viewer = await viewerOf(user);
    const rows = await store.listTools(db, viewer);
    const grants = await listWireGrants(
      db,
      'tool',
      rows.map((row) => row.id),
    );
    return rows.map((row) => ({
      item: presentListedTool(row, grants.get(row.id) ?? [], access.people, user),
      write_access: viewer.all || row.user_id === user.id || Number(row.writable) === 1,
    }));
  }
  return [
    route({
      method: 'GET',
      url: base,
      access: verified,
      query: shapes.ToolListQuery,
      reply: List(shapes.ToolUserResponse),
      handler: async ({ user, query }) => {
        const items = [...(await local(user)).map(({ item }) => item), ...(await deps.toolServers.list(user))];
        const wanted = query.query?.toLowerCase();
        return wanted ? items.filter((item) => item.name.toLowerCase().includes(wanted)) : items;
      },
    }),
    route({
      method: 'GET',
      url: `${base}list`,
      access: verified,
      reply: List(shapes.ToolAccessResponse),
      handler: async ({ user }) => (await local(user)).map(({ item, write_access }) => ({ ...item, write_access })),
    }),
    route({
      method: 'GET',
      url: `${base}export`,
      access: may('workspace.tools_export', { detail: detail.UNAUTHORIZED }),
      reply: List(shapes.ToolModel),
      handler: async ({ user }) => {
        if (!enabled()) return [];
        const rows = await store.exportTools(db, await viewerOf(user));
        const grants = await listWireGrants(
          db,
          'tool',
          rows.map((row) => row.id),
        );
        return rows.map((row) => presentTool(row, grants.get(row.id) ?? []));
      },
    }),
    route({
      method: 'POST',
      url: `${base}create`,
      access: may(changeCode, { detail: detail.UNAUTHORIZED }),
      body: shapes.ToolForm,
      handler: async ({ body }) => {
        checkId(body.id);
        if (await store.findTool(db, body.id.toLowerCase())) throw new HttpError(400, detail.ID_TAKEN);
        throw cannotRun();
      },
    }),
  ];
}

const IDENTIFIER = /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u;

/** Ids of tools and functions are names of Python modules. */
export function checkId(id: string): void {
  if (!IDENTIFIER.test(id)) {
    throw new HttpError(400, 'Only alphanumeric characters and underscores are allowed in the id');
  }
}

function oneRoutes(deps: PluginsDeps, policies: ToolPolicies): Route[] {
  const { database, access, events } = deps;
  const whole = async (row: Tool) =>
    presentTool(row, (await listWireGrants(database.db, 'tool', [row.id])).get(row.id) ?? []);
  return [
    route({
      method: 'GET',
      url: `${base}id/:id`,
      access: policies.reader,
      reply: shapes.ToolAccessResponse,
      handler: async ({ user, target }) => {
        const write_access = await policies.mayWrite(user, target);
        const { content, ...tool } = await whole(target);
        const shown = write_access || user.role === 'admin' ? content : null;
        return { ...tool, content: shown, user: null, write_access };
      },
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/update`,
      access: policies.changer,
      body: shapes.ToolForm,
      reply: shapes.ToolModel,
      handler: async ({ user, target, body }) => {
        if (body.content !== (target.content ?? '')) {
          await checkCodeRight(access, user);
          throw cannotRun();
        }
        const row = await rename(deps, user, target, body);
        events.publish('tool.updated', {
          actor: user,
          subject: { type: 'tool', id: row.id },
          data: { name: row.name },
        });
        return whole(row);
      },
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/access/update`,
      access: policies.sharer,
      body: shapes.ToolAccessGrantsForm,
      reply: shapes.ToolModel,
      handler: async ({ user, target, body }) => {
        const grants = await allowedGrants(access.permissions, user, 'tool', body.access_grants);
        await database.transaction(async (tx) => {
          await access.grants.set(tx, 'tool', target.id, grants);
          await store.touchTool(tx, target.id);
        });
        events.publish('tool.access_updated', { actor: user, subject: { type: 'tool', id: target.id }, data: {} });
        return whole((await store.findTool(database.db, target.id)) ?? target);
      },
    }),
    route({
      method: 'DELETE',
      url: `${base}id/:id/delete`,
      access: policies.changer,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await database.transaction(async (tx) => {
          await deleteVersions(tx, 'tool', target.id);
          await access.grants.remove(tx, 'tool', [target.id]);
          await store.deleteTool(tx, target.id);
        });
        const data = { name: target.name };
        events.publish('tool.deleted', { actor: user, subject: { type: 'tool', id: target.id }, data });
        return true;
      },
    }),
    route({
      method: 'POST',
      url: `${base}load/url`,
      access: admin,
      body: shapes.LoadUrlForm,
      handler: () => {
        throw cannotRun();
      },
    }),
  ];
}

async function checkCodeRight(access: Access, user: User): Promise<void> {
  if (user.role === 'admin') return;
  for (const permission of changeCode) if (await access.permissions(user, permission)) return;
  throw unauthorized();
}

/** Name and description may change while the code, and all that comes from it, stays. */
async function rename({ database }: PluginsDeps, user: User, { id }: Tool, form: shapes.ToolForm): Promise<Tool> {
  return database.transaction(async (tx) => {
    await store.touchTool(tx, id);
    const before = await store.findTool(tx, id);
    if (!before) throw noSuchTool();
    if (form.content !== (before.content ?? '')) throw cannotRun();
    const { manifest, has_user_valves } = presentTool(before, []).meta;
    const after = { ...before, name: form.name, meta: { ...form.meta, manifest, has_user_valves } };
    const message = form.commit_message;
    const version_id = await recordChange(tx, 'tool', { before, after, userId: user.id, message });
    await store.touchTool(tx, id, { name: after.name, meta: json(after.meta), version_id });
    return { ...after, version_id };
  });
}

function valveRoutes({ settings }: PluginsDeps, policies: ToolPolicies): Route[] {
  const secret = settings.get('WEBUI_SECRET_KEY');
  const refuse = () => {
    throw cannotRun();
  };
  const url = `${base}id/:id/valves`;
  return [
    route({
      method: 'GET',
      url,
      access: policies.writer,
      reply: Nullable(shapes.Valves),
      handler: ({ target }) => readValves(target.valves, secret),
    }),
    route({
      method: 'GET',
      url: `${url}/user`,
      access: policies.reader,
      reply: Nullable(shapes.Valves),
      handler: ({ user, target }) => readValves(userValves(user.settings, 'tools', target.id), secret),
    }),
    route({ method: 'GET', url: `${url}/spec`, access: policies.writer, handler: refuse }),
    route({ method: 'GET', url: `${url}/user/spec`, access: policies.reader, handler: refuse }),
    route({ method: 'POST', url: `${url}/update`, access: policies.valves, body: shapes.Valves, handler: refuse }),
    route({ method: 'POST', url: `${url}/user/update`, access: policies.reader, body: shapes.Valves, handler: refuse }),
  ];
}
