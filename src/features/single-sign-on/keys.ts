import { createHash } from 'node:crypto';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { SignInFailed } from './problems.ts';
import type { Fetch } from './transport.ts';

/** What signatures of providers may be made with; never `none`, never a shared secret. */
const SIGNATURES = new Set(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']);
export const LOGOUT_SIGNATURES = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
/** Seconds by which clocks may differ. */
export const CLOCK_TOLERANCE = 120;
const KEYS_MAX_AGE_MS = 600_000;
/** Nobody can make us ask for keys more often. */
const KEYS_PAUSE_MS = 10_000;

/** Public keys of one provider. */
export interface ProviderKeys {
  /** The claims of a token signed by the provider. A signature that fits no key is tried once more with fresh keys. */
  verify(token: string, options: JWTVerifyOptions): Promise<{ payload: JWTPayload; alg: string }>;
}

export function createProviderKeys(jwksUri: string, fetch: Fetch, timeoutMs: number): ProviderKeys {
  const keys = createRemoteJWKSet(new URL(jwksUri), {
    [customFetch]: (url, options) => fetch(url, options),
    timeoutDuration: timeoutMs,
    cacheMaxAge: KEYS_MAX_AGE_MS,
    cooldownDuration: KEYS_PAUSE_MS,
  });
  let reloadedAt = Number.NEGATIVE_INFINITY;
  const check = async (token: string, options: JWTVerifyOptions) => {
    const { payload, protectedHeader } = await jwtVerify(token, keys as JWTVerifyGetKey, options);
    return { payload, alg: protectedHeader.alg };
  };
  return {
    async verify(token, options) {
      try {
        return await check(token, options);
      } catch (error) {
        // A key may have been replaced under the same id.
        const pausing = performance.now() - reloadedAt < KEYS_PAUSE_MS;
        if (!(error instanceof errors.JWSSignatureVerificationFailed) || pausing) throw error;
        reloadedAt = performance.now();
        await keys.reload();
        return check(token, options);
      }
    },
  };
}

/** Signature algorithms to take of those a provider says it uses. */
export function signatureAlgorithms(advertised: readonly string[] | undefined): string[] {
  return (advertised?.length ? advertised : ['RS256']).filter((alg) => SIGNATURES.has(alg));
}

/** Throws unless the access token is the one the id token was issued with; tokens that do not say are taken. */
export function assertAccessTokenHash(claims: JWTPayload, alg: string, accessToken: string): void {
  const { at_hash: expected } = claims;
  if (expected === undefined) return;
  const bits = alg === 'EdDSA' ? '512' : alg.slice(-3);
  const digest = createHash(`sha${bits}`).update(accessToken, 'ascii').digest();
  if (digest.subarray(0, digest.length / 2).toString('base64url') !== expected) {
    throw new SignInFailed('the access token is not the one of the id token');
  }
}
