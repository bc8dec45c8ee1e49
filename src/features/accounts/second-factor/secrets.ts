import { hkdfSync } from 'node:crypto';
import { createFernet, type Fernet, readFernetKey } from '../../../kernel/fernet.ts';
import { HttpError } from '../../../kernel/http/errors.ts';

/** Encrypts the secrets of authenticators for storage. */
export interface SecretBox {
  encrypt(secret: string): string;
  /** Null where no key fits. */
  read(stored: string): string | null;
  /** Like `read`, but throws what clients are answered then. */
  decrypt(stored: string): string;
}

const INFO = 'open-webui/mfa-encryption/v1';

/**
 * `given` is MFA_ENCRYPTION_KEY; without it the key is derived from WEBUI_SECRET_KEY, of which the first form encrypts.
 * Throws where the variable holds no key.
 */
export function createSecretBox(given: string | null, secretKeys: readonly string[]): SecretBox {
  const boxes = given === null ? secretKeys.map(derivedBox) : [givenBox(given)];
  const [first] = boxes;
  if (!first) throw new Error('WEBUI_SECRET_KEY is empty: secrets of second factors cannot be encrypted.');
  const read = (stored: string): string | null => {
    for (const box of boxes) {
      const secret = box.decrypt(stored);
      if (secret !== null) return secret;
    }
    return null;
  };
  return {
    encrypt: first.encrypt,
    read,
    decrypt(stored) {
      const secret = read(stored);
      if (secret !== null) return secret;
      throw new HttpError(503, 'Authenticator configuration is unavailable. Contact the operator.', {
        code: 'second-factor.key',
      });
    },
  };
}

function givenBox(text: string): Fernet {
  const key = readFernetKey(text);
  if (!key) throw new Error('MFA_ENCRYPTION_KEY is no Fernet key: 32 bytes as URL-safe base64, 44 characters');
  return createFernet(key);
}

function derivedBox(secretKey: string): Fernet {
  return createFernet(new Uint8Array(hkdfSync('sha256', secretKey, '', INFO, 32)));
}
