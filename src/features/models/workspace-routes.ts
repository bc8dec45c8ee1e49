import { admin, may, verified } from '../../kernel/http/access.ts';
import { detail } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List, Str } from '../../kernel/http/shapes.ts';
import { createWorkspace, type WorkspaceDeps } from './service.ts';
import * as shapes from './shapes.ts';
import { createTransfer } from './transfer.ts';

const ROOT = '/api/v1/models';
const permitted = (permission: string) => may(permission, { status: 401, detail: detail.UNAUTHORIZED });

/** The models of the workspace: presets, settings of provider models, versions, sharing (providers note, 10). */
export function workspaceRoutes(deps: WorkspaceDeps): Route[] {
  const workspace = createWorkspace(deps);
  const transfer = createTransfer(deps, workspace);
  return [
    route({
      method: 'GET',
      url: `${ROOT}/list`,
      access: verified,
      query: shapes.ModelListQuery,
      reply: shapes.ModelAccessListResponse,
      handler: ({ user, query }) => workspace.list(user, query),
    }),
    route({
      method: 'GET',
      url: `${ROOT}/all`,
      access: admin,
      reply: List(shapes.ModelModel),
      handler: () => workspace.all(),
    }),
    route({
      method: 'GET',
      url: `${ROOT}/base`,
      access: admin,
      query: shapes.BaseQuery,
      reply: List(shapes.ModelModel),
      handler: ({ query }) => workspace.base(query.tag),
    }),
    route({
      method: 'GET',
      url: `${ROOT}/base/tags`,
      access: admin,
      reply: List(Str()),
      handler: () => workspace.baseTags(),
    }),
    route({
      method: 'GET',
      url: `${ROOT}/tags`,
      access: verified,
      reply: List(Str()),
      handler: ({ user }) => workspace.tags(user),
    }),
    route({
      method: 'POST',
      url: `${ROOT}/create`,
      access: permitted('workspace.models'),
      body: shapes.ModelForm,
      reply: shapes.ModelModel,
      handler: ({ user, body }) => workspace.create(user, body),
    }),
    route({
      method: 'GET',
      url: `${ROOT}/model`,
      access: verified,
      query: shapes.ModelIdQuery,
      reply: shapes.ModelAccessResponse,
      handler: ({ user, query }) => workspace.find(user, query.id),
    }),
    route({
      method: 'POST',
      url: `${ROOT}/model/update`,
      access: verified,
      body: shapes.ModelForm,
      reply: shapes.ModelModel,
      handler: ({ user, body }) => workspace.update(user, body),
    }),
    route({
      method: 'POST',
      url: `${ROOT}/model/toggle`,
      access: verified,
      query: shapes.ModelIdQuery,
      reply: shapes.ModelModel,
      handler: ({ user, query }) => workspace.toggle(user, query.id),
    }),
    route({
      method: 'POST',
      url: `${ROOT}/model/access/update`,
      access: verified,
      body: shapes.ModelAccessGrantsForm,
      reply: shapes.ModelModel,
      handler: ({ user, body }) => workspace.share(user, body),
    }),
    route({
      method: 'POST',
      url: `${ROOT}/model/delete`,
      access: verified,
      body: shapes.ModelIdForm,
      reply: Bool(),
      handler: async ({ user, body }) => {
        await workspace.remove(user, body.id);
        return true;
      },
    }),
    route({
      method: 'DELETE',
      url: `${ROOT}/delete/all`,
      access: admin,
      reply: Bool(),
      handler: async () => {
        await workspace.removeAll();
        return true;
      },
    }),
    route({
      method: 'GET',
      url: `${ROOT}/export`,
      access: permitted('workspace.models_export'),
      query: shapes.ExportQuery,
      reply: List(shapes.ModelExportResponse),
      handler: ({ user, query }) => transfer.export(user, query.ids ?? null),
    }),
    route({
      method: 'POST',
      url: `${ROOT}/import`,
      access: permitted('workspace.models_import'),
      body: shapes.ModelsImportForm,
      reply: Bool(),
      handler: async ({ user, body }) => {
        await transfer.import(user, body.models);
        return true;
      },
    }),
    route({
      method: 'POST',
      url: `${ROOT}/sync`,
      access: admin,
      body: shapes.SyncModelsForm,
      reply: List(shapes.ModelModel),
      handler: ({ user, body }) => transfer.sync(user, body.models),
    }),
    ...historyRoutes(workspace),
  ];
}

function historyRoutes(workspace: ReturnType<typeof createWorkspace>): Route[] {
  const one = `${ROOT}/model/history/:history_id`;
  return [
    route({
      method: 'GET',
      url: `${ROOT}/model/history`,
      access: verified,
      query: shapes.HistoryQuery,
      reply: List(shapes.ModelHistoryResponse),
      handler: ({ user, query }) => workspace.history(user, query.id, query.page),
    }),
    route({
      method: 'GET',
      url: one,
      access: verified,
      query: shapes.ModelIdQuery,
      reply: shapes.ModelHistoryEntry,
      handler: ({ user, query, params }) => workspace.version(user, query.id, params.history_id ?? ''),
    }),
    route({
      method: 'DELETE',
      url: one,
      access: verified,
      query: shapes.ModelIdQuery,
      reply: Bool(),
      handler: async ({ user, query, params }) => {
        await workspace.removeVersion(user, query.id, params.history_id ?? '');
        return true;
      },
    }),
    route({
      method: 'POST',
      url: `${ROOT}/model/update/version`,
      access: verified,
      query: shapes.ModelIdQuery,
      body: shapes.ModelVersionForm,
      reply: shapes.ModelModel,
      handler: ({ user, query, body }) => workspace.restore(user, query.id, body.version_id),
    }),
  ];
}
