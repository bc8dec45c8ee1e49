import { HttpError } from '../../kernel/http/errors.ts';
import {
  Bool,
  Default,
  Dict,
  Int,
  Nullable,
  Optional,
  type Static,
  Str,
  Strict,
  shape,
  Union,
} from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import type { Config, ConfigKey } from '../../kernel/settings/index.ts';
import { invalidMember } from './auth-route.ts';
import { LIFETIME_FORM } from './tokens.ts';

/** Config key of each member of the administrator's form, in the order of the answer. */
const KEYS = {
  ENABLE_MFA: 'auth.mfa.enable',
  MFA_ALLOW_OAUTH_BYPASS: 'auth.mfa.allow_oauth_bypass',
  MFA_ALLOW_TRUSTED_HEADER_BYPASS: 'auth.mfa.allow_trusted_header_bypass',
  SHOW_ADMIN_DETAILS: 'auth.admin.show',
  ADMIN_EMAIL: 'auth.admin.email',
  WEBUI_URL: 'webui.url',
  ENABLE_LOGIN_FORM: 'ui.enable_login_form',
  ENABLE_SIGNUP: 'ui.enable_signup',
  ENABLE_API_KEYS: 'auth.enable_api_keys',
  ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: 'auth.api_key.endpoint_restrictions',
  API_KEYS_ALLOWED_ENDPOINTS: 'auth.api_key.allowed_endpoints',
  DEFAULT_USER_ROLE: 'ui.default_user_role',
  DEFAULT_GROUP_ID: 'ui.default_group_id',
  DEFAULT_INTERFACE_SETTINGS: 'ui.default_interface_settings',
  I18N: 'ui.i18n',
  JWT_EXPIRES_IN: 'auth.jwt_expiry',
  ENABLE_COMMUNITY_SHARING: 'ui.enable_community_sharing',
  ENABLE_MESSAGE_RATING: 'ui.enable_message_rating',
  ENABLE_FOLDERS: 'folders.enable',
  FOLDER_MAX_FILE_COUNT: 'folders.max_file_count',
  ENABLE_AUTOMATIONS: 'automations.enable',
  AUTOMATION_MAX_COUNT: 'automations.max_count',
  AUTOMATION_MIN_INTERVAL: 'automations.min_interval',
  ENABLE_CHANNELS: 'channels.enable',
  ENABLE_ENCRYPTED_CHANNELS: 'channels.encryption.enable',
  ENABLE_APPS: 'apps.enable',
  CHANNEL_MODEL_RESPONSE_MODE: 'channels.model_response_mode',
  ENABLE_CALENDAR: 'calendar.enable',
  ENABLE_MEMORIES: 'memories.enable',
  ENABLE_MEMORY_SYSTEM_CONTEXT: 'memories.system_context.enable',
  ENABLE_SKILL_LAZY_LOADING: 'skills.lazy_loading.enable',
  SKILL_CONTENT_MAX_CHARS: 'skills.content_max_chars',
  SKILL_PREVIEW_MAX_CHARS: 'skills.preview_max_chars',
  ENABLE_NOTES: 'notes.enable',
  ENABLE_USER_WEBHOOKS: 'ui.enable_user_webhooks',
  ENABLE_USER_STATUS: 'users.enable_status',
  PENDING_USER_OVERLAY_TITLE: 'ui.pending_user_overlay_title',
  PENDING_USER_OVERLAY_CONTENT: 'ui.pending_user_overlay_content',
  RESPONSE_WATERMARK: 'ui.watermark',
} as const satisfies Record<string, ConfigKey>;

type Member = keyof typeof KEYS;
const MEMBERS = Object.keys(KEYS) as Member[];

const limit = Default(Nullable(Union([Int(), Str()])), null);
const optionalText = Default(Nullable(Str()), null);
const positive = Optional(Nullable(Strict(Int({ exclusiveMinimum: 0 }))));

