import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { downloadWheel } from './download.ts';
import { CLIENT_VERSION, type ClientPlace, isInstalled } from './place.ts';
import { precompress } from './precompress.ts';
import { unpack } from './unpack.ts';

const PARTIAL = '.partial-';
const STALE_MS = 6 * 60 * 60 * 1_000;

interface InstallOptions {
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
  /** A wheel that is there already, in place of a download. */
  wheel?: string;
  signal?: AbortSignal;
}

/**
 * Puts the released web client into its folder: all of it or nothing. A client that is there is replaced only once the new
 * one is complete. Throws when FRONTEND_BUILD_DIR names the folder, which is the operator's.
 */
export async function installClient(place: ClientPlace, { env, say, wheel, signal }: InstallOptions): Promise<void> {
  if (place.given) throw new Error('FRONTEND_BUILD_DIR is set: that folder is yours, nothing is installed there.');
  const home = dirname(place.folder);
  const cache = dirname(home);
  await mkdir(cache, { recursive: true });
  await removeStale(cache);
  const work = await mkdtemp(join(cache, PARTIAL));
  try {
    if (!wheel) say(`downloading open-webui ${CLIENT_VERSION} with pip (about 105 MB) …`);
    const archive = wheel ?? (await downloadWheel(await subfolder(work, 'download'), env, signal));
    say('unpacking the web client …');
    const fresh = await subfolder(work, 'client');
    await unpack(archive, fresh, placeOf);
    if (!isInstalled({ folder: join(fresh, 'frontend'), given: false })) {
      throw new Error(`${archive} holds no built web client`);
    }
    say('writing compressed copies …');
    await precompress(join(fresh, 'frontend'));
    await replace(home, fresh, join(work, 'old'));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Of the package only the built frontend, its release notes and its licence are taken. */
function placeOf(name: string): string | null {
  const frontend = /^open_webui\/(frontend\/.+)$/.exec(name);
  if (frontend?.[1]) return frontend[1];
  if (name === 'open_webui/CHANGELOG.md') return 'CHANGELOG.md';
  const licence = /^open_webui-[^/]+\.dist-info\/licenses\/([^/]+)$/.exec(name);
  return licence?.[1] ?? null;
}

async function subfolder(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  return path;
}

/** Moves `fresh` to `home`; what was there goes to `old`. Another installer may have been faster: its result is as good. */
async function replace(home: string, fresh: string, old: string): Promise<void> {
  await rename(home, old).catch(ignore('ENOENT'));
  await rename(fresh, home).catch(ignore('ENOTEMPTY', 'EEXIST'));
}

function ignore(...codes: string[]) {
  return (error: NodeJS.ErrnoException) => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
}

/** Removes what killed installations left. */
async function removeStale(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(PARTIAL)) continue;
    const path = join(cache, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true });
  }
}
