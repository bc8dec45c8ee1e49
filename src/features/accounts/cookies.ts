import type { FastifyReply, FastifyRequest } from 'fastify';
import { nowSeconds } from '../../kernel/time.ts';
import type { SignInResult } from './issue.ts';
import type { AccountOptions } from './options.ts';
import { CHALLENGE_LIFE } from './second-factor/challenges.ts';

const TOKEN = 'token';
/** Cookies that hold a session, of this and of earlier releases. */
const SESSION_COOKIES = [TOKEN, 'owui-session', 'oui-session', 'oauth_id_token'];

/** Sets the session cookie for the rest of the token's life. `withExpires`: also as a date (session read). */
export function setTokenCookie(
  reply: FastifyReply,
  { token, expires_at: expiresAt }: { token: string; expires_at: number | null },
  { cookie }: Pick<AccountOptions, 'cookie'>,
  withExpires = false,
): void {
  setSessionCookie(reply, TOKEN, { value: token, expiresAt, httpOnly: true, withExpires }, { cookie });
}

interface SessionCookie {
  value: string;
  /** Seconds since 1970; null: it lasts as long as the browser. */
  expiresAt: number | null;
  httpOnly: boolean;
  withExpires?: boolean;
}

/** Sets a cookie that lives as long as a session. */
export function setSessionCookie(
  reply: FastifyReply,
  name: string,
  { value, expiresAt, httpOnly, withExpires = false }: SessionCookie,
  { cookie }: Pick<AccountOptions, 'cookie'>,
): void {
  reply.setCookie(name, value, {
    path: '/',
    httpOnly,
    sameSite: cookie.sameSite,
    secure: cookie.secure,
    encode: String,
    ...(expiresAt === null ? {} : { maxAge: Math.max(0, expiresAt - nowSeconds()) }),
    ...(expiresAt !== null && withExpires ? { expires: new Date(expiresAt * 1_000) } : {}),
  });
}

/** What a sign-in route answers; the session goes into the cookie too. */
export function answerSignIn(
  reply: FastifyReply,
  result: SignInResult,
  options: Pick<AccountOptions, 'cookie'>,
): { next_step: 'pending' } | Exclude<SignInResult, { kind: 'pending' }>['body'] {
  if (result.kind === 'pending') return { next_step: 'pending' };
  if (result.kind === 'challenge') return result.body;
  setTokenCookie(reply, result.signed, options);
  return result.body;
}

/** Removes every session cookie; the OAuth session's only when the request carried one. */
export function clearSessionCookies(reply: FastifyReply, hasOauthSession: boolean): void {
  for (const name of [...SESSION_COOKIES, ...(hasOauthSession ? ['oauth_session_id'] : [])]) {
    clearCookie(reply, name);
  }
}

export function clearCookie(reply: FastifyReply, name: string): void {
  reply.setCookie(name, '', { path: '/', maxAge: 0, sameSite: 'lax', encode: String });
}

const CHALLENGE = 'mfa_challenge';
const CHALLENGE_PATH = '/api/v1/auths/mfa';

/** Carries a challenge of the second factor over the redirect that ends a provider's sign-in. */
export function setChallengeCookie(
  reply: FastifyReply,
  token: string,
  { cookie }: Pick<AccountOptions, 'cookie'>,
): void {
  reply.setCookie(CHALLENGE, token, {
    path: CHALLENGE_PATH,
    httpOnly: true,
    sameSite: cookie.sameSite,
    secure: cookie.secure,
    maxAge: CHALLENGE_LIFE,
    encode: String,
  });
}

/** The challenge a request carries by cookie. */
export function challengeCookie({ cookies }: FastifyRequest): string | null {
  return cookies[CHALLENGE] || null;
}

export function clearChallengeCookie(reply: FastifyReply): void {
  reply.setCookie(CHALLENGE, '', { path: CHALLENGE_PATH, maxAge: 0, sameSite: 'lax', encode: String });
}
