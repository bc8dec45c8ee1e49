import {
  bool,
  boolOrMembers,
  csv,
  int,
  optionalInt,
  optionalText,
  optionalUrl,
  path,
  pattern,
  text,
} from '../variable.ts';

export const auth = {
  WEBUI_AUTH: bool(true, 'Require accounts; false gives a single implicit admin on an empty install'),
  WEBUI_SECRET_KEY: text('', 'Signs session tokens and derives encryption keys; when empty a key file is read or made'),
  WEBUI_JWT_SECRET_KEY: text('', 'Deprecated alias read only when WEBUI_SECRET_KEY is absent'),
  ENABLE_INITIAL_ADMIN_SIGNUP: bool(false, 'Allow the first sign-up even when the login form is off'),
  ENABLE_SIGNUP_PASSWORD_CONFIRMATION: bool(false, 'UI asks for the password twice'),
  WEBUI_SESSION_COOKIE_SAME_SITE: text('lax', 'SameSite of the owui-session cookie'),
  WEBUI_SESSION_COOKIE_SECURE: bool(false, 'Secure flag of the owui-session cookie'),
  WEBUI_AUTH_COOKIE_SAME_SITE: text({ from: 'WEBUI_SESSION_COOKIE_SAME_SITE' }, 'SameSite of the token cookies'),
  WEBUI_AUTH_COOKIE_SECURE: bool({ from: 'WEBUI_SESSION_COOKIE_SECURE' }, 'Secure flag of the token cookies'),
  WEBUI_ADMIN_EMAIL: text(
    '',
    'With the password: creates the first admin at start when no user exists, then turns sign-up off',
  ),
  WEBUI_ADMIN_PASSWORD: text('', 'Password of the admin created at start'),
  WEBUI_ADMIN_NAME: text('Admin', 'Name of the admin created at start'),
  WEBUI_AUTH_TRUSTED_EMAIL_HEADER: optionalText('Request header carrying the authenticated email from a proxy'),
  WEBUI_AUTH_TRUSTED_NAME_HEADER: optionalText('Request header carrying the display name'),
  WEBUI_AUTH_TRUSTED_GROUPS_HEADER: optionalText('Request header carrying a comma list of groups'),
  WEBUI_AUTH_TRUSTED_ROLE_HEADER: optionalText('Request header carrying the role'),
  CUSTOM_API_KEY_HEADER: text('x-api-key', 'Header that may carry an API key or token when no Authorization is given'),
  ENABLE_PASSWORD_VALIDATION: bool(false, 'Check new passwords against the pattern'),
  PASSWORD_HASH_ALGORITHM: text('bcrypt', 'bcrypt or another supported password hash'),
  PASSWORD_VALIDATION_REGEX_PATTERN: pattern(
    '^(?=.*[a-z])(?=.*[A-Z])(?=.*\\d)(?=.*[^\\w\\s]).{8,}$',
    'Pattern new passwords must match; an invalid pattern falls back to the default',
    { invalid: /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,}$/u },
  ),
  PASSWORD_VALIDATION_HINT: text('', 'Text shown when a password fails the pattern'),
  WEBUI_AUTH_SIGNOUT_REDIRECT_URL: optionalUrl('URL the browser goes to after sign-out'),
  ENABLE_SIGNUP: bool(true, 'Allow self sign-up; always false when WEBUI_AUTH is false', { key: 'ui.enable_signup' }),
  ENABLE_LOGIN_FORM: bool(true, 'Show the password login form', { key: 'ui.enable_login_form' }),
  ENABLE_PASSWORD_CHANGE_FORM: bool(true, 'Show the password change form', { key: 'ui.enable_password_change_form' }),
  ENABLE_PASSWORD_AUTH: bool(true, 'Accept email and password sign-in'),
  SHOW_ADMIN_DETAILS: bool(true, 'Show the admin contact on the pending page', { key: 'auth.admin.show' }),
  ADMIN_EMAIL: optionalText('Admin contact address shown on the pending page', { key: 'auth.admin.email' }),
  JWT_EXPIRES_IN: text('4w', 'Session lifetime such as 4w; -1 never expires', { key: 'auth.jwt_expiry' }),
  ENABLE_API_KEYS: bool(false, 'Allow API keys', { key: 'auth.enable_api_keys' }),
  ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: bool(false, 'Limit API keys to listed paths', {
    key: 'auth.api_key.endpoint_restrictions',
    aliases: ['ENABLE_API_KEY_ENDPOINT_RESTRICTIONS'],
  }),
  ENABLE_API_KEY_ENDPOINT_RESTRICTIONS: bool(false, 'Older name of ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS', {
    key: 'auth.api_key.endpoint_restrictions',
  }),
  API_KEYS_ALLOWED_ENDPOINTS: text('', 'Comma list of path prefixes allowed to API keys', {
    key: 'auth.api_key.allowed_endpoints',
    aliases: ['API_KEY_ALLOWED_ENDPOINTS'],
  }),
  API_KEY_ALLOWED_ENDPOINTS: text('', 'Older name of API_KEYS_ALLOWED_ENDPOINTS', {
    key: 'auth.api_key.allowed_endpoints',
  }),
  PROFILE_IMAGE_ALLOWED_MIME_TYPES: csv(
    ['image/png', 'image/jpeg', 'image/gif', 'image/webp'],
    'Comma list of image types accepted in data URIs',
  ),
  PROFILE_IMAGE_MAX_DATA_URI_SIZE: optionalInt(null, 'Max bytes of a stored data URI image; unset = no cap'),
  ENABLE_PROFILE_IMAGE_URL_FORWARDING: bool(true, 'Redirect profile image requests to external image URLs'),
};