export const AdminConfig = shape('AdminConfig', {
  ENABLE_MFA: Optional(Strict(Bool())),
  MFA_ALLOW_OAUTH_BYPASS: Optional(Strict(Bool())),
  MFA_ALLOW_TRUSTED_HEADER_BYPASS: Optional(Strict(Bool())),
  SHOW_ADMIN_DETAILS: Bool(),
  ADMIN_EMAIL: optionalText,
  WEBUI_URL: Str(),
  ENABLE_LOGIN_FORM: Optional(Bool()),
  ENABLE_SIGNUP: Bool(),
  ENABLE_API_KEYS: Bool(),
  ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: Bool(),
  API_KEYS_ALLOWED_ENDPOINTS: Str(),
  DEFAULT_USER_ROLE: Str(),
  DEFAULT_GROUP_ID: Str(),
  DEFAULT_INTERFACE_SETTINGS: Default(Nullable(Dict()), null),
  I18N: Optional(Dict(Dict(Str()))),
  JWT_EXPIRES_IN: Str(),
  ENABLE_COMMUNITY_SHARING: Bool(),
  ENABLE_MESSAGE_RATING: Bool(),
  ENABLE_FOLDERS: Bool(),
  FOLDER_MAX_FILE_COUNT: limit,
  AUTOMATION_MAX_COUNT: limit,
  AUTOMATION_MIN_INTERVAL: limit,
  ENABLE_AUTOMATIONS: Bool(),
  ENABLE_CHANNELS: Bool(),
  ENABLE_ENCRYPTED_CHANNELS: Optional(Bool()),
  ENABLE_APPS: Optional(Bool()),
  CHANNEL_MODEL_RESPONSE_MODE: Optional(Str()),
  ENABLE_CALENDAR: Bool(),
  ENABLE_MEMORIES: Bool(),
  ENABLE_MEMORY_SYSTEM_CONTEXT: Bool(),
  ENABLE_SKILL_LAZY_LOADING: Optional(Bool()),
  SKILL_CONTENT_MAX_CHARS: positive,
  SKILL_PREVIEW_MAX_CHARS: positive,
  ENABLE_NOTES: Bool(),
  ENABLE_USER_WEBHOOKS: Bool(),
  ENABLE_USER_STATUS: Bool(),
  PENDING_USER_OVERLAY_TITLE: optionalText,
  PENDING_USER_OVERLAY_CONTENT: optionalText,
  RESPONSE_WATERMARK: optionalText,
});

export type AdminConfigForm = Static<typeof AdminConfig>;

/** The settings as the form shows them; keys with neither a row nor a default are left out. */
export function presentAdminConfig(config: Pick<Config, 'stored'>): Record<string, unknown> {
  const answer: Record<string, unknown> = {};
  for (const member of MEMBERS) {
    const value = config.stored(KEYS[member]);
    if (value !== undefined) answer[member] = value;
  }
  return answer;
}

/** What the form stores, by config key. Values that are no choice are passed over; bad texts throw 422. */
export function adminConfigChanges(form: AdminConfigForm): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  const values: Partial<Record<Member, unknown>> = {
    ...form,
    DEFAULT_INTERFACE_SETTINGS: form.DEFAULT_INTERFACE_SETTINGS ?? {},
    FOLDER_MAX_FILE_COUNT: readLimit('FOLDER_MAX_FILE_COUNT', form.FOLDER_MAX_FILE_COUNT),
    AUTOMATION_MAX_COUNT: readLimit('AUTOMATION_MAX_COUNT', form.AUTOMATION_MAX_COUNT),
    AUTOMATION_MIN_INTERVAL: readLimit('AUTOMATION_MIN_INTERVAL', form.AUTOMATION_MIN_INTERVAL),
    ...(form.I18N === undefined ? {} : { I18N: cleanTexts(form.I18N) }),
  };
  for (const member of MEMBERS) {
    if (values[member] !== undefined && isChoice(member, values[member])) changes[KEYS[member]] = values[member];
  }
  return changes;
}

function isChoice(member: Member, value: unknown): boolean {
  if (member === 'DEFAULT_USER_ROLE') return value === 'pending' || value === 'user' || value === 'admin';
  if (member === 'JWT_EXPIRES_IN') return LIFETIME_FORM.test(String(value));
  if (member === 'CHANNEL_MODEL_RESPONSE_MODE') return value === 'thread' || value === 'channel';
  return true;
}

/** A number, or `''` for no limit. */
function readLimit(member: string, value: number | string | null): number | '' {
  if (value === null || value === 0 || (typeof value === 'string' && value.trim() === '')) return '';
  const number = Number(value);
  if (!Number.isInteger(number)) throw new HttpError(400, `${member} must be a whole number.`);
  return number === 0 ? '' : number;
}

const FORBIDDEN = new Set(['__proto__', 'prototype', 'constructor']);

/** Texts of the interface by language, without blanks. A text must keep the placeholders of its key. */
function cleanTexts(given: Record<string, Record<string, string>>): Record<string, Record<string, string>> {
  const result: Record<string, Record<string, string>> = {};
  for (const [locale, texts] of Object.entries(given)) {
    assertName(locale, given);
    const kept: Record<string, string> = {};
    for (const [key, text] of Object.entries(isObject(texts) ? texts : {})) {
      assertName(key, given);
      if (text.trim() === '') continue;
      if (placeholders(key) !== placeholders(text)) {
        throw invalidMember('I18N', `The text of "${key}" must have the placeholders of its key.`, given);
      }
      kept[key] = text;
    }
    if (Object.keys(kept).length > 0) result[locale] = kept;
  }
  return result;
}

function assertName(name: string, given: unknown): void {
  if (name.trim() === '' || FORBIDDEN.has(name)) throw invalidMember('I18N', `"${name}" cannot be a key.`, given);
}

/** Names within `{{…}}`, without a leading `-` and a format after a comma. */
function placeholders(text: string): string {
  const names = [...text.matchAll(/\{\{\s*-?\s*([^},]*)(?:,[^}]*)?\}\}/g)].map(([, name]) => (name ?? '').trim());
  return JSON.stringify([...new Set(names)].sort());
}
