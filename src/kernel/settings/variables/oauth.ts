import {
  bool,
  boolOrMembers,
  csv,
  int,
  jsonObject,
  jsonText,
  optionalInt,
  optionalText,
  text,
  url,
} from '../variable.ts';

export const oauth = {
  ENABLE_OAUTH: bool(true, 'Offer OAuth sign-in; false hides providers without deleting settings', {
    key: 'oauth.enable',
  }),
  ENABLE_OAUTH_SIGNUP: bool(false, 'Create accounts on first OAuth sign-in', { key: 'oauth.enable_signup' }),
  OAUTH_AUTO_REDIRECT: bool(false, 'UI goes straight to the single provider', { key: 'oauth.auto_redirect' }),
  OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE: bool(false, 'Send scope in refresh requests', {
    key: 'oauth.refresh_token.include_scope',
  }),
  OAUTH_MERGE_ACCOUNTS_BY_EMAIL: bool(false, 'Link an OAuth identity to an existing account with the same email', {
    key: 'oauth.merge_accounts_by_email',
  }),
  OAUTH_CLIENT_TIMEOUT: text('', 'Seconds for tool-server OAuth requests; empty = none', {
    key: 'oauth.client.timeout',
  }),
  OAUTH_TIMEOUT: text('', 'Seconds for login provider requests; empty = none', { key: 'oauth.timeout' }),
  OAUTH_CLIENT_ID: text('', 'Client id of the generic OIDC provider', { key: 'oauth.client_id' }),
  OAUTH_CLIENT_SECRET: text('', 'Client secret of the generic OIDC provider', { key: 'oauth.client_secret' }),
  OPENID_PROVIDER_URL: url('', 'Discovery URL of the generic OIDC provider; the stored value only feeds sign-out', {
    key: 'oauth.provider_url',
  }),
  OPENID_END_SESSION_ENDPOINT: url('', 'Logout URL used instead of the discovered one', {
    key: 'oauth.end_session_endpoint',
  }),
  OPENID_REDIRECT_URI: url('', 'Redirect URI override of the generic OIDC provider', { key: 'oauth.redirect_uri' }),
  OAUTH_SCOPES: text('openid email profile', 'Scopes of the generic OIDC provider', { key: 'oauth.scopes' }),
  OAUTH_TOKEN_ENDPOINT_AUTH_METHOD: optionalText('Token endpoint auth method of the generic OIDC provider', {
    key: 'oauth.token_endpoint_auth_method',
  }),
  OAUTH_CODE_CHALLENGE_METHOD: {
    ...optionalText('PKCE method; only S256 is accepted, others abort start', { key: 'oauth.code_challenge_method' }),
    read: challengeMethod,
  },
  OAUTH_PROVIDER_NAME: text('SSO', 'Button label of the generic OIDC provider', { key: 'oauth.provider_name' }),
  OAUTH_SUB_CLAIM: optionalText('Claim used as subject', { key: 'oauth.sub_claim' }),
  OAUTH_USERNAME_CLAIM: text('name', 'Claim used as display name', { key: 'oauth.username_claim' }),
  OAUTH_PICTURE_CLAIM: text('picture', 'Claim used as picture', { key: 'oauth.picture_claim' }),
  OAUTH_EMAIL_CLAIM: text('email', 'Claim used as email', { key: 'oauth.email_claim' }),
  OAUTH_GROUPS_CLAIM: text('groups', 'Claim listing groups', {
    key: 'oauth.group_claim',
    aliases: ['OAUTH_GROUP_CLAIM'],
  }),
  OAUTH_GROUP_CLAIM: text('groups', 'Older name of OAUTH_GROUPS_CLAIM', { key: 'oauth.group_claim' }),
  ENABLE_OAUTH_ROLE_MANAGEMENT: bool(false, 'Set the role from claims at each login', {
    key: 'oauth.enable_role_mapping',
  }),
  ENABLE_OAUTH_GROUP_MANAGEMENT: bool(false, 'Set group membership from claims at each login', {
    key: 'oauth.enable_group_mapping',
  }),
  ENABLE_OAUTH_GROUP_CREATION: bool(false, 'Create groups named in claims', { key: 'oauth.enable_group_creation' }),
  OAUTH_GROUP_DEFAULT_SHARE: boolOrMembers(
    true,
    'Share setting of groups created from claims: true, false or members',
    { key: 'oauth.group_default_share' },
  ),
  OAUTH_BLOCKED_GROUPS: jsonText('[]', 'JSON list (kept as text) of group names or patterns never synced', {
    key: 'oauth.blocked_groups',
  }),
  OAUTH_GROUPS_SEPARATOR: text(';', 'Separator when the groups claim is one string'),
  OAUTH_ROLES_CLAIM: text('roles', 'Claim listing roles', { key: 'oauth.roles_claim' }),
  OAUTH_ROLES_SEPARATOR: text(',', 'Separator for role lists in env and claims'),
  OAUTH_ALLOWED_ROLES: csv(['user', 'admin'], 'Roles allowed to sign in', { key: 'oauth.allowed_roles' }),
  OAUTH_ADMIN_ROLES: csv(['admin'], 'Roles that become admin', { key: 'oauth.admin_roles' }),
  OAUTH_ALLOWED_DOMAINS: csv(['*'], 'Comma list of allowed email domains; * = any', { key: 'oauth.allowed_domains' }),
  OAUTH_UPDATE_PICTURE_ON_LOGIN: bool(false, 'Refresh picture at login', { key: 'oauth.update_picture_on_login' }),
  OAUTH_UPDATE_NAME_ON_LOGIN: bool(false, 'Refresh name at login', { key: 'oauth.update_name_on_login' }),
  OAUTH_UPDATE_EMAIL_ON_LOGIN: bool(false, 'Refresh email at login', { key: 'oauth.update_email_on_login' }),
  OAUTH_ACCESS_TOKEN_REQUEST_INCLUDE_CLIENT_ID: bool(false, 'Send client_id in token requests'),
  OAUTH_AUDIENCE: text('', 'audience parameter in authorize requests', { key: 'oauth.audience' }),
  OAUTH_AUTHORIZE_PARAMS: jsonObject({}, 'JSON object of extra authorize parameters for the generic provider', {
    invalid: {},
  }),
  ENABLE_OAUTH_EMAIL_FALLBACK: bool(false, 'Build an email from provider and subject when the claim is missing'),
  ENABLE_OAUTH_ID_TOKEN_COOKIE: bool(true, 'Also store the id token in the oauth_id_token cookie'),
  OAUTH_CLIENT_INFO_ENCRYPTION_KEY: text({ from: 'WEBUI_SECRET_KEY' }, 'Key for stored tool-server OAuth client data'),
  OAUTH_SESSION_TOKEN_ENCRYPTION_KEY: text({ from: 'WEBUI_SECRET_KEY' }, 'Key for stored OAuth session tokens'),
  OAUTH_MAX_SESSIONS_PER_USER: int(10, 'Stored OAuth sessions per user and provider; oldest are dropped'),
  ENABLE_OAUTH_TOKEN_EXCHANGE: bool(false, 'Allow trading a provider token for a session'),
  OAUTH_TOKEN_EXCHANGE_RATE_LIMIT: optionalInt(null, 'Exchanges per window; unset or none = unlimited', {
    invalid: null,
  }),
  OAUTH_TOKEN_EXCHANGE_RATE_LIMIT_WINDOW: int(180, 'Window seconds for the exchange limit'),
  OAUTH_TOKEN_EXCHANGE_TRUSTED_CLIENT_IDS: csv([], 'Comma list of client ids whose tokens may be exchanged'),
  ENABLE_OAUTH_BACKCHANNEL_LOGOUT: bool(
    false,
    'Let identity providers end sessions with POST /oauth/backchannel-logout',
  ),
  GOOGLE_OAUTH_AUTHORIZE_PARAMS: jsonObject({}, 'JSON object of extra authorize parameters for Google', {
    invalid: {},
  }),
  MICROSOFT_CLIENT_TENANT_ID: text('', 'Microsoft tenant; required for that provider', {
    key: 'oauth.microsoft.tenant_id',
  }),
  MICROSOFT_CLIENT_LOGIN_BASE_URL: url('https://login.microsoftonline.com', 'Microsoft login host', {
    key: 'oauth.microsoft.login_base_url',
  }),
  MICROSOFT_CLIENT_PICTURE_URL: url(
    'https://graph.microsoft.com/v1.0/me/photo/$value',
    'URL the Microsoft profile photo is fetched from',
    { key: 'oauth.microsoft.picture_url' },
  ),
  GOOGLE_CLIENT_ID: text('', 'Google login client id', { key: 'oauth.google.client_id' }),
  GOOGLE_CLIENT_SECRET: text('', 'Google login client secret', { key: 'oauth.google.client_secret' }),
  GOOGLE_OAUTH_SCOPE: text('openid email profile', 'Google login scopes', { key: 'oauth.google.scope' }),
  GOOGLE_REDIRECT_URI: url('', 'Google login redirect URI override', { key: 'oauth.google.redirect_uri' }),
  MICROSOFT_CLIENT_ID: text('', 'Microsoft login client id', { key: 'oauth.microsoft.client_id' }),
  MICROSOFT_CLIENT_SECRET: text('', 'Microsoft login client secret', { key: 'oauth.microsoft.client_secret' }),
  MICROSOFT_OAUTH_SCOPE: text('openid email profile', 'Microsoft login scopes', { key: 'oauth.microsoft.scope' }),
  MICROSOFT_REDIRECT_URI: url('', 'Microsoft login redirect URI override', { key: 'oauth.microsoft.redirect_uri' }),
  GITHUB_CLIENT_ID: text('', 'Github login client id', { key: 'oauth.github.client_id' }),
  GITHUB_CLIENT_SECRET: text('', 'Github login client secret', { key: 'oauth.github.client_secret' }),
  GITHUB_CLIENT_SCOPE: text('user:email', 'Github login scopes', { key: 'oauth.github.scope' }),
  GITHUB_CLIENT_REDIRECT_URI: url('', 'Github login redirect URI override', { key: 'oauth.github.redirect_uri' }),
  FEISHU_CLIENT_ID: text('', 'Feishu login client id', { key: 'oauth.feishu.client_id' }),
  FEISHU_CLIENT_SECRET: text('', 'Feishu login client secret', { key: 'oauth.feishu.client_secret' }),
  FEISHU_OAUTH_SCOPE: text('contact:user.base:readonly', 'Feishu login scopes', { key: 'oauth.feishu.scope' }),
  FEISHU_REDIRECT_URI: url('', 'Feishu login redirect URI override', { key: 'oauth.feishu.redirect_uri' }),
};

function challengeMethod(text: string): string {
  if (text.trim() !== 'S256') throw new Error('only S256 is accepted');
  return 'S256';
}
