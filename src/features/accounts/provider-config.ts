import { HttpError } from '../../kernel/http/errors.ts';
import { Bool, Default, Int, Nullable, Optional, type Static, Str, shape, Union } from '../../kernel/http/shapes.ts';
import type { Config, ConfigKey } from '../../kernel/settings/index.ts';

/** Config key of each member of the directory's form. */
const LDAP_KEYS = {
  label: 'ldap.server.label',
  host: 'ldap.server.host',
  port: 'ldap.server.port',
  attribute_for_mail: 'ldap.server.attribute_for_mail',
  default_email_domain: 'ldap.server.default_email_domain',
  attribute_for_username: 'ldap.server.attribute_for_username',
  app_dn: 'ldap.server.app_dn',
  app_dn_password: 'ldap.server.app_password',
  search_base: 'ldap.server.users_dn',
  search_filters: 'ldap.server.search_filter',
  use_tls: 'ldap.server.use_tls',
  start_tls: 'ldap.server.start_tls',
  certificate_path: 'ldap.server.ca_cert_file',
  validate_cert: 'ldap.server.validate_cert',
  ciphers: 'ldap.server.ciphers',
  enable_group_management: 'ldap.group.enable_management',
  enable_group_creation: 'ldap.group.enable_creation',
  attribute_for_groups: 'ldap.server.attribute_for_groups',
} as const satisfies Record<string, ConfigKey>;

export const LdapServerConfig = shape('LdapServerConfig', {
  label: Str(),
  host: Str(),
  port: Default(Nullable(Int()), null),
  attribute_for_mail: Default(Str(), 'mail'),
  default_email_domain: Default(Str(), ''),
  attribute_for_username: Default(Str(), 'uid'),
  app_dn: Str(),
  app_dn_password: Str(),
  search_base: Str(),
  search_filters: Default(Str(), ''),
  use_tls: Default(Bool(), true),
  start_tls: Optional(Bool()),
  certificate_path: Default(Nullable(Str()), null),
  validate_cert: Default(Bool(), true),
  ciphers: Default(Nullable(Str()), 'ALL'),
  enable_group_management: Default(Bool(), false),
  enable_group_creation: Default(Bool(), false),
  attribute_for_groups: Default(Str(), 'memberOf'),
});
export const LdapConfigForm = shape('LdapConfigForm', { enable_ldap: Default(Nullable(Bool()), null) });

/** The directory settings by config key. Throws 400 where a needed member is empty. */
export function ldapChanges(form: Static<typeof LdapServerConfig>): Record<string, unknown> {
  for (const member of ['label', 'host', 'attribute_for_mail', 'attribute_for_username', 'search_base'] as const) {
    if (form[member] === '') throw new HttpError(400, `Required field ${member} is empty`);
  }
  if (form.enable_group_management && form.attribute_for_groups.trim() === '') {
    throw new HttpError(400, 'Required field attribute_for_groups is empty');
  }
  return Object.fromEntries(
    Object.entries(LDAP_KEYS)
      .map(([member, key]) => [key, form[member as keyof typeof form]])
      // The web client's form knows nothing of StartTLS; what is not sent stays.
      .filter(([, value]) => value !== undefined),
  );
}

export function presentLdap(config: Pick<Config, 'stored'>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(LDAP_KEYS).map(([member, key]) => [member, config.stored(key) ?? null]));
}

