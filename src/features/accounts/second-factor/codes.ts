import { createHash, randomBytes } from 'node:crypto';

const PERIOD = 30;
const SECRET_BYTES = 20;
const ISSUER = 'Open WebUI';
const RECOVERY_CODES = 10;

const totp = () => import('otpauth');

/** A new secret of an authenticator: 32 characters, base32. */
export async function newSecret(): Promise<string> {
  const { Secret } = await totp();
  return new Secret({ size: SECRET_BYTES }).base32;
}

/**
 * The time step a code of six digits is for, of those around `now` (seconds) that come after `lastStep`; null where it is
 * wrong or spent.
 */
export async function acceptedStep(
  secret: string,
  code: string,
  lastStep: number,
  now: number,
): Promise<number | null> {
  if (!/^[0-9]{6}$/.test(code)) return null;
  const { HOTP, Secret } = await totp();
  const key = Secret.fromBase32(secret);
  const current = Math.floor(now / PERIOD);
  for (const step of [current, current - 1, current + 1]) {
    if (step <= lastStep) continue;
    if (HOTP.validate({ token: code, secret: key, digits: 6, algorithm: 'SHA1', counter: step, window: 0 }) === 0) {
      return step;
    }
  }
  return null;
}

/** What an authenticator app scans, as a picture. */
export async function setupPicture(secret: string, account: string): Promise<string> {
  const { TOTP } = await totp();
  const uri = new TOTP({ issuer: ISSUER, label: account, secret, digits: 6, period: PERIOD }).toString();
  const { renderSVG } = await import('uqr');
  return `data:image/svg+xml;base64,${Buffer.from(renderSVG(uri)).toString('base64')}`;
}

/** Recovery codes to show once, and what is kept of them. */
export function newRecoveryCodes(): { codes: string[]; hashes: string[] } {
  const codes = Array.from({ length: RECOVERY_CODES }, () => randomBytes(16).toString('hex'));
  return { codes, hashes: codes.map(recoveryHash) };
}

export function recoveryHash(code: string): string {
  return hashOf(code.trim().toLowerCase());
}

/** A new secret text that is shown once: 32 random bytes. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of a token. */
export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
