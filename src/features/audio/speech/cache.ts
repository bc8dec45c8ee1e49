import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FoundFile } from '../../../kernel/http/file-answer.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';

/** Sound as an engine gave it. */
export interface Sound {
  bytes: Uint8Array;
  /** End of the file's name, with the dot. */
  extension: string;
}

/** Speech that was made before, by the name of what it was made of. */
export interface SpeechCache {
  find(name: string): Promise<FoundFile | null>;
  /** Complete or not at all: a reader never sees half a file. `request` is kept beside it where given. */
  put(name: string, sound: Sound, request: string | null): Promise<FoundFile>;
}

/** Bytes of the folder; what was not listened to for longest goes first. */
const MAX_BYTES = 1024 * 1024 * 1024;
/** Bytes written between two looks at the folder. */
const LOOK_AFTER = 64 * 1024 * 1024;
const EXTENSIONS = ['.mp3', '.wav', '.ogg', '.flac', '.aac', '.m4a', '.webm'];

export function createSpeechCache(folder: string, log: Pick<Log, 'warn'>, maxBytes = MAX_BYTES): SpeechCache {
  let written = LOOK_AFTER;
  let pruning: Promise<void> | null = null;

  async function prune(): Promise<void> {
    const entries = await Promise.all(
      (await readdir(folder)).map(async (name) => {
        const path = join(folder, name);
        // Another process may have removed it meanwhile.
        const found = await stat(path).catch(() => null);
        return found?.isFile() ? [{ path, size: found.size, used: Math.max(found.atimeMs, found.mtimeMs) }] : [];
      }),
    );
    const files = entries.flat().sort((a, b) => a.used - b.used);
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of files) {
      if (total <= maxBytes) break;
      await rm(path, { force: true });
      total -= size;
    }
  }

  function wrote(bytes: number): void {
    written += bytes;
    if (written < Math.min(LOOK_AFTER, maxBytes / 8) || pruning) return;
    written = 0;
    pruning = prune()
      .catch((error: unknown) => log.warn({ err: error }, 'the cache of speech could not be tidied'))
      .finally(() => {
        pruning = null;
      });
  }

  async function save(path: string, bytes: Uint8Array | string): Promise<void> {
    const part = `${path}.${randomUUID()}.part`;
    try {
      await writeFile(part, bytes);
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  return {
    async find(name) {
      for (const extension of EXTENSIONS) {
        const path = join(folder, name + extension);
        const stats = await stat(path).catch(() => null);
        if (!stats?.isFile() || stats.size === 0) continue;
        // The time of reading says what is used; the time of writing is part of the validators.
        await utimes(path, new Date(), stats.mtime).catch(() => {});
        return { path, stats };
      }
      return null;
    },
    async put(name, { bytes, extension }, request) {
      await mkdir(folder, { recursive: true });
      const path = join(folder, name + extension);
      if (request !== null) await save(join(folder, `${name}.json`), request);
      await save(path, bytes);
      wrote(bytes.byteLength);
      return { path, stats: await stat(path) };
    },
  };
}