/** Config key and kind of each member of the identity provider's form. */
const OAUTH_KEYS = {
  ENABLE_OAUTH: ['oauth.enable', 'flag'],
  ENABLE_OAUTH_SIGNUP: ['oauth.enable_signup', 'flag'],
  OAUTH_MERGE_ACCOUNTS_BY_EMAIL: ['oauth.merge_accounts_by_email', 'flag'],
  OAUTH_AUTO_REDIRECT: ['oauth.auto_redirect', 'flag'],
  OAUTH_ALLOWED_DOMAINS: ['oauth.allowed_domains', 'list'],
  OAUTH_BLOCKED_GROUPS: ['oauth.blocked_groups', 'text'],
  ENABLE_OAUTH_ROLE_MANAGEMENT: ['oauth.enable_role_mapping', 'flag'],
  OAUTH_ROLES_CLAIM: ['oauth.roles_claim', 'text'],
  OAUTH_ADMIN_ROLES: ['oauth.admin_roles', 'list'],
  OAUTH_ALLOWED_ROLES: ['oauth.allowed_roles', 'list'],
  ENABLE_OAUTH_GROUP_MANAGEMENT: ['oauth.enable_group_mapping', 'flag'],
  ENABLE_OAUTH_GROUP_CREATION: ['oauth.enable_group_creation', 'flag'],
  OAUTH_GROUP_CLAIM: ['oauth.group_claim', 'text'],
  OAUTH_GROUP_DEFAULT_SHARE: ['oauth.group_default_share', 'flag or text'],
  OAUTH_PROVIDER_NAME: ['oauth.provider_name', 'text'],
  OPENID_PROVIDER_URL: ['oauth.provider_url', 'text'],
  OAUTH_CLIENT_ID: ['oauth.client_id', 'text'],
  OAUTH_CLIENT_SECRET: ['oauth.client_secret', 'text'],
  OPENID_REDIRECT_URI: ['oauth.redirect_uri', 'text'],
  OAUTH_SCOPES: ['oauth.scopes', 'text'],
  OAUTH_CODE_CHALLENGE_METHOD: ['oauth.code_challenge_method', 'text'],
  OAUTH_TOKEN_ENDPOINT_AUTH_METHOD: ['oauth.token_endpoint_auth_method', 'text'],
  OPENID_END_SESSION_ENDPOINT: ['oauth.end_session_endpoint', 'text'],
  OAUTH_TIMEOUT: ['oauth.timeout', 'number or text'],
  OAUTH_CLIENT_TIMEOUT: ['oauth.client.timeout', 'number or text'],
  OAUTH_EMAIL_CLAIM: ['oauth.email_claim', 'text'],
  OAUTH_USERNAME_CLAIM: ['oauth.username_claim', 'text'],
  OAUTH_PICTURE_CLAIM: ['oauth.picture_claim', 'text'],
  OAUTH_SUB_CLAIM: ['oauth.sub_claim', 'text'],
  OAUTH_AUDIENCE: ['oauth.audience', 'text'],
  OAUTH_UPDATE_EMAIL_ON_LOGIN: ['oauth.update_email_on_login', 'flag'],
  OAUTH_UPDATE_NAME_ON_LOGIN: ['oauth.update_name_on_login', 'flag'],
  OAUTH_UPDATE_PICTURE_ON_LOGIN: ['oauth.update_picture_on_login', 'flag'],
  OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE: ['oauth.refresh_token.include_scope', 'flag'],
} as const satisfies Record<string, [ConfigKey, Kind]>;

type Kind = 'flag' | 'text' | 'list' | 'flag or text' | 'number or text';

const MEMBER_SHAPES = {
  flag: Optional(Nullable(Bool())),
  text: Optional(Nullable(Str())),
  list: Optional(Nullable(Str())),
  'flag or text': Optional(Nullable(Union([Bool(), Str()]))),
  'number or text': Optional(Nullable(Union([Int(), Str()]))),
};

export const OAuthConfigForm = shape(
  'OAuthConfigForm',
  Object.fromEntries(Object.entries(OAUTH_KEYS).map(([member, [, kind]]) => [member, MEMBER_SHAPES[kind]])),
);

/** What the form stores, by config key; null and absent members stay. */
export function oauthChanges(form: Record<string, unknown>): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const [member, [key, kind]] of Object.entries(OAUTH_KEYS)) {
    const value = form[member];
    if (value === null || value === undefined) continue;
    changes[key] = kind === 'list' ? splitList(String(value)) : value;
  }
  return changes;
}

export function presentOAuth(config: Pick<Config, 'stored'>, persistent: boolean): Record<string, unknown> {
  const answer: Record<string, unknown> = {};
  for (const [member, [key, kind]] of Object.entries(OAUTH_KEYS)) answer[member] = shown(config.stored(key), kind);
  return { ...answer, ENABLE_OAUTH_PERSISTENT_CONFIG: persistent };
}

/** Lists are shown joined; one where a text belongs (blocked groups of earlier releases) as JSON. */
function shown(value: unknown, kind: Kind): unknown {
  if (!Array.isArray(value)) return value ?? null;
  return kind === 'list' ? value.join(',') : JSON.stringify(value);
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
