import { verified } from '../../kernel/http/access.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Default, Dict, Obj } from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import { updateUser, userById } from './account-store.ts';
import { announceAccount } from './announce.ts';
import { presentGroups } from './group-present.ts';
import {
  mergeSettings,
  permittedSettings,
  presentVariables,
  readVariables,
  updateUserJson,
  withDefaults,
} from './own-settings.ts';
import { presentSettings, presentUser } from './present.ts';
import type { AccountService } from './service.ts';
import * as shapes from './shapes.ts';

const BASE = '/api/v1/users';

const missing = (): HttpError => new HttpError(400, detail.USER_NOT_FOUND);

/** What users read and write of themselves. */
export function ownRoutes(service: AccountService): Route[] {
  return [...settingsRoutes(service), ...statusRoutes(service), ...variableRoutes(service)];
}

function settingsRoutes(service: AccountService): Route[] {
  const { access, config, database, events, userChanged } = service;
  return [
    route({
      method: 'GET',
      url: `${BASE}/groups`,
      access: verified,
      query: Obj({ include_inherited: Default(Bool(), false) }),
      handler: ({ user, query }) => presentGroups(service, user.id, query.include_inherited),
    }),
    route({
      method: 'GET',
      url: `${BASE}/permissions`,
      access: verified,
      handler: ({ user }) => access.permissionTree(user),
    }),
    route({
      method: 'GET',
      url: `${BASE}/user/settings`,
      access: verified,
      query: Obj({ raw: Default(Bool(), false) }),
      handler({ user, query }) {
        const settings = presentSettings(user.settings);
        return query.raw ? settings : withDefaults(settings, config.get('ui.default_interface_settings'));
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/user/settings/update`,
      access: verified,
      body: shapes.UserSettings,
      async handler({ user, body }) {
        const permitted = await permittedSettings(access.permissions, user, body);
        const settings = await updateUserJson(database, user.id, 'settings', (stored) =>
          mergeSettings(stored, permitted),
        );
        if (!settings) throw missing();
        userChanged(user.id, 'changed');
        announceAccount(events, 'user.settings_updated', { actor: user, data: { updated_fields: Object.keys(body) } });
        return settings;
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/user/info`,
      access: verified,
      handler: ({ user }) => (isObject(user.info) ? user.info : null),
    }),
    route({
      method: 'POST',
      url: `${BASE}/user/info/update`,
      access: verified,
      body: Dict(),
      async handler({ user, body }) {
        const info = await updateUserJson(database, user.id, 'info', (stored) => ({
          ...(isObject(stored) ? stored : {}),
          ...body,
        }));
        if (!info) throw missing();
        userChanged(user.id, 'changed');
        return info;
      },
    }),
  ];
}

function statusRoutes({ config, database, events, userChanged }: AccountService): Route[] {
  const assertEnabled = (): void => {
    if (!config.get('users.enable_status')) throw new HttpError(403, detail.ACTION_PROHIBITED);
  };
  return [
    route({
      method: 'GET',
      url: `${BASE}/user/status`,
      access: verified,
      reply: shapes.UserModel,
      handler({ user }) {
        assertEnabled();
        return presentUser(user);
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/user/status/update`,
      access: verified,
      body: shapes.UserStatus,
      reply: shapes.UserModel,
      async handler({ user, body }) {
        assertEnabled();
        const changes = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
        const found = await updateUser(database.db, user.id, changes);
        userChanged(user.id, 'changed');
        const changed = found ? await userById(database.db, user.id) : null;
        if (!changed) throw missing();
        announceAccount(events, 'user.status_updated', { actor: user, data: { updated_fields: Object.keys(changes) } });
        return presentUser(changed);
      },
    }),
  ];
}

function variableRoutes({ database, userChanged }: AccountService): Route[] {
  return [
    route({
      method: 'GET',
      url: `${BASE}/user/variables`,
      access: verified,
      reply: shapes.UserVariablesResponse,
      handler: ({ user }) => presentVariables(user.variables),
    }),
    route({
      method: 'POST',
      url: `${BASE}/user/variables/update`,
      access: verified,
      body: shapes.UserVariablesForm,
      reply: shapes.UserVariablesResponse,
      async handler({ user, body }) {
        const variables = readVariables(body.variables);
        if (!(await updateUserJson(database, user.id, 'variables', () => variables))) throw missing();
        userChanged(user.id, 'changed');
        return { variables };
      },
    }),
  ];
}
