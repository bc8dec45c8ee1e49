import { type TrustedPeers, trustedPeers } from '../../kernel/http/trusted-peers.ts';
import type { Settings } from '../../kernel/settings/index.ts';

/** What the environment decides about accounts. */
export interface AccountOptions {
  /** Every form of the key that tokens may be signed with; the first one signs. */
  secretKeys: readonly string[];
  /** WEBUI_AUTH; false gives one implicit administrator. */
  authRequired: boolean;
  passwordSignIn: boolean;
  initialAdminSignUp: boolean;
  cookie: { sameSite: 'lax' | 'strict' | 'none'; secure: boolean };
  /** Lower-case header names; null where the mode is off. */
  apiKeyHeader: string | null;
  trusted: {
    email: string;
    name: string | null;
    groups: string | null;
    role: string | null;
    /** Whether a peer may say who somebody is. */
    isProxy: TrustedPeers;
  } | null;
  passwords: { algorithm: string; pattern: RegExp | null; hint: string };
  images: { mimeTypes: ReadonlySet<string>; maxLength: number | null; redirects: boolean };
  signOutRedirect: string | null;
  /** MFA_ENCRYPTION_KEY. */
  mfaKey: string | null;
  firstAdmin: { email: string; password: string; name: string } | null;
  redisKeyPrefix: string;
  /** Seconds between two writes of `last_active_at` for one user. */
  activityInterval: number;
  oauthPersistent: boolean;
}

/** Reads the variables of the accounts feature once. */
export function accountOptions(settings: Settings): AccountOptions {
  const email = header(settings.get('WEBUI_AUTH_TRUSTED_EMAIL_HEADER'));
  const adminEmail = settings.get('WEBUI_ADMIN_EMAIL');
  const adminPassword = settings.get('WEBUI_ADMIN_PASSWORD');
  return {
    secretKeys: settings.secretKeys,
    authRequired: settings.get('WEBUI_AUTH'),
    passwordSignIn: settings.get('ENABLE_PASSWORD_AUTH'),
    initialAdminSignUp: settings.get('ENABLE_INITIAL_ADMIN_SIGNUP'),
    cookie: {
      sameSite: sameSite(settings.get('WEBUI_AUTH_COOKIE_SAME_SITE')),
      secure: settings.get('WEBUI_AUTH_COOKIE_SECURE'),
    },
    apiKeyHeader: header(settings.get('CUSTOM_API_KEY_HEADER')),
    trusted:
      email === null
        ? null
        : {
            email,
            name: header(settings.get('WEBUI_AUTH_TRUSTED_NAME_HEADER')),
            groups: header(settings.get('WEBUI_AUTH_TRUSTED_GROUPS_HEADER')),
            role: header(settings.get('WEBUI_AUTH_TRUSTED_ROLE_HEADER')),
            isProxy: trustedPeers(settings.get('FORWARDED_ALLOW_IPS')),
          },
    passwords: {
      algorithm: settings.get('PASSWORD_HASH_ALGORITHM').toLowerCase(),
      pattern: settings.get('ENABLE_PASSWORD_VALIDATION') ? settings.get('PASSWORD_VALIDATION_REGEX_PATTERN') : null,
      hint: settings.get('PASSWORD_VALIDATION_HINT'),
    },
    images: imageOptions(settings),
    signOutRedirect: settings.get('WEBUI_AUTH_SIGNOUT_REDIRECT_URL') || null,
    mfaKey: settings.get('MFA_ENCRYPTION_KEY') || null,
    firstAdmin:
      adminEmail && adminPassword
        ? { email: adminEmail.toLowerCase(), password: adminPassword, name: settings.get('WEBUI_ADMIN_NAME') }
        : null,
    redisKeyPrefix: settings.get('REDIS_KEY_PREFIX'),
    activityInterval: settings.get('DATABASE_USER_ACTIVE_STATUS_UPDATE_INTERVAL') ?? 0,
    oauthPersistent: settings.get('ENABLE_OAUTH_PERSISTENT_CONFIG'),
  };
}

/** Rules of pictures in data URLs and of redirects to others. */
export function imageOptions(settings: Pick<Settings, 'get'>): AccountOptions['images'] {
  return {
    mimeTypes: new Set(settings.get('PROFILE_IMAGE_ALLOWED_MIME_TYPES').map((type) => type.toLowerCase())),
    maxLength: settings.get('PROFILE_IMAGE_MAX_DATA_URI_SIZE'),
    redirects: settings.get('ENABLE_PROFILE_IMAGE_URL_FORWARDING'),
  };
}

function header(name: string | null): string | null {
  return name?.trim().toLowerCase() || null;
}

function sameSite(text: string): 'lax' | 'strict' | 'none' {
  const known = text.toLowerCase();
  return known === 'strict' || known === 'none' ? known : 'lax';
}
