import { may, on, type Access as Policy, resource, verified } from '../../kernel/http/access.ts';
import { detail, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List, Str } from '../../kernel/http/shapes.ts';
import { createPrompts, type PromptsDeps } from './service.ts';
import * as shapes from './shapes.ts';
import { findPrompt, type PromptRow } from './store.ts';

const base = '/api/v1/prompts/';

/** Prompts: lists, changing, sharing, versions (chats and content note, 5). */
export function promptRoutes(deps: PromptsDeps): Route[] {
  const prompts = createPrompts(deps);
  const prompt = resource<PromptRow>({
    name: 'prompt',
    load: (id) => findPrompt(deps.database.db, id),
    allows: (user, row, right) => prompts.allows(user, row, right === 'write' ? 'write' : 'read'),
  });
  const hidden = { ...prompt, denied: () => notFound() };
  const [reader, writer] = [on(prompt, 'read'), on(prompt, 'write')];

  return [
    route({
      method: 'GET',
      url: base,
      access: verified,
      reply: List(shapes.PromptModel),
      handler: ({ user }) => prompts.list(user),
    }),
    route({
      method: 'GET',
      url: `${base}tags`,
      access: verified,
      reply: List(Str()),
      handler: ({ user }) => prompts.tags(user),
    }),
    route({
      method: 'GET',
      url: `${base}list`,
      access: verified,
      query: shapes.PromptListQuery,
      reply: shapes.PromptAccessListResponse,
      handler: ({ user, query }) => prompts.search(user, query),
    }),
    route({
      method: 'POST',
      url: `${base}create`,
      access: creator,
      body: shapes.PromptForm,
      reply: shapes.PromptModel,
      handler: ({ user, body }) => prompts.create(user, body),
    }),
    route({
      method: 'GET',
      url: `${base}id/:id`,
      access: on(hidden, 'read'),
      reply: shapes.PromptAccessResponse,
      handler: ({ user, target }) => prompts.one(user, target),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/update`,
      access: writer,
      body: shapes.PromptForm,
      reply: shapes.PromptModel,
      handler: ({ user, target, body }) => prompts.update(user, target, body),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/update/meta`,
      access: writer,
      body: shapes.PromptMetadataForm,
      reply: shapes.PromptModel,
      handler: ({ user, target, body }) => prompts.updateMeta(user, target, body),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/update/version`,
      access: writer,
      body: shapes.PromptVersionUpdateForm,
      reply: shapes.PromptModel,
      handler: ({ user, target, body }) => prompts.setVersion(user, target, body.version_id),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/access/update`,
      access: writer,
      body: shapes.PromptAccessGrantsForm,
      reply: shapes.PromptModel,
      handler: ({ user, target, body }) => prompts.share(user, target, body.access_grants),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/toggle`,
      access: writer,
      reply: shapes.PromptModel,
      handler: ({ user, target }) => prompts.toggle(user, target),
    }),
    route({
      method: 'DELETE',
      url: `${base}id/:id/delete`,
      access: writer,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await prompts.remove(user, target);
        return true;
      },
    }),
    ...historyRoutes(prompts, reader, writer),
  ];
}

const creator = may(['workspace.prompts', 'workspace.prompts_import'], { detail: detail.UNAUTHORIZED });

function historyRoutes(
  prompts: ReturnType<typeof createPrompts>,
  reader: Policy<User, PromptRow>,
  writer: Policy<User, PromptRow>,
): Route[] {
  return [
    route({
      method: 'GET',
      url: `${base}id/:id/history`,
      access: reader,
      query: shapes.HistoryQuery,
      reply: List(shapes.PromptHistoryResponse),
      handler: ({ user, target, query }) => prompts.history(user, target, query.page),
    }),
    route({
      method: 'GET',
      url: `${base}id/:id/history/diff`,
      access: reader,
      query: shapes.DiffQuery,
      reply: shapes.PromptDiff,
      handler: ({ target, query }) => prompts.diff(target, query.from_id, query.to_id),
    }),
    route({
      method: 'GET',
      url: `${base}id/:id/history/:history_id`,
      access: reader,
      reply: shapes.PromptHistoryModel,
      handler: ({ target, params }) => prompts.version(target, params.history_id ?? ''),
    }),
    route({
      method: 'DELETE',
      url: `${base}id/:id/history/:history_id`,
      access: writer,
      reply: Bool(),
      handler: async ({ target, params }) => {
        await prompts.removeVersion(target, params.history_id ?? '');
        return true;
      },
    }),
  ];
}
