import { admin, verified } from '../../kernel/http/access.ts';
import { HttpError, notFound, wrapped } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Default, List, Nullable, Obj } from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import {
  type CountedGroup,
  findGroup,
  type GroupFacts,
  listGroups,
  listMembers,
  memberIds,
  withDescendants,
} from '../access/index.ts';
import { announce } from '../configuration/index.ts';
import { usersByIds } from './account-store.ts';
import * as forms from './group-shapes.ts';
import { presentUserInfo } from './present.ts';
import { previewGroup } from './preview.ts';
import type { AccountService } from './service.ts';
import { UserInfoResponse } from './shapes.ts';

const BASE = '/api/v1/groups';

/** Groups, their members and their place in the hierarchy. */
export function groupRoutes(service: AccountService): Route[] {
  return [...readRoutes(service), ...memberRoutes(service), ...writeRoutes(service)];
}

/** Groups a user may share with: open ones, and those for members where the user is one. */
function sharedWith(groups: ReadonlyMap<string, GroupFacts>, held: ReadonlySet<string>, share: boolean): string[] {
  return [...groups.values()]
    .filter(({ id, data }) => {
      const setting = isObject(data) && isObject(data.config) ? data.config.share : undefined;
      if (!share) return setting === false || setting === 'false';
      if (setting === 'members') return held.has(id);
      return setting === undefined || setting === null || setting === true || setting === 'true' || setting === 1;
    })
    .map(({ id }) => id);
}

async function existing(service: AccountService, id: string | undefined): Promise<CountedGroup> {
  const group = await findGroup(service.database.db, id ?? '');
  if (!group) throw notFound();
  return group;
}

function readRoutes(service: AccountService): Route[] {
  const { access, database } = service;
  const { db } = database;
  const visible = async (user: User, share: boolean | null): Promise<CountedGroup[]> => {
    if (user.role === 'admin') return listGroups(db);
    const held = await access.groupIds(user.id);
    if (share === null) return listGroups(db, [...held]);
    return listGroups(db, sharedWith(await access.allGroups(), held, share));
  };
  return [
    route({
      method: 'GET',
      url: `${BASE}/`,
      access: verified,
      query: Obj({ share: Default(Nullable(Bool()), null) }),
      reply: List(forms.GroupResponse),
      handler: ({ user, query }) => visible(user, query.share),
    }),
    route({
      method: 'GET',
      url: `${BASE}/id/:id`,
      access: admin,
      reply: forms.GroupResponse,
      handler: ({ params }) => existing(service, params.id),
    }),
    route({
      method: 'GET',
      url: `${BASE}/id/:id/info`,
      access: verified,
      async handler({ params }) {
        const { data: _data, meta: _meta, permissions: _permissions, ...info } = await existing(service, params.id);
        return info;
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/id/:id/export`,
      access: admin,
      reply: forms.GroupExportResponse,
      async handler({ params }) {
        const group = await existing(service, params.id);
        return { ...group, user_ids: await memberIds(db, [group.id]) };
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/id/:id/preview`,
      access: admin,
      handler: async ({ params }) => previewGroup(service, await existing(service, params.id)),
    }),
  ];
}

function memberRoutes(service: AccountService): Route[] {
  const { access, database, events } = service;
  const { db } = database;
  return [
    route({
      method: 'POST',
      url: `${BASE}/id/:id/users`,
      access: admin,
      reply: List(UserInfoResponse),
      async handler({ params }) {
        const users = await usersByIds(db, await memberIds(db, [params.id ?? '']));
        return users.map((user) => presentUserInfo(user));
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/id/:id/members`,
      access: admin,
      query: forms.MembersQuery,
      async handler({ params, query }) {
        const group = await findGroup(db, params.id ?? '');
        if (!group) throw notFound('Group not found.');
        const below = withDescendants(group.id, await access.allGroups());
        below.delete(group.id);
        const { items, ...counts } = await listMembers(db, { ...query, group: group.id, below: [...below] });
        return { ...counts, items: items.map((item) => ({ ...emptyInfo, ...item })) };
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/id/:id/users/add`,
      access: admin,
      body: forms.UserIdsForm,
      reply: forms.GroupResponse,
      async handler({ user, params, body }) {
        const userIds = body.user_ids ?? [];
        const group = await failingAs('Error adding users to group', () =>
          access.groups.addMembers(params.id ?? '', userIds),
        );
        announce(events, 'group.member_added', user, group.id, { user_ids: userIds });
        return group;
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/id/:id/users/remove`,
      access: admin,
      body: forms.UserIdsForm,
      reply: forms.GroupResponse,
      async handler({ user, params, body }) {
        const userIds = body.user_ids ?? [];
        const group = await failingAs('Error removing users from group', () =>
          access.groups.removeMembers(params.id ?? '', userIds),
        );
        announce(events, 'group.member_removed', user, group.id, { user_ids: userIds });
        return group;
      },
    }),
  ];
}

/** Members of a user that lists of group members leave empty. */
const emptyInfo = {
  bio: null,
  timezone: null,
  last_active_at: null,
  status_emoji: null,
  status_message: null,
  status_expires_at: null,
  groups: [],
  is_active: false,
};

function writeRoutes(service: AccountService): Route[] {
  const { access, events } = service;
  return [
    route({
      method: 'POST',
      url: `${BASE}/create`,
      access: admin,
      body: forms.GroupForm,
      reply: forms.GroupResponse,
      async handler({ user, body }) {
        const form = forms.readGroupForm(body);
        const group = await failingAs('Error creating group', () => access.groups.create(user.id, form));
        announce(events, 'group.created', user, group.id, { name: group.name });
        return group;
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/id/:id/update`,
      access: admin,
      body: forms.GroupForm,
      reply: forms.GroupResponse,
      async handler({ user, params, body }) {
        const form = forms.readGroupForm(body);
        const before = (await access.allGroups()).get(params.id ?? '')?.parent_group_id ?? null;
        const group = await failingAs('Error updating group', () => access.groups.update(params.id ?? '', form));
        const { id, name, parent_group_id } = group;
        announce(events, 'group.updated', user, id, { name, old_parent_group_id: before, parent_group_id });
        return group;
      },
    }),
    route({
      method: 'DELETE',
      url: `${BASE}/id/:id/delete`,
      access: admin,
      async handler({ user, params }) {
        const id = params.id ?? '';
        const groups = await access.allGroups();
        const parent = groups.get(id)?.parent_group_id ?? null;
        const children = await failingAs('Error deleting group', () => access.groups.remove(id));
        announce(events, 'group.deleted', user, id, { parent_group_id: parent, promoted_child_ids: children });
        for (const child of children) {
          announce(events, 'group.updated', user, child, { old_parent_group_id: id, parent_group_id: parent });
        }
        return true;
      },
    }),
  ];
}

/** Unexpected failures answer 400 with a general text, as clients know it; the cause is kept for the log. */
async function failingAs<T>(text: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, wrapped(text), { cause: error, code: 'group-change' });
  }
}
