import { isUnavailable } from '../../kernel/database/index.ts';
import { HttpError, ValidationError, type ValidationItem } from '../../kernel/http/errors.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { AccountOptions } from './options.ts';
import { isProfileImage } from './profile-image.ts';

/** Bytes: texts, and a picture in a data URL. */
const BODY_LIMIT = 8 * 1024 * 1024;
/** Bytes of a body that holds nothing but names, passwords and codes. */
export const SMALL_BODY = 64 * 1024;

/** What all routes below /api/v1/auths have in common: never cached, one text for bad input and for a lost database. */
export function authRoute(one: Route): Route {
  return {
    bodyLimit: BODY_LIMIT,
    ...one,
    headers: { 'cache-control': 'no-store' },
    invalidDetail: 'Invalid authentication request.',
    async handler(input) {
      try {
        return await one.handler(input);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        throw new HttpError(503, 'Authentication is temporarily unavailable.', { cause: error });
      }
    },
  };
}

/** One problem with a member of the body that shapes cannot express. */
export function invalidMember(member: string, text: string, input: unknown, type = 'value_error'): ValidationError {
  const msg = type === 'value_error' ? `Value error, ${text}` : text;
  const item: ValidationItem = { type, loc: ['body', member], msg, input };
  if (type === 'value_error') item.ctx = { error: {} };
  return new ValidationError([item]);
}

/** Throws 422 unless the picture may be stored; null and absent may. */
export function assertProfileImage(url: string | null | undefined, { images }: Pick<AccountOptions, 'images'>): void {
  if (url === null || url === undefined || isProfileImage(url, images)) return;
  throw invalidMember(
    'profile_image_url',
    'Invalid profile image URL: only http(s), allowed images and own paths.',
    url,
  );
}

/** Throws 422 unless a text is a day of the calendar. */
export function assertDay(member: string, text: string | null): void {
  if (text === null) return;
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  if (year !== undefined && date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)) return;
  throw invalidMember(member, 'Input should be a valid date', text, 'date_from_datetime_parsing');
}

const ROLES = ['pending', 'user', 'admin'];

/** Throws 400 for a role that is none. */
export function assertRole(role: string): void {
  if (!ROLES.includes(role)) throw new HttpError(400, 'The role must be pending, user or admin.');
}
