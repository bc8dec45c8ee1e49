import { createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isObject, type JsonObject } from '../../kernel/json.ts';

/** Stored valves as an object: plain, or an encrypted token; what cannot be read counts as nothing (plugins note, 0.4). */
export function readValves(stored: unknown, secretKey: string): JsonObject {
  if (isObject(stored)) return stored;
  if (typeof stored !== 'string' || stored === '') return {};
  const text = decrypt(stored, secretKey);
  if (text === null) return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

const KEY_LENGTH = 44;
const VERSION = 0x80;

/** A Fernet token's text; null when the key is another one or the token was changed. */
function decrypt(token: string, secretKey: string): string | null {
  const key =
    secretKey.length === KEY_LENGTH
      ? Buffer.from(secretKey, 'base64url')
      : createHash('sha256').update(secretKey).digest();
  const bytes = Buffer.from(token, 'base64url');
  if (key.length !== 32 || bytes.length < 73 || bytes[0] !== VERSION) return null;
  const [signed, mac] = [bytes.subarray(0, -32), bytes.subarray(-32)];
  if (!timingSafeEqual(createHmac('sha256', key.subarray(0, 16)).update(signed).digest(), mac)) return null;
  try {
    const decipher = createDecipheriv('aes-128-cbc', key.subarray(16), signed.subarray(9, 25));
    return Buffer.concat([decipher.update(signed.subarray(25)), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

/** A user's valves of one plugin, as their settings hold them. */
export function userValves(settings: unknown, kind: 'tools' | 'functions', id: string): unknown {
  const section = isObject(settings) ? settings[kind] : null;
  const valves = isObject(section) ? section.valves : null;
  return isObject(valves) ? valves[id] : null;
}
