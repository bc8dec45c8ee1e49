import { detail, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { Static } from '../../kernel/http/shapes.ts';
import type { ProvisionedChange } from '../accounts/index.ts';
import { invalid, scimError, scimRoute, scimToken } from './errors.ts';
import { parseFilter } from './filter.ts';
import type { ScimDeps } from './index.ts';
import { BASE, baseOf, pageOf, presentList, presentScimUser } from './present.ts';
import { isWanted, type Listing, listingOf, select } from './selection.ts';
import * as shapes from './shapes.ts';
import { findByExternalId, groupsOf, isEmailTaken, isManaged, listManaged } from './store.ts';
import { patchedName, readUserPatch } from './user-patch.ts';

const FILTERS = ['username', 'externalid', 'displayname', 'id', 'emails', 'emails.value'];

/** Accounts, as identity providers keep them (identity note, 17.4). */
export function userRoutes(deps: ScimDeps): Route[] {
  const { db } = deps.database;
  const access = scimToken(deps.settings.get('SCIM_TOKEN'));
  const shown = async (user: User, base: string) =>
    presentScimUser(user, (await groupsOf(db, [user.id])).get(user.id) ?? [], base);
  async function list(query: Listing, base: string) {
    const filter = parseFilter(query.filter, FILTERS);
    const page = pageOf(query);
    const provider = filter?.attribute === 'externalid' ? providerOf(deps) : '';
    const { ids, total } = await listManaged(db, filter, provider, page);
    const users = await deps.accounts.findUsers(ids);
    const groups = isWanted('groups', query) ? await groupsOf(db, ids) : null;
    const found = ids.flatMap((id) => users.get(id) ?? []);
    const resources = found.map((user) => select(presentScimUser(user, groups?.get(user.id) ?? [], base), query));
    return presentList(resources, total, page);
  }
  return [
    scimRoute({
      method: 'GET',
      url: `${BASE}/Users`,
      access,
      query: shapes.ListQuery,
      handler: ({ query, request }) => list(query, baseOf(request)),
    }),
    scimRoute({
      method: 'POST',
      url: `${BASE}/Users/.search`,
      access,
      body: shapes.SearchRequest,
      handler: ({ body, request }) => list(listingOf(body), baseOf(request)),
    }),
    scimRoute({
      method: 'GET',
      url: `${BASE}/Users/:user_id`,
      access,
      query: shapes.SelectionQuery,
      handler: async ({ params, query, request }) =>
        select(await shown(await existing(deps, params.user_id), baseOf(request)), query),
    }),
    scimRoute({
      method: 'POST',
      url: `${BASE}/Users`,
      access,
      status: 201,
      body: shapes.UserCreateRequest,
      handler: async ({ body, request }) => shown(await create(deps, body), baseOf(request)),
    }),
    scimRoute({
      method: 'PUT',
      url: `${BASE}/Users/:user_id`,
      access,
      body: shapes.UserUpdateRequest,
      async handler({ params, body, request }) {
        const stored = await existing(deps, params.user_id);
        return shown(await write(deps, stored.id, () => replaced(deps, body)), baseOf(request));
      },
    }),
    scimRoute({
      method: 'PATCH',
      url: `${BASE}/Users/:user_id`,
      access,
      body: shapes.PatchRequest,
      async handler({ params, body, request }) {
        const stored = await existing(deps, params.user_id);
        const patch = readUserPatch(body.Operations);
        const external = patch.externalId === undefined ? null : { provider: providerOf(deps), id: patch.externalId };
        const user = await write(deps, stored.id, ({ name: before }) => {
          const name = patchedName(before, patch);
          return {
            ...(patch.email !== undefined && { email: patch.email }),
            ...(name !== undefined && { name }),
            ...(patch.active !== undefined && { active: patch.active }),
            ...(patch.photo !== undefined && { profile_image_url: patch.photo }),
            ...(external && { external }),
          };
        });
        return shown(user, baseOf(request));
      },
    }),
    scimRoute({
      method: 'DELETE',
      url: `${BASE}/Users/:user_id`,
      access,
      async handler({ params, reply }) {
        const user = await existing(deps, params.user_id);
        if (user.role === 'admin') throw new HttpError(403, detail.ACTION_PROHIBITED);
        await deps.accounts.provisioning.remove(user.id);
        deps.events.publish('user.deleted', { actor: null, subject: { id: user.id }, data: { email: user.email } });
        return reply.code(204).type('application/json').send();
      },
    }),
  ];
}

/** A managed account. Throws 404 otherwise. */
async function existing({ database, accounts }: ScimDeps, id = ''): Promise<User> {
  const user = (await isManaged(database.db, id)) ? await accounts.findUser(id) : null;
  if (!user) throw notFound(`User ${id} not found`);
  return user;
}

function providerOf({ settings }: ScimDeps): string {
  const provider = settings.get('SCIM_AUTH_PROVIDER');
  if (provider) return provider;
  throw scimError(500, 'SCIM_AUTH_PROVIDER environment variable is required when SCIM is enabled');
}

const externalIdTaken = (id: string) => scimError(409, `User with externalId ${id} already exists`);
const emailTaken = (email: string, cause?: unknown) =>
  scimError(409, `User with email ${email} already exists`, { cause });

async function create(deps: ScimDeps, body: Static<typeof shapes.UserCreateRequest>): Promise<User> {
  const { db } = deps.database;
  const provider = providerOf(deps);
  const { externalId } = body;
  if (externalId && (await findByExternalId(db, provider, externalId))) throw externalIdTaken(externalId);
  const email = (body.emails.find(({ primary }) => primary)?.value ?? body.userName).trim().toLowerCase();
  if (email === '') throw invalid('userName must not be empty');
  if (await isEmailTaken(db, email)) throw emailTaken(email);
  const user = await deps.accounts.provisioning
    .create({
      email,
      name: nameOf(body.name) || body.displayName,
      active: body.active,
      profile_image_url: body.photos?.[0]?.value ?? null,
      provider,
      externalId,
    })
    .catch((error: unknown) => {
      const taken = error instanceof HttpError && error.detail === detail.EMAIL_TAKEN;
      throw taken ? emailTaken(email, error) : error;
    });
  const { id, role } = user;
  deps.events.publish('user.created', { actor: null, subject: { id }, data: { email, role, external_id: externalId } });
  return user;
}

type NameForm = Static<typeof shapes.UserUpdateRequest>['name'];

function nameOf(name: NameForm): string {
  if (!name) return '';
  return name.formatted || [name.givenName, name.familyName].filter(Boolean).join(' ');
}

function replaced(deps: ScimDeps, body: Static<typeof shapes.UserUpdateRequest>): ProvisionedChange {
  const email = body.emails?.[0]?.value ?? body.userName;
  const name = body.displayName || nameOf(body.name);
  const image = body.photos?.[0]?.value;
  return {
    ...(email !== null && { email }),
    ...(name && { name }),
    ...(body.active !== null && { active: body.active }),
    ...(image !== undefined && { profile_image_url: image }),
    ...(body.externalId !== null && { external: { provider: providerOf(deps), id: body.externalId } }),
  };
}

async function write(deps: ScimDeps, id: string, decide: (stored: User) => ProvisionedChange): Promise<User> {
  const { db } = deps.database;
  // What is asked of the stored user never decides on the external id, so it can be looked at first.
  const current = await existing(deps, id);
  const asked = decide(current);
  if (asked.email?.trim() === '') throw invalid('userName must not be empty');
  if (asked.external?.id) {
    const holder = await findByExternalId(db, asked.external.provider, asked.external.id);
    if (holder !== null && holder !== id) throw externalIdTaken(asked.external.id);
  }
  const done = await deps.accounts.provisioning.change(id, decide).catch((error: unknown) => {
    const taken = error instanceof HttpError && error.status === 409 && error.code === 'uniqueness';
    throw taken ? emailTaken(asked.email ?? '', error) : error;
  });
  if (!done) throw notFound(`User ${id} not found`);
  announce(deps, done);
  return done.user;
}

function announce({ events }: ScimDeps, { user, before }: { user: User; before: User }): void {
  const fields = (['email', 'name', 'profile_image_url'] as const).filter((field) => user[field] !== before[field]);
  const subject = { id: user.id };
  const updated: string[] = [...fields];
  if (JSON.stringify(user.scim) !== JSON.stringify(before.scim)) updated.push('external_id');
  if (updated.length > 0) events.publish('user.updated', { actor: null, subject, data: { updated_fields: updated } });
  if (user.role !== before.role) {
    events.publish('user.role_updated', { actor: null, subject, data: { old_role: before.role, role: user.role } });
  }
}