export const mfa = {
  ENABLE_MFA: bool(false, 'Require a second factor; needs auth and persistent config', { key: 'auth.mfa.enable' }),
  MFA_ALLOW_OAUTH_BYPASS: bool(false, 'OAuth sign-ins skip the second factor', { key: 'auth.mfa.allow_oauth_bypass' }),
  MFA_ALLOW_TRUSTED_HEADER_BYPASS: bool(false, 'Trusted-header sign-ins skip the second factor', {
    key: 'auth.mfa.allow_trusted_header_bypass',
  }),
  MFA_ENCRYPTION_KEY: optionalText('Fernet key for stored MFA secrets instead of one derived from WEBUI_SECRET_KEY'),
};

export const scim = {
  ENABLE_SCIM: bool(false, 'Mount the SCIM 2.0 API', { aliases: ['SCIM_ENABLED'] }),
  SCIM_ENABLED: bool(false, 'Older name of ENABLE_SCIM'),
  SCIM_TOKEN: text('', 'Bearer token for the SCIM API'),
  SCIM_AUTH_PROVIDER: text('', 'OAuth provider name under which SCIM external ids are stored'),
};

export const ldap = {
  ENABLE_LDAP: bool(false, 'Offer LDAP sign-in', { key: 'ldap.enable' }),
  LDAP_SERVER_LABEL: text('LDAP Server', 'Name shown in the UI', { key: 'ldap.server.label' }),
  LDAP_SERVER_HOST: text('localhost', 'LDAP host', { key: 'ldap.server.host' }),
  LDAP_SERVER_PORT: int(389, 'LDAP port', { key: 'ldap.server.port' }),
  LDAP_ATTRIBUTE_FOR_MAIL: text('mail', 'Attribute holding the email', { key: 'ldap.server.attribute_for_mail' }),
  LDAP_DEFAULT_EMAIL_DOMAIN: text('', 'Domain appended when the entry has no email', {
    key: 'ldap.server.default_email_domain',
  }),
  LDAP_ATTRIBUTE_FOR_USERNAME: text('uid', 'Attribute matched against the login name', {
    key: 'ldap.server.attribute_for_username',
  }),
  LDAP_APP_DN: text('', 'Bind DN', { key: 'ldap.server.app_dn' }),
  LDAP_APP_PASSWORD: text('', 'Bind password', { key: 'ldap.server.app_password' }),
  LDAP_SEARCH_BASE: text('', 'Search base DN', { key: 'ldap.server.users_dn' }),
  LDAP_SEARCH_FILTER: text('', 'Extra search filter', {
    key: 'ldap.server.search_filter',
    aliases: ['LDAP_SEARCH_FILTERS'],
  }),
  LDAP_SEARCH_FILTERS: text('', 'Fallback name of LDAP_SEARCH_FILTER', { key: 'ldap.server.search_filter' }),
  LDAP_USE_TLS: bool(true, 'Use TLS from the first byte (LDAPS)', { key: 'ldap.server.use_tls' }),
  LDAP_START_TLS: bool(
    false,
    'Begin in the clear and change to TLS before anything is sent (StartTLS), whatever LDAP_USE_TLS says',
    {
      key: 'ldap.server.start_tls',
    },
  ),
  LDAP_CA_CERT_FILE: path('', 'CA file for TLS', { key: 'ldap.server.ca_cert_file' }),
  LDAP_VALIDATE_CERT: bool(true, 'Verify the server certificate', { key: 'ldap.server.validate_cert' }),
  LDAP_CIPHERS: text('ALL', 'TLS cipher list', { key: 'ldap.server.ciphers' }),
  ENABLE_LDAP_GROUP_MANAGEMENT: bool(false, 'Set group membership from LDAP at login', {
    key: 'ldap.group.enable_management',
  }),
  ENABLE_LDAP_GROUP_CREATION: bool(false, 'Create groups found in LDAP', { key: 'ldap.group.enable_creation' }),
  LDAP_ATTRIBUTE_FOR_GROUPS: text('memberOf', 'Attribute listing groups', { key: 'ldap.server.attribute_for_groups' }),
};

