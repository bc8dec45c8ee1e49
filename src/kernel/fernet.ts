import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { nowSeconds } from './time.ts';

/** Encrypts texts for storage the way earlier releases do: Fernet, AES-128-CBC with HMAC-SHA256. */
export interface Fernet {
  encrypt(text: string): string;
  /** Null where the token was changed, cut, or made with another key. */
  decrypt(token: string): string | null;
}

const KEY_BYTES = 32;
/** Length of a key as text: base64 of 32 bytes. */
const KEY_TEXT = 44;
const VERSION = 0x80;
const IV_AT = 9;
const BODY_AT = 25;
const MAC_BYTES = 32;
const BLOCK = 16;

/** `key`: 32 bytes. */
export function createFernet(key: Uint8Array): Fernet {
  if (key.length !== KEY_BYTES) throw new Error(`a Fernet key has ${KEY_BYTES} bytes, not ${key.length}`);
  const macKey = key.subarray(0, 16);
  const aesKey = key.subarray(16);
  const macOf = (bytes: Buffer): Buffer => createHmac('sha256', macKey).update(bytes).digest();
  return {
    encrypt(text) {
      const head = Buffer.alloc(IV_AT);
      head[0] = VERSION;
      head.writeBigUInt64BE(BigInt(nowSeconds()), 1);
      const iv = randomBytes(BLOCK);
      const cipher = createCipheriv('aes-128-cbc', aesKey, iv);
      const signed = Buffer.concat([head, iv, cipher.update(text, 'utf8'), cipher.final()]);
      return padded(Buffer.concat([signed, macOf(signed)]).toString('base64url'));
    },
    decrypt(token) {
      const bytes = Buffer.from(token, 'base64url');
      const [signed, mac] = [bytes.subarray(0, -MAC_BYTES), bytes.subarray(-MAC_BYTES)];
      const body = signed.subarray(BODY_AT);
      if (bytes[0] !== VERSION || body.length === 0 || body.length % BLOCK !== 0) return null;
      if (!timingSafeEqual(macOf(signed), mac)) return null;
      const decipher = createDecipheriv('aes-128-cbc', aesKey, signed.subarray(IV_AT, BODY_AT));
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    },
  };
}

/** Readers of other languages insist on the padding. */
function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/** The bytes of a key given as text (base64, 44 characters); null for any other text. */
export function readFernetKey(text: string): Buffer | null {
  if (text.length !== KEY_TEXT || !/^[\w+/-]{43}=$/.test(text)) return null;
  const key = Buffer.from(text, 'base64url');
  return key.length === KEY_BYTES ? key : null;
}

/** The key of a secret that may be any text: a key as it stands, else the SHA-256 of the text. */
export function fernetKeyOf(secret: string): Buffer {
  return readFernetKey(secret) ?? createHash('sha256').update(secret).digest();
}
