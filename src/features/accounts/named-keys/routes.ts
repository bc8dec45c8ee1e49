import { admin, human } from '../../../kernel/http/access.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { Default, Int, List, Nullable, Optional, Str, shape } from '../../../kernel/http/shapes.ts';
import { announceAccount } from '../announce.ts';
import { assertKeysAllowed } from '../api-keys.ts';
import { authRoute } from '../auth-route.ts';
import type { AccountService } from '../service.ts';
import { SCOPES } from './scopes.ts';
import type { KeyRow } from './store.ts';

const OWN = '/api/v1/auths/api_keys';
const OF_USER = '/api/v1/users/:id/api_keys';

const CreateApiKeyForm = shape('CreateApiKeyForm', {
  name: Str(),
  scopes: Default(Nullable(List(Str())), null),
  expires_at: Default(Nullable(Int()), null),
});
const UpdateApiKeyForm = shape('UpdateApiKeyForm', {
  name: Optional(Str()),
  scopes: Optional(Nullable(List(Str()))),
  expires_at: Optional(Nullable(Int())),
});
const members = {
  id: Str(),
  name: Str(),
  hint: Str(),
  scopes: Nullable(List(Str())),
  expires_at: Nullable(Int()),
  last_used_at: Nullable(Int()),
  created_at: Int(),
  updated_at: Int(),
};
const NamedApiKey = shape('NamedApiKey', members);
const CreatedApiKey = shape('CreatedApiKey', { ...members, api_key: Str() });

/** Keys with a name, of the caller and, for administrators, of everybody. */
export function namedKeyRoutes(service: AccountService): Route[] {
  return [...ownRoutes(service).map(authRoute), ...adminRoutes(service)];
}

function presentKey({ user_id: _owner, ...row }: KeyRow) {
  return row;
}

const missing = (): HttpError => new HttpError(404, detail.API_KEY_NOT_FOUND);

/** A person manages them: no key makes, widens or prolongs another. */
function ownRoutes(service: AccountService): Route[] {
  const { events, namedKeys } = service;
  return [
    route({
      method: 'GET',
      url: OWN,
      access: human,
      reply: List(NamedApiKey),
      async handler({ user }) {
        await assertKeysAllowed(service, user);
        return (await namedKeys.list(user.id)).map(presentKey);
      },
    }),
    route({ method: 'GET', url: `${OWN}/scopes`, access: human, reply: List(Str()), handler: () => SCOPES }),
    route({
      method: 'POST',
      url: OWN,
      access: human,
      body: CreateApiKeyForm,
      reply: CreatedApiKey,
      async handler({ user, body }) {
        await assertKeysAllowed(service, user);
        const { row, key } = await namedKeys.create(user.id, body);
        announceAccount(events, 'auth.api_key.created', { actor: user });
        return { ...presentKey(row), api_key: key };
      },
    }),
    route({
      method: 'POST',
      url: `${OWN}/:id/update`,
      access: human,
      body: UpdateApiKeyForm,
      reply: NamedApiKey,
      async handler({ user, params, body }) {
        await assertKeysAllowed(service, user);
        const row = await namedKeys.update(user.id, params.id ?? '', body);
        if (!row) throw missing();
        return presentKey(row);
      },
    }),
    route({
      method: 'DELETE',
      url: `${OWN}/:id`,
      access: human,
      // Also while keys are switched off: taking one away is never wrong.
      async handler({ user, params }) {
        if (!(await namedKeys.remove(user.id, params.id ?? ''))) throw missing();
        announceAccount(events, 'auth.api_key.deleted', { actor: user });
        return true;
      },
    }),
  ];
}

function adminRoutes({ events, namedKeys, sessions }: AccountService): Route[] {
  return [
    route({
      method: 'GET',
      url: OF_USER,
      access: admin,
      reply: List(NamedApiKey),
      async handler({ params }) {
        if (!(await sessions.account(params.id ?? ''))) throw new HttpError(404, detail.USER_NOT_FOUND);
        return (await namedKeys.list(params.id ?? '')).map(presentKey);
      },
    }),
    route({
      method: 'DELETE',
      url: `${OF_USER}/:key_id`,
      access: admin,
      async handler({ user, params }) {
        if (!(await namedKeys.remove(params.id ?? '', params.key_id ?? ''))) throw missing();
        announceAccount(events, 'auth.api_key.deleted', { actor: user, id: params.id ?? '' });
        return true;
      },
    }),
  ];
}
