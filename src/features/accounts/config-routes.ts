import { admin } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { AdminConfig, adminConfigChanges, presentAdminConfig } from './admin-config.ts';
import { authRoute } from './auth-route.ts';
import {
  LdapConfigForm,
  LdapServerConfig,
  ldapChanges,
  OAuthConfigForm,
  oauthChanges,
  presentLdap,
  presentOAuth,
} from './provider-config.ts';
import type { AccountService } from './service.ts';

const BASE = '/api/v1/auths/admin/config';

/** The administrator's settings of accounts, sign-in and what users may use. */
export function configRoutes(service: AccountService): Route[] {
  return [...generalRoutes(service), ...ldapRoutes(service), ...oauthRoutes(service)].map(authRoute);
}

function generalRoutes({ config, putSettings }: AccountService): Route[] {
  return [
    route({ method: 'GET', url: BASE, access: admin, handler: () => presentAdminConfig(config) }),
    route({
      method: 'POST',
      url: BASE,
      access: admin,
      body: AdminConfig,
      async handler({ body, user, credential }) {
        const { sessionsRevoked } = await putSettings(adminConfigChanges(body), { user, credential });
        return { ...presentAdminConfig(config), sessions_revoked: sessionsRevoked };
      },
    }),
  ];
}

function ldapRoutes({ config }: AccountService): Route[] {
  const shown = () => ({ ENABLE_LDAP: config.stored('ldap.enable') ?? null });
  return [
    route({ method: 'GET', url: `${BASE}/ldap`, access: admin, handler: shown }),
    route({
      method: 'POST',
      url: `${BASE}/ldap`,
      access: admin,
      body: LdapConfigForm,
      async handler({ body }) {
        await config.put({ 'ldap.enable': body.enable_ldap });
        return shown();
      },
    }),
    route({ method: 'GET', url: `${BASE}/ldap/server`, access: admin, handler: () => presentLdap(config) }),
    route({
      method: 'POST',
      url: `${BASE}/ldap/server`,
      access: admin,
      body: LdapServerConfig,
      async handler({ body }) {
        await config.put(ldapChanges(body));
        return presentLdap(config);
      },
    }),
  ];
}

function oauthRoutes({ config, options }: AccountService): Route[] {
  const shown = () => presentOAuth(config, options.oauthPersistent);
  return [
    route({ method: 'GET', url: `${BASE}/oauth`, access: admin, handler: shown }),
    route({
      method: 'POST',
      url: `${BASE}/oauth`,
      access: admin,
      body: OAuthConfigForm,
      async handler({ body }) {
        await config.put(oauthChanges(body));
        return shown();
      },
    }),
  ];
}
