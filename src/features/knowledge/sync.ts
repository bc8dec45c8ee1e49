import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { KnowledgeContext, Row } from './context.ts';
import type { SyncCleanupForm, SyncDiffForm } from './shapes.ts';
import * as store from './store.ts';
import type { Tree } from './tree.ts';

/** Keeps a base equal to a folder on somebody's disk: what differs, then what goes (retrieval note, 3.5). */
export function createFolderSync(context: KnowledgeContext) {
  const { database, settings, treeFor, discard } = context;
  const { db } = database;

  return {
    async diff(row: Row, { manifest }: SyncDiffForm) {
      const [linked, tree, waiting] = await Promise.all([
        store.linkedFiles(db, row.id),
        treeFor(row.id),
        store.pendingFiles(db, row.id),
      ]);
      const recent = nowSeconds() - 3_600;
      const pending = waiting.flatMap(({ filename, meta, created_at }): Pending[] => {
        const sent = isObject(meta) && isObject(meta.data) ? meta.data : {};
        const directory = typeof sent.directory_id === 'string' ? sent.directory_id : null;
        if ((created_at ?? 0) < recent || !isObject(meta) || typeof meta.file_hash !== 'string') return [];
        return [{ path: tree.path(directory), name: filename ?? '', hash: meta.file_hash }];
      });
      return diffFolder(manifest, linked, tree, pending);
    },

    async cleanup(user: User, row: Row, { file_ids, dir_ids }: SyncCleanupForm): Promise<void> {
      const linked = await store.linkedFiles(db, row.id);
      const tree = await treeFor(row.id);
      const directories = new Set(dir_ids.filter((id) => tree.get(id)).flatMap((id) => tree.subtree(id)));
      const gone = linked.filter(
        (file) => file_ids.includes(file.id) || (file.directory_id !== null && directories.has(file.directory_id)),
      );
      await database.transaction(async (tx) => {
        await store.unlinkFiles(
          tx,
          row.id,
          gone.map((file) => file.id),
        );
        await store.deleteDirectories(tx, [...directories]);
      });
      const listed = gone.filter((file) => file_ids.includes(file.id));
      if (!settings.get('ENABLE_KNOWLEDGE_FILE_RETENTION')) await discard(user, listed);
    },
  };
}

/** A file that is uploaded for the base and not linked yet. */
interface Pending {
  path: string;
  name: string;
  hash: string;
}

/** What a folder on somebody's disk and a base differ in (retrieval note, 3.5). */
function diffFolder(
  manifest: SyncDiffForm['manifest'],
  files: readonly store.LinkedFile[],
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

function hashOf(file: store.LinkedFile): unknown {
  return isObject(file.meta) ? file.meta.file_hash : null;
}
