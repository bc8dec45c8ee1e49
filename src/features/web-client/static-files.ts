import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FoundFile, findFile } from '../../kernel/http/file-answer.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import type { ClientPlace } from './place.ts';

/** Where /static looks: the operator's folders, then the client's own. */
export function staticFoldersOf(settings: Pick<Settings, 'dataDir' | 'get'>, place: ClientPlace): string[] {
  const folders = [join(settings.dataDir, 'static'), settings.get('STATIC_DIR'), join(place.folder, 'static')];
  return [...new Set(folders.filter((folder) => folder !== ''))];
}

/** The first file of that name below `/static`; the operator's folders come before the client's own. */
export async function findStatic(folders: readonly string[], path: string): Promise<FoundFile | null> {
  for (const folder of folders) {
    const file = await findFile(folder, path);
    if (file) return file;
  }
  return null;
}

/** Gives the picture of users who have none (`/static/user.png`); null where the client is not installed. Read again when it changes. */
export function createDefaultPicture(folders: readonly string[]): () => Promise<Buffer | null> {
  let kept: { from: string; bytes: Buffer } | undefined;
  return async () => {
    const file = await findStatic(folders, 'user.png');
    if (!file) return null;
    const from = `${file.path}\0${file.stats.mtimeMs}\0${file.stats.size}`;
    if (kept?.from !== from) kept = { from, bytes: await readFile(file.path) };
    return kept.bytes;
  };
}
