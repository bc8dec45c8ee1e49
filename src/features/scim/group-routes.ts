import { HttpError, notFound } from '../../kernel/http/errors.ts';
import type { Route } from '../../kernel/http/route.ts';
import { isObject } from '../../kernel/json.ts';
import { findGroup, type Group, type GroupStep, listGroups, type ProvisionedGroup } from '../access/index.ts';
import { scimRoute, scimToken } from './errors.ts';
import { parseFilter } from './filter.ts';
import { externalIdStep, readGroupPatch, readMembers } from './group-patch.ts';
import type { ScimDeps } from './index.ts';
import { BASE, baseOf, externalIdOf, pageOf, presentList, presentScimGroup } from './present.ts';
import { isWanted, type Listing, listingOf, select } from './selection.ts';
import * as shapes from './shapes.ts';
import { anyAdmin, membersOf } from './store.ts';

/** Groups, as identity providers keep them (identity note, 17.4). */
export function groupRoutes(deps: ScimDeps): Route[] {
  return [...readRoutes(deps), ...writeRoutes(deps)];
}

async function existing({ database }: ScimDeps, id = ''): Promise<Group> {
  const group = await findGroup(database.db, id);
  if (!group) throw notFound(`Group ${id} not found`);
  return group;
}

async function shown({ database }: ScimDeps, group: Group, base: string) {
  return presentScimGroup(group, (await membersOf(database.db, [group.id])).get(group.id) ?? [], base);
}

function readRoutes(deps: ScimDeps): Route[] {
  const { db } = deps.database;
  const access = scimToken(deps.settings.get('SCIM_TOKEN'));
  async function list(query: Listing, base: string) {
    const filter = parseFilter(query.filter, ['displayname', 'externalid', 'id']);
    const page = pageOf(query);
    let groups: Group[] = await listGroups(db, filter?.attribute === 'id' ? [filter.value] : undefined);
    // Names are not unique; the first is the one that other lists show first.
    if (filter?.attribute === 'displayname') groups = groups.filter(({ name }) => name === filter.value).slice(0, 1);
    if (filter?.attribute === 'externalid')
      groups = groups.filter(({ meta }) => externalIdOf(isObject(meta) ? meta.scim : null) === filter.value);
    const wanted = groups.slice(page.startIndex - 1, page.startIndex - 1 + page.count);
    const ids = wanted.map(({ id }) => id);
    const members = isWanted('members', query) ? await membersOf(db, ids) : null;
    const resources = wanted.map((group) =>
      select(presentScimGroup(group, members && (members.get(group.id) ?? []), base), query),
    );
    return presentList(resources, groups.length, page);
  }
  return [
    scimRoute({
      method: 'GET',
      url: `${BASE}/Groups`,
      access,
      query: shapes.ListQuery,
      handler: ({ query, request }) => list(query, baseOf(request)),
    }),
    scimRoute({
      method: 'POST',
      url: `${BASE}/Groups/.search`,
      access,
      body: shapes.SearchRequest,
      handler: ({ body, request }) => list(listingOf(body), baseOf(request)),
    }),
    scimRoute({
      method: 'GET',
      url: `${BASE}/Groups/:group_id`,
      access,
      query: shapes.SelectionQuery,
      async handler({ params, query, request }) {
        const group = await existing(deps, params.group_id);
        const base = baseOf(request);
        return select(
          isWanted('members', query) ? await shown(deps, group, base) : presentScimGroup(group, null, base),
          query,
        );
      },
    }),
  ];
}

function writeRoutes(deps: ScimDeps): Route[] {
  const { database, access: rights, events } = deps;
  const access = scimToken(deps.settings.get('SCIM_TOKEN'));
  const provider = deps.settings.get('SCIM_AUTH_PROVIDER') || 'scim';
  const publish = (event: string, id: string, data: Record<string, unknown>) =>
    events.publish(event, { actor: null, subject: { id }, data });
  return [
    scimRoute({
      method: 'POST',
      url: `${BASE}/Groups`,
      access,
      status: 201,
      body: shapes.GroupCreateRequest,
      async handler({ body, request }) {
        const userIds = readMembers(body.members ?? []);
        const ownerId = await anyAdmin(database.db);
        if (ownerId === null) throw new HttpError(500, 'No admin user found');
        const steps: GroupStep[] = [
          { kind: 'name', name: body.displayName },
          { kind: 'set', userIds },
        ];
        if (body.externalId !== null) steps.push(externalIdStep(provider, body.externalId));
        const done = await rights.groups.provision({ ownerId }, steps);
        const { id, name } = done.group;
        publish('group.created', id, { name, member_ids: done.added, member_count: done.added.length });
        publishMembers(deps, done);
        return shown(deps, done.group, baseOf(request));
      },
    }),
    scimRoute({
      method: 'PUT',
      url: `${BASE}/Groups/:group_id`,
      access,
      body: shapes.GroupUpdateRequest,
      async handler({ params, body, request }) {
        const { id } = await existing(deps, params.group_id);
        const steps: GroupStep[] = [];
        if (body.displayName) steps.push({ kind: 'name', name: body.displayName });
        if (body.members) steps.push({ kind: 'set', userIds: readMembers(body.members) });
        if (body.externalId !== null) steps.push(externalIdStep(provider, body.externalId));
        const done = await rights.groups.provision({ id }, steps);
        const fields = [...(body.displayName ? ['name'] : []), ...(body.members ? ['members'] : [])];
        publish('group.updated', id, { updated_fields: fields });
        publishMembers(deps, done);
        return shown(deps, done.group, baseOf(request));
      },
    }),
    scimRoute({
      method: 'PATCH',
      url: `${BASE}/Groups/:group_id`,
      access,
      body: shapes.PatchRequest,
      async handler({ params, body, request }) {
        const { id } = await existing(deps, params.group_id);
        const done = await rights.groups.provision({ id }, readGroupPatch(body.Operations, provider));
        publish('group.updated', id, { operation_count: body.Operations.length });
        publishMembers(deps, done);
        return shown(deps, done.group, baseOf(request));
      },
    }),
    scimRoute({
      method: 'DELETE',
      url: `${BASE}/Groups/:group_id`,
      access,
      async handler({ params, reply }) {
        const { id, name, parent_group_id: parent } = await existing(deps, params.group_id);
        const promoted = await rights.groups.remove(id);
        publish('group.deleted', id, { name, parent_group_id: parent, promoted_child_ids: promoted });
        for (const child of promoted) publish('group.updated', child, { parent_group_id: parent });
        return reply.code(204).type('application/json').send();
      },
    }),
  ];
}

function publishMembers({ events }: ScimDeps, { group, added, removed }: ProvisionedGroup): void {
  for (const [event, ids] of [
    ['group.member_added', added],
    ['group.member_removed', removed],
  ] as const) {
    if (ids.length === 0) continue;
    const data = { member_ids: ids, count: ids.length };
    events.publish(event, { actor: null, subject: { id: group.id }, data });
  }
}
