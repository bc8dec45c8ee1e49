import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { ACTIVE_SECONDS } from './activity.ts';
import type { SignedToken } from './tokens.ts';

/** Where the picture of a user is served. */
export function imagePath(userId: string): string {
  return `/api/v1/users/${userId}/profile/image`;
}

/** Answer of a sign-in (SessionUser). */
export function presentSession(user: User, { token, expires_at }: SignedToken, permissions: unknown) {
  return {
    token,
    token_type: 'Bearer',
    expires_at,
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    profile_image_url: imagePath(user.id),
    permissions,
  };
}

/** Answer of reading the session (SessionUserInfo): the picture as it is stored. */
export function presentSessionInfo(user: User, signed: SignedToken, permissions: unknown) {
  return {
    ...presentSession(user, signed, permissions),
    profile_image_url: user.profile_image_url ?? '',
    bio: user.bio,
    gender: user.gender,
    date_of_birth: user.date_of_birth,
    status_emoji: user.status_emoji,
    status_message: user.status_message,
    status_expires_at: user.status_expires_at,
  };
}

/** A whole user, without the variables (UserModel). */
export function presentUser({ variables: _private, ...user }: User) {
  return {
    ...user,
    profile_image_url: user.profile_image_url || imagePath(user.id),
    settings: presentSettings(user.settings),
    info: isObject(user.info) ? user.info : null,
    oauth: isObject(user.oauth) ? user.oauth : null,
    scim: isObject(user.scim) ? user.scim : null,
  };
}

/** Settings as clients know them: `ui` is always there. */
export function presentSettings(settings: unknown): Record<string, unknown> | null {
  if (!isObject(settings)) return null;
  return { ...settings, ui: isObject(settings.ui) ? settings.ui : {} };
}

interface InfoExtras {
  groups?: unknown[];
  is_active?: boolean;
}

/** What users may see of each other (UserInfo). */
export function presentUserInfo(user: User, { groups = [], is_active: isActive = false }: InfoExtras = {}) {
  return {
    id: user.id,
    name: user.name,
    email: user.email,
    role: user.role,
    bio: user.bio,
    timezone: user.timezone,
    last_active_at: user.last_active_at,
    status_emoji: user.status_emoji,
    status_message: user.status_message,
    status_expires_at: user.status_expires_at,
    groups,
    is_active: isActive,
  };
}

export function presentProfileImage(user: User) {
  return {
    id: user.id,
    name: user.name,
    role: user.role,
    email: user.email,
    profile_image_url: user.profile_image_url ?? '',
  };
}

/** Whether the user did something within the last three minutes. */
export function isActive(user: Pick<User, 'last_active_at'>): boolean {
  return user.last_active_at >= nowSeconds() - ACTIVE_SECONDS;
}
