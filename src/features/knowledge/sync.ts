import { isObject } from '../../kernel/json.ts';
import type { SyncDiffForm } from './shapes.ts';
import type { LinkedFile } from './store.ts';
import type { Tree } from './tree.ts';

/** A file that is uploaded for the base and not linked yet. */
export interface Pending {
  path: string;
  name: string;
  hash: string;
}

/** What a folder on somebody's disk and a base differ in (retrieval note, 3.5). */
export function diffFolder(
  manifest: SyncDiffForm['manifest'],
  files: readonly LinkedFile[],
  tree: Tree,
  pending: readonly Pending[],
) {
  const keyOf = (path: string, name: string) => `${path}\0${name}`;
  const indexed = new Map(files.map((file) => [keyOf(tree.path(file.directory_id), file.filename ?? ''), file]));
  const waiting = new Set(pending.map((one) => `${keyOf(one.path, one.name)}\0${one.hash}`));
  const directories = tree.byPath();
  const needed = new Set(manifest.flatMap(({ path }) => ancestors(path)));
  const seen = new Set<string>();
  const added: { filename: string; path: string }[] = [];
  const modified: { filename: string; path: string; stale_file_id: string }[] = [];
  let unmodified = 0;
  for (const { filename, path, checksum } of manifest) {
    const key = keyOf(path, filename);
    const known = indexed.get(key);
    seen.add(key);
    if (known ? hashOf(known) === checksum : waiting.has(`${key}\0${checksum}`)) unmodified += 1;
    else if (known) modified.push({ filename, path, stale_file_id: known.id });
    else added.push({ filename, path });
  }
  const depth = (path: string) => path.split('/').length;
  return {
    added,
    modified,
    deleted: [...indexed].flatMap(([key, file]) =>
      seen.has(key) ? [] : [{ file_id: file.id, filename: file.filename ?? '' }],
    ),
    mkdir: [...needed].filter((path) => !directories.has(path)).sort((a, b) => depth(a) - depth(b)),
    rmdir: [...directories].flatMap(([path, id]) => (needed.has(path) ? [] : [id])),
    unmodified_count: unmodified,
    directory_map: Object.fromEntries(directories),
  };
}

/** `a/b/c` as `a`, `a/b`, `a/b/c`. */
function ancestors(path: string): string[] {
  if (path === '') return [];
  const parts = path.split('/');
  return parts.map((_part, at) => parts.slice(0, at + 1).join('/'));
}

function hashOf(file: LinkedFile): unknown {
  return isObject(file.meta) ? file.meta.file_hash : null;
}
