import { posix } from 'node:path';

/** A path below /static that a picture address leads to; null for anything else. Escapes are decoded at most twice. */
export function staticPath(url: string): string | null {
  let path = url;
  for (let round = 0; round < 2; round += 1) {
    try {
      const decoded = decodeURIComponent(path);
      if (decoded === path) break;
      path = decoded;
    } catch {
      return null;
    }
  }
  if (!path.startsWith('/') || /[\\\0]/.test(path)) return null;
  const whole = posix.normalize(path.split(/[?#]/)[0] ?? '');
  return whole.startsWith('/static/') ? encodeURI(whole) : null;
}
