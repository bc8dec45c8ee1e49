import { randomUUID } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { HttpError } from '../../kernel/http/errors.ts';
import { nowSeconds } from '../../kernel/time.ts';

export type AuthMethod = 'password' | 'ldap' | 'oauth' | 'trusted_header' | 'system';

/** Members of a token that is signed by us; their meaning is not checked yet (identity note, 1). */
export interface Claims extends JWTPayload {
  id: string;
}

export interface Tokens {
  /** Signs claims; `jti` and `iat` are added, `exp` unless `lifetime` (seconds) is null. */
  sign(claims: Record<string, unknown> & { id: string }, lifetime: number | null): Promise<SignedToken>;
  /** The claims of a token that is signed, in time, and names a user; null for any other text. */
  verify(token: string): Promise<Claims | null>;
}

export interface SignedToken {
  token: string;
  /** Seconds since 1970; null when the session never ends. */
  expires_at: number | null;
}

/** HS256 tokens keyed by the UTF-8 bytes of the secret; the first form of it signs, tokens of any are taken. */
export function createTokens(forms: readonly string[]): Tokens {
  const keys = forms.filter((form) => form !== '').map((form) => new TextEncoder().encode(form));
  const [key] = keys;
  if (!key) throw new Error('WEBUI_SECRET_KEY is empty: session tokens cannot be signed.');
  return {
    async sign(claims, lifetime) {
      const now = nowSeconds();
      const expiresAt = lifetime === null ? null : now + Math.trunc(lifetime);
      const all = { ...claims, ...(expiresAt === null ? {} : { exp: expiresAt }), jti: randomUUID(), iat: now };
      const token = await new SignJWT(all).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(key);
      return { token, expires_at: expiresAt };
    },
    async verify(token) {
      for (const one of keys) {
        const payload = await verified(token, one);
        if (payload) return payload;
      }
      return null;
    },
  };
}

async function verified(token: string, key: Uint8Array): Promise<Claims | null> {
  try {
    const { payload } = await jwtVerify(token, key, { algorithms: ['HS256'] });
    if (payload.iat !== undefined && payload.iat > nowSeconds()) return null;
    return typeof payload.id === 'string' ? (payload as Claims) : 'id' in payload ? { ...payload, id: '' } : null;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

const SECONDS = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;
const TERM = /(-?\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;

/**
 * Seconds of a lifetime such as `4w` or `1h30m`; null for no end (`-1`, `0`, a sum of zero). Throws where nothing in the
 * text is a duration.
 */
export function parseLifetime(text: string): number | null {
  if (text === '-1' || text === '0') return null;
  let total = 0;
  let terms = 0;
  for (const [, number, unit] of text.matchAll(TERM)) {
    total += Number(number) * SECONDS[unit as keyof typeof SECONDS];
    terms += 1;
  }
  if (terms === 0) throw new Error(`JWT_EXPIRES_IN: "${text}" is not a duration such as 4w, 12h or -1`);
  return total === 0 ? null : total;
}

/** What the administrator's form accepts; other texts leave the stored value. */
export const LIFETIME_FORM = /^(-1|0|(-?\d+(\.\d+)?)(ms|s|m|h|d|w))$/;

/** Any problem with a token the wire answers with `Invalid token`. */
export function invalidToken(): HttpError {
  return new HttpError(401, 'Invalid token');
}
