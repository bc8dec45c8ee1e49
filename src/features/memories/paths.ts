import { HttpError } from '../../kernel/http/errors.ts';

/** A path as it is kept: without outer and doubled slashes; null when nothing is left. 400 for climbing or control characters. */
export function cleanPath(path: string | null | undefined): string | null {
  const clean = (path ?? '')
    .trim()
    .split('/')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (clean.length === 0) return null;
  if (clean.some((part) => part === '.' || part === '..' || /\p{Cc}/u.test(part))) {
    throw new HttpError(400, 'Invalid memory path');
  }
  return clean.join('/');
}

/** How near a memory's path lies to one that is looked up: smaller is nearer; `null` is unrelated (retrieval note, 8). */
export function nearness(path: string | null, looked: string): readonly [number, number] | null {
  if (path === null) return null;
  if (path === looked) return [0, 0];
  const [own, other] = [path.split('/'), looked.split('/')];
  if (path.startsWith(`${looked}/`)) return [1, own.length - other.length];
  if (looked.startsWith(`${path}/`)) return [2, other.length - own.length];
  if (own.length > 1 && own.slice(0, -1).join('/') === other.slice(0, -1).join('/')) return [3, 0];
  const shared = own.filter((part) => other.includes(part)).length;
  if (shared > 0 && own.at(-1) !== other.at(-1)) return [4, -shared];
  if (own.at(-1) === other.at(-1)) return [5, 0];
  return null;
}

/** The path one level below `parent` (the top level for null) that leads to `path`; null when it does not lie below. */
export function childToward(path: string, parent: string | null): string | null {
  const prefix = parent === null ? '' : `${parent}/`;
  if (!path.startsWith(prefix) || path === parent) return null;
  const next = path.slice(prefix.length).split('/')[0];
  return next ? prefix + next : null;
}

/** `a/b/c` gives `a/b` and `a`: nearest first. */
export function ancestorsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_part, at) => parts.slice(0, parts.length - 1 - at).join('/'));
}
