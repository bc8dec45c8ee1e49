import { admin, may, whileOn } from '../../kernel/http/access.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List } from '../../kernel/http/shapes.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { listPaths, readPath, searchMemories } from './lookup.ts';
import { cleanPath } from './paths.ts';
import { createMemories, type MemoriesDeps, presentMemory, presentPlain } from './service.ts';
import * as shapes from './shapes.ts';

const base = '/api/v1/memories/';

/** What a user lets the server remember (retrieval note, 8). */
export function memoryRoutes(deps: MemoriesDeps & { config: Pick<Config, 'get'> }): Route[] {
  const { config } = deps;
  const memories = createMemories(deps);
  const user = whileOn(
    () => config.get('memories.enable'),
    () => notFound(),
    may('features.memories', { status: 403 }),
  );
  const noIndex = () => new HttpError(503, 'Memories are not indexed by this server');
  return [
    route({
      method: 'GET',
      url: base,
      access: user,
      reply: List(shapes.MemoryModel),
      handler: async ({ user }) => (await memories.all(user)).map(presentMemory),
    }),
    route({
      method: 'POST',
      url: `${base}add`,
      access: user,
      body: shapes.AddMemoryForm,
      reply: shapes.MemoryModel,
      handler: ({ user, body }) => memories.add(user, body),
    }),
    route({
      method: 'POST',
      url: `${base}update`,
      access: user,
      body: shapes.UpdateMemoriesForm,
      handler: ({ user, body }) => memories.apply(user, body.operations, body.source ?? 'tool'),
    }),
    route({
      method: 'POST',
      url: `${base}query`,
      access: user,
      body: shapes.QueryMemoryForm,
      handler: async ({ user }) => {
        if ((await memories.all(user)).length === 0) throw notFound('No memories found for user');
        throw noIndex();
      },
    }),
    route({
      method: 'POST',
      url: `${base}search`,
      access: user,
      body: shapes.SearchMemoriesForm,
      reply: List(shapes.MemoryModel),
      handler: async ({ user, body }) => searchMemories(await memories.all(user), body).map(presentMemory),
    }),
    route({
      method: 'POST',
      url: `${base}paths`,
      access: user,
      body: shapes.ListMemoryPathsForm,
      handler: async ({ user, body }) => listPaths(await memories.all(user), body),
    }),
    route({
      method: 'POST',
      url: `${base}path`,
      access: user,
      body: shapes.ReadMemoryPathForm,
      handler: async ({ user, body }) => {
        const path = cleanPath(body.path);
        if (path === null) throw new HttpError(400, 'Memory path is required');
        const found = readPath(await memories.all(user), path, body);
        return { ...found, memories: found.memories.map(presentPlain) };
      },
    }),
    route({
      method: 'POST',
      url: `${base}reindex`,
      access: admin,
      handler: () => {
        throw noIndex();
      },
    }),
    // Nothing is indexed, so there is nothing to build anew.
    route({ method: 'POST', url: `${base}reset`, access: user, reply: Bool(), handler: () => true }),
    route({
      method: 'DELETE',
      url: `${base}delete/user`,
      access: user,
      reply: Bool(),
      handler: async ({ user }) => {
        await memories.removeAll(user);
        return true;
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/update`,
      access: user,
      body: shapes.MemoryUpdateModel,
      reply: shapes.MemoryModel,
      handler: ({ user, params, body }) => memories.change(user, params.id ?? '', body),
    }),
    route({
      method: 'DELETE',
      url: `${base}:id`,
      access: user,
      reply: Bool(),
      handler: ({ user, params }) => memories.remove(user, params.id ?? ''),
    }),
  ];
}