export const users = {
  DEFAULT_USER_ROLE: text('pending', 'Role of new accounts: pending, user or admin', { key: 'ui.default_user_role' }),
  DEFAULT_GROUP_ID: text('', 'Group new accounts join', { key: 'ui.default_group_id' }),
  DEFAULT_GROUP_SHARE_PERMISSION: boolOrMembers('members', 'Who may share to a new group: true, false or members'),
  HIDE_USER_EMAILS_AND_ROLES: bool(false, 'Non-admins learn no email address or role of other accounts'),
  ENABLE_PUBLIC_ACTIVE_USERS_COUNT: bool(true, 'Let non-admins read /api/usage'),
  ENABLE_ADMIN_CHAT_ACCESS: bool(true, "Admins may open other users' chats"),
  ENABLE_ADMIN_EXPORT: bool(true, 'Admins may export data and download the database'),
  ENABLE_ADMIN_WORKSPACE_CONTENT_ACCESS: bool(true, 'Older switch; default for BYPASS_ADMIN_ACCESS_CONTROL'),
  BYPASS_ADMIN_ACCESS_CONTROL: bool(
    { from: 'ENABLE_ADMIN_WORKSPACE_CONTENT_ACCESS' },
    'Admins see all workspace items regardless of grants',
  ),
  ENABLE_ADMIN_ANALYTICS: bool(true, 'Mount the analytics API'),
  ENABLE_USER_STATUS: bool(true, 'User status feature', { key: 'users.enable_status' }),
  PENDING_USER_OVERLAY_TITLE: text('', 'Title on the pending page', { key: 'ui.pending_user_overlay_title' }),
  PENDING_USER_OVERLAY_CONTENT: text('', 'Text on the pending page', { key: 'ui.pending_user_overlay_content' }),
  BYPASS_MODEL_ACCESS_CONTROL: bool(false, 'Every user may use every model'),
  BYPASS_RETRIEVAL_ACCESS_CONTROL: bool(false, 'Skip access checks on retrieval collections'),
  ENABLE_RETRIEVAL_UNSCOPED_COLLECTIONS: bool(false, 'Allow unknown collection names for non-admins'),
};
