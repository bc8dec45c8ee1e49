import { may, on, resource, verified } from '../../kernel/http/access.ts';
import { detail, HttpError, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List } from '../../kernel/http/shapes.ts';
import { createSkills, type SkillsDeps } from './service.ts';
import * as shapes from './shapes.ts';
import { findSkill, type SkillRow } from './store.ts';

const base = '/api/v1/skills/';

/** Skills: lists, changing, sharing (plugins note, 7). */
export function skillRoutes(deps: SkillsDeps): Route[] {
  const skills = createSkills(deps);
  const skill = resource<SkillRow>({
    name: 'skill',
    load: (id) => findSkill(deps.database.db, id),
    allows: (user, row, right) => skills.allows(user, row, right === 'write' ? 'write' : 'read'),
    missing: () => notFound(),
  });
  const reader = on(skill, 'read');
  const writer = on({ ...skill, denied: () => new HttpError(401, detail.UNAUTHORIZED) }, 'write');
  return [
    route({
      method: 'GET',
      url: base,
      access: verified,
      query: shapes.SkillsQuery,
      reply: List(shapes.SkillUserResponse),
      handler: ({ user, query }) => skills.offered(user, query.query),
    }),
    route({
      method: 'GET',
      url: `${base}list`,
      access: verified,
      query: shapes.SkillListQuery,
      reply: shapes.SkillListResponse,
      handler: ({ user, query }) => skills.search(user, query),
    }),
    route({
      method: 'POST',
      url: `${base}create`,
      access: may(['workspace.skills', 'workspace.skills_import'], { detail: detail.UNAUTHORIZED }),
      body: shapes.SkillForm,
      reply: shapes.SkillResponse,
      handler: ({ user, body }) => skills.create(user, body),
    }),
    route({
      method: 'GET',
      url: `${base}id/:id`,
      access: reader,
      reply: shapes.SkillDetailResponse,
      handler: ({ user, target }) => skills.one(user, target),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/update`,
      access: writer,
      body: shapes.SkillUpdateForm,
      reply: shapes.SkillModel,
      handler: ({ user, target, body }) => skills.update(user, target, body),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/access/update`,
      access: writer,
      body: shapes.SkillAccessGrantsForm,
      reply: shapes.SkillModel,
      handler: ({ user, target, body }) => skills.share(user, target, body.access_grants),
    }),
    route({
      method: 'POST',
      url: `${base}id/:id/toggle`,
      access: writer,
      reply: shapes.SkillModel,
      handler: ({ user, target }) => skills.toggle(user, target),
    }),
    route({
      method: 'DELETE',
      url: `${base}id/:id/delete`,
      access: writer,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await skills.remove(user, target);
        return true;
      },
    }),
  ];
}
