import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A released client is 240 MB; something far bigger is not one. */
const MAX_BYTES = 2_000_000_000;

/**
 * Unpacks the files of a zip archive for which `place` gives a path below `folder` (null: left out); gives their number.
 * Throws on a path that leads out of `folder` and on an archive that is damaged or far too big.
 */
export async function unpack(archive: string, folder: string, place: (name: string) => string | null): Promise<number> {
  const { openPromise } = await import('yauzl');
  // The archive closes itself when the loop ends, however it ends.
  const zip = await openPromise(archive);
  let files = 0;
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    const path = entry.fileName.endsWith('/') ? null : place(entry.fileName);
    if (path === null) continue;
    const target = join(folder, path);
    if (!target.startsWith(folder + sep)) throw new Error(`${archive}: "${entry.fileName}" leads out of the folder`);
    bytes += entry.uncompressedSize;
    if (bytes > MAX_BYTES) throw new Error(`${archive}: more than ${MAX_BYTES} bytes unpacked`);
    await mkdir(dirname(target), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
    files += 1;
  }
  return files;
}
