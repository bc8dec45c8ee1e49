import type { AccountOptions } from './options.ts';

type ImageRules = AccountOptions['images'];

const STATIC = new Set(['', '/user.png', '/favicon.png', '/static/favicon.png']);
const OWN = /^\/api\/v1\/users\/[^/?#]+\/profile\/image$/;

/** Whether a picture address may be stored (identity note, 10.3). */
export function isProfileImage(url: string, rules: ImageRules): boolean {
  if (STATIC.has(url) || OWN.test(url)) return true;
  if (/^https?:\/\//i.test(url)) return URL.canParse(url) && new URL(url).hostname !== '';
  const type = dataType(url);
  if (type === null || !/^data:[^,]*;base64,/i.test(url)) return false;
  return isAllowed(type, rules) && (rules.maxLength === null || url.length <= rules.maxLength);
}

/** What is served for a stored picture: another address, bytes, or the default one. */
export type ServedImage =
  | { kind: 'redirect'; url: string }
  | { kind: 'bytes'; type: string; bytes: Buffer }
  | { kind: 'default' };

export function servedImage(stored: string | null, rules: ImageRules): ServedImage {
  if (stored && /^https?:\/\//i.test(stored)) {
    return rules.redirects ? { kind: 'redirect', url: stored } : { kind: 'default' };
  }
  const type = stored && dataType(stored);
  if (!stored || !type || !isAllowed(type, rules)) return { kind: 'default' };
  const comma = stored.indexOf(',');
  if (comma < 0) return { kind: 'default' };
  return { kind: 'bytes', type, bytes: Buffer.from(stored.slice(comma + 1), 'base64') };
}

/** The MIME type of a data URI of an image, lower case; null for anything else. */
function dataType(url: string): string | null {
  const type = /^data:([^;,]*)/i.exec(url.slice(0, 100))?.[1]?.toLowerCase() ?? '';
  return type.startsWith('image/') ? type : null;
}

function isAllowed(type: string, rules: ImageRules): boolean {
  return type !== 'image/svg+xml' && rules.mimeTypes.has(type);
}
