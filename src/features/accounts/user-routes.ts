import { admin, verified } from '../../kernel/http/access.ts';
import { detail, HttpError, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Default, Int, Nullable, Obj, Str } from '../../kernel/http/shapes.ts';
import { groupIdsOf, listGroups } from '../access/index.ts';
import { listOAuthSessions, primaryUser, userById } from './account-store.ts';
import { announceAccount } from './announce.ts';
import { assertProfileImage } from './auth-route.ts';
import { presentGroups } from './group-present.ts';
import { deleteAccount, updateAccount } from './manage.ts';
import { isActive, presentUser, presentUserInfo } from './present.ts';
import { previewUser } from './preview.ts';
import { servedImage } from './profile-image.ts';
import { type AccountService, revokeSessions } from './service.ts';
import * as shapes from './shapes.ts';
import { searchUsers } from './user-list.ts';

const BASE = '/api/v1/users';

const SearchQuery = Obj({
  query: Default(Nullable(Str()), null),
  order_by: Default(Nullable(Str()), null),
  direction: Default(Nullable(Str()), null),
  page: Default(Nullable(Int()), 1),
});

/** Users as administrators and other users see them. */
export function userRoutes(service: AccountService): Route[] {
  return [...listRoutes(service), ...readRoutes(service), ...writeRoutes(service)];
}

const missing = (): HttpError => new HttpError(400, detail.USER_NOT_FOUND);

function listRoutes({ database: { db }, access: { people } }: AccountService): Route[] {
  return [
    route({
      method: 'GET',
      url: `${BASE}/`,
      access: admin,
      query: SearchQuery,
      reply: shapes.UserGroupIdsListResponse,
      async handler({ query }) {
        const { users, total } = await searchUsers(db, { ...query, page: query.page ?? 1 });
        const groups = await groupIdsOf(
          db,
          users.map(({ id }) => id),
        );
        return { users: users.map((user) => ({ ...presentUser(user), group_ids: groups.get(user.id) ?? [] })), total };
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/all`,
      access: admin,
      reply: shapes.UserInfoListResponse,
      async handler() {
        const { users, total } = await searchUsers(db, {});
        return { users: users.map((user) => presentUserInfo(user)), total };
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/search`,
      access: verified,
      query: SearchQuery,
      reply: shapes.UserInfoListResponse,
      async handler({ user: reader, query }) {
        const search = { ...query, page: query.page ?? 1, namesOnly: !people.knownTo(reader) };
        const { users, total } = await searchUsers(db, search);
        return { users: users.map((user) => people.shown(reader, presentUserInfo(user))), total };
      },
    }),
  ];
}

function readRoutes(service: AccountService): Route[] {
  const { database, options, sessions, access } = service;
  const { db } = database;
  const directGroups = async (id: string) =>
    (await listGroups(db, (await groupIdsOf(db, [id])).get(id) ?? [])).map((group) => ({
      id: group.id,
      name: group.name,
    }));
  return [
    route({
      method: 'GET',
      url: `${BASE}/:user_id`,
      access: admin,
      reply: shapes.UserActiveResponse,
      async handler({ params }) {
        const user = await userById(db, params.user_id ?? '');
        if (!user) throw missing();
        return { ...presentUser(user), groups: await directGroups(user.id), is_active: isActive(user) };
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/:user_id/info`,
      access: verified,
      reply: shapes.UserInfoResponse,
      async handler({ user: reader, params }) {
        const user = await userById(db, params.user_id ?? '');
        if (!user) throw missing();
        const info = presentUserInfo(user, { groups: await directGroups(user.id), is_active: isActive(user) });
        return access.people.shown(reader, info);
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/:user_id/active`,
      access: verified,
      async handler({ params }) {
        const user = await userById(db, params.user_id ?? '');
        return { active: user !== null && isActive(user) };
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/:user_id/profile/image`,
      access: verified,
      async handler({ params, reply }) {
        const account = await sessions.account(params.user_id ?? '');
        if (!account) throw missing();
        const image = servedImage(account.user.profile_image_url, options.images);
        if (image.kind === 'redirect') return reply.redirect(image.url, 302);
        if (image.kind === 'default') {
          const bytes = await service.defaultImage();
          if (!bytes) throw new HttpError(404, detail.NOT_FOUND);
          return reply.type('image/png').send(bytes);
        }
        return reply
          .headers({ 'content-disposition': 'inline', 'x-content-type-options': 'nosniff' })
          .type(image.type)
          .send(image.bytes);
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/:user_id/groups`,
      access: admin,
      query: Obj({ include_inherited: Default(Bool(), false) }),
      handler: ({ params, query }) => presentGroups(service, params.user_id ?? '', query.include_inherited),
    }),
    route({
      method: 'GET',
      url: `${BASE}/:user_id/preview`,
      access: admin,
      async handler({ params }) {
        const user = await userById(db, params.user_id ?? '');
        if (!user) throw notFound();
        return previewUser(service, user);
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/:user_id/oauth/sessions`,
      access: admin,
      async handler({ params }) {
        const rows = await listOAuthSessions(db, params.user_id ?? '');
        if (rows.length === 0) throw missing();
        // Access and refresh tokens stay here: nobody but the server needs them.
        return rows.map((row) => ({ ...row, token: {} }));
      },
    }),
  ];
}

function writeRoutes(service: AccountService): Route[] {
  const { database, options } = service;
  return [
    route({
      method: 'POST',
      url: `${BASE}/:user_id/update`,
      access: admin,
      body: shapes.UserUpdateForm,
      reply: shapes.UserModel,
      async handler({ user, params, body }) {
        assertProfileImage(body.profile_image_url, options);
        return presentUser(await updateAccount(service, user, params.user_id ?? '', body));
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/:user_id/sessions/revoke`,
      access: admin,
      async handler({ user, params }) {
        const id = params.user_id ?? '';
        if (!(await userById(database.db, id))) throw new HttpError(404, 'User not found.');
        const primary = await primaryUser(database.db);
        if (primary?.id === id && user.id !== id) throw new HttpError(403, detail.ACTION_PROHIBITED);
        await revokeSessions(service, id);
        announceAccount(service.events, 'auth.sessions_revoked', { actor: user, id });
        return true;
      },
    }),
    route({
      method: 'DELETE',
      url: `${BASE}/:user_id`,
      access: admin,
      async handler({ user, params }) {
        const id = params.user_id ?? '';
        const removed = await deleteAccount(service, user, id);
        if (removed)
          announceAccount(service.events, 'user.deleted', { actor: user, id, data: { email: removed.email } });
        return true;
      },
    }),
  ];
}
