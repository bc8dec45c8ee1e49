import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The release of the web client this server speaks to. */
export const CLIENT_VERSION = '0.12.4';

export interface ClientPlace {
  /** Absolute; holds `index.html` when the client is there. */
  folder: string;
  /** True when FRONTEND_BUILD_DIR names it: then it is the operator's and never written to. */
  given: boolean;
}

/** Where the built web client is, or will be installed: FRONTEND_BUILD_DIR, else a folder of the user's cache. */
export function clientPlace(env: NodeJS.ProcessEnv): ClientPlace {
  const given = env.FRONTEND_BUILD_DIR;
  if (given) return { folder: resolve(given), given: true };
  const cache = env.XDG_CACHE_HOME ? resolve(env.XDG_CACHE_HOME) : join(homedir(), '.cache');
  return { folder: join(cache, 'loggia', `web-client-${CLIENT_VERSION}`, 'frontend'), given: false };
}

/** Installation is atomic, so this file stands for all. */
export function isInstalled({ folder }: ClientPlace): boolean {
  return existsSync(join(folder, 'index.html'));
}

/** The release notes of the client; the released package keeps them beside the built frontend. */
export function changelogFile({ folder }: ClientPlace): string {
  return join(dirname(folder), 'CHANGELOG.md');
}
