import { both, may, on, type Resource, resource, whileOn } from '../../kernel/http/access.ts';
import { detail, forbidden, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Dict, List } from '../../kernel/http/shapes.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { createFolderService, type FolderServiceDeps } from './service.ts';
import * as shapes from './shapes.ts';
import { type Folder, findFolder } from './store.ts';

export type FolderRoutesDeps = FolderServiceDeps & { config: Pick<Config, 'get'> };

/** Folders of chats: the tree, sharing, what is unread in them (chats note, 4). */
export function folderRoutes(deps: FolderRoutesDeps): Route[] {
  const { database, config } = deps;
  const service = createFolderService(deps);
  const user = whileOn(
    () => config.get('folders.enable') !== false,
    () => forbidden(),
    may('features.folders', { status: 403, detail: detail.ACCESS_PROHIBITED }),
  );
  const folder = (denied: Resource<Folder>['denied']) =>
    resource<Folder>({
      name: 'folder',
      load: (id) => findFolder(database.db, id),
      allows: async (who, found, right) => {
        if (found.user_id === who.id) return true;
        if (right === 'own') return false;
        if (right === 'manage') return who.role === 'admin';
        return right === 'write' ? service.mayWrite(who, found) : service.mayRead(who, found);
      },
      denied,
    });
  const hidden = folder(() => notFound());
  const refused = folder(() => forbidden());
  const url = (rest: string) => `/api/v1/folders/${rest}`;

  return [
    route({
      method: 'GET',
      url: url(''),
      access: user,
      reply: List(shapes.FolderNameIdResponse),
      handler: ({ user }) => service.list(user),
    }),
    route({
      method: 'POST',
      url: url(''),
      access: user,
      body: shapes.FolderForm,
      reply: shapes.FolderModel,
      handler: ({ user, body }) => service.create(user, body),
    }),
    route({
      method: 'GET',
      url: url('shared'),
      access: user,
      reply: List(Dict()),
      handler: ({ user }) => service.listShared(user),
    }),
    route({
      method: 'GET',
      url: url(':id'),
      access: both(user, on(hidden, 'read')),
      reply: shapes.FolderResponse,
      handler: ({ user, target }) => service.detail(user, target),
    }),
    route({
      method: 'POST',
      url: url(':id/update'),
      access: both(user, on(hidden, 'write')),
      body: shapes.FolderUpdateForm,
      reply: shapes.FolderModel,
      handler: ({ user, target, body }) => service.update(user, target, body),
    }),
    route({
      method: 'POST',
      url: url(':id/update/parent'),
      access: both(user, on(hidden, 'own')),
      body: shapes.FolderParentIdForm,
      reply: shapes.FolderModel,
      handler: ({ user, target, body }) => service.move(user, target, body.parent_id),
    }),
    route({
      method: 'POST',
      url: url(':id/update/expanded'),
      access: both(user, on(hidden, 'read')),
      body: shapes.FolderIsExpandedForm,
      reply: shapes.FolderModel,
      handler: ({ user, target, body }) => service.expand(user, target, body.is_expanded),
    }),
    route({
      method: 'POST',
      url: url(':id/access/update'),
      access: both(user, on(refused, 'manage')),
      body: shapes.FolderAccessGrantsForm,
      reply: shapes.FolderResponse,
      handler: ({ user, target, body }) => service.share(user, target, body),
    }),
    route({
      method: 'GET',
      url: url(':id/shared/chats'),
      access: both(user, on(refused, 'read')),
      query: shapes.SharedChatsQuery,
      reply: Dict(),
      handler: ({ user, target, query }) => service.sharedChats(user, target, query),
    }),
    route({
      method: 'POST',
      url: url(':id/read'),
      access: both(user, on(refused, 'read')),
      reply: Dict(),
      handler: ({ user, target }) => service.markRead(user, target),
    }),
    route({
      method: 'DELETE',
      url: url(':id'),
      access: both(user, on(refused, 'manage')),
      query: shapes.FolderDeleteQuery,
      reply: Bool(),
      handler: async ({ user, target, query }) => {
        await service.remove(user, target, query.delete_contents);
        return true;
      },
    }),
  ];
}
