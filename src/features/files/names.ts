import { escapeLike } from '../../kernel/database/index.ts';

const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** The last segment of a client's file name, without control and direction characters; never empty, `.` or `..`. */
export function safeName(name: string): string {
  const last = name.toWellFormed().split('/').at(-1) ?? '';
  const clean = last.replace(UNSAFE, '').trim();
  return clean === '' || clean === '.' || clean === '..' ? 'file' : clean;
}

/** What follows the last dot, in lower case; empty without a dot. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
}

/** A LIKE pattern of a glob (`*`, `?`); null when it matches every name. */
export function globPattern(glob: string): string | null {
  const pattern = escapeLike(glob).replaceAll('*', '%').replaceAll('?', '_');
  return pattern === '%' ? null : pattern;
}

/** A file name for `filename*=UTF-8''…`. */
export function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
