import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EmptyError, type Storage, type Stored, TooLargeError } from './storage.ts';

/** Files in one folder. Whatever a stored path says, only its last segment counts, and only within the folder. */
export async function createLocalStorage(folder: string): Promise<Storage> {
  await mkdir(folder, { recursive: true });

  /** Null for what cannot be the name of a file in the folder. */
  function placeOf(path: string): string | null {
    const name = basename(path);
    return name === '' || name === '.' || name === '..' || name.includes('\0') ? null : join(folder, name);
  }

  async function finish(draft: string, id: string, name: string): Promise<string> {
    const path = join(folder, `${id}_${name}`);
    try {
      await rename(draft, path);
      return path;
    } catch (error) {
      if (codeOf(error) !== 'ENAMETOOLONG') throw error;
      const short = join(folder, `${id}${extname(name).slice(0, 32).toLowerCase()}`);
      await rename(draft, short);
      return short;
    }
  }

  return {
    async put(id, name, stream, maxBytes) {
      const draft = join(folder, `.${id}.part`);
      try {
        const written = await write(stream, draft, maxBytes);
        return { ...written, path: await finish(draft, id, name) };
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },

    async find(path) {
      const place = placeOf(path);
      if (place === null) return null;
      try {
        // A link could lead out of the folder; nothing here makes links.
        if ((await lstat(place)).isSymbolicLink()) return null;
        const stats = await stat(place);
        return stats.isFile() ? { path: place, stats } : null;
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENAMETOOLONG') return null;
        throw error;
      }
    },

    async delete(path) {
      const place = placeOf(path);
      if (place !== null) await rm(place, { force: true });
    },

    async deleteAll() {
      for (const entry of await readdir(folder)) await rm(join(folder, entry), { recursive: true, force: true });
    },
  };
}

async function write(stream: Readable, path: string, maxBytes: number): Promise<Omit<Stored, 'path'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* counted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new TooLargeError();
      hash.update(chunk);
      yield chunk;
    }
  }
  await pipeline(stream, counted, createWriteStream(path, { flags: 'wx', mode: 0o640, flush: true }));
  if (bytes === 0) throw new EmptyError();
  return { bytes, sha256: hash.digest('hex') };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
