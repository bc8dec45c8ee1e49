import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A file that lines are added to, without anybody waiting for the disk. */
export interface LogFile {
  /** `line` has no line break. */
  write(line: string): void;
  /** Writes what waits, and ends. */
  close(): Promise<void>;
}

interface LogFileOptions {
  path: string;
  /** Bytes after which the file is put away as a zip archive and begun anew. */
  rotateAt: number;
  /** Told of failures; at most once a minute each. */
  onError: (error: unknown, what: string) => void;
  /** Gives the line that says how many are missing, where more came than could be written. */
  lostLine: (count: number) => string;
}

/** Characters that may wait for the disk. */
const MAX_WAITING = 16 * 1024 * 1024;
const RETRY_MS = 1_000;
const CLOSE_MS = 5_000;
/** Another process may just be writing to a file that has been put away. */
const ARCHIVE_AFTER_MS = 1_000;

/** Opens the file once, so that a path that cannot be written is found at the start. */
export async function openLogFile(options: LogFileOptions): Promise<LogFile> {
  const { path, onError } = options;
  await mkdir(dirname(path), { recursive: true });
  await append(path, '');
  let waiting: string[] = [];
  let size = 0;
  let lost = 0;
  let closing = false;
  let writing: Promise<void> | undefined;
  const archiving = new Set<Promise<void>>();

  /** Writes until nothing waits; a disk that refuses is asked again, for as long as the process lives. */
  async function drain(): Promise<void> {
    while (waiting.length > 0 || lost > 0) {
      const lines = waiting;
      const taken = size;
      const missing = lost;
      waiting = [];
      [size, lost] = [0, 0];
      try {
        const text = lines.map((line) => `${line}\n`).join('') + (missing > 0 ? `${options.lostLine(missing)}\n` : '');
        if ((await append(path, text)) >= options.rotateAt) await putAway();
      } catch (error) {
        waiting = [...lines, ...waiting];
        size += taken;
        lost += missing;
        onError(error, 'the audit log cannot be written');
        if (closing) return;
        await pause(RETRY_MS);
      }
    }
  }

  async function putAway(): Promise<void> {
    // Of several processes one is first; the others find the new file.
    if ((await stat(path)).size < options.rotateAt) return;
    const old = join(dirname(path), archiveName(basename(path)));
    await rename(path, old);
    const work = archive(old, () => closing).catch((error: unknown) =>
      onError(error, 'an old audit log stays as it is'),
    );
    archiving.add(work);
    work.finally(() => archiving.delete(work));
  }

  return {
    write(line) {
      if (size + line.length > MAX_WAITING) {
        lost += 1;
        return;
      }
      waiting.push(line);
      size += line.length;
      writing ??= drain().finally(() => {
        writing = undefined;
      });
    },
    async close() {
      closing = true;
      const rest = (async () => {
        await writing;
        await Promise.all(archiving);
      })();
      await Promise.race([rest, pause(CLOSE_MS)]);
    },
  };
}

/** Opened anew each time: another process may have put the file away. Gives its size afterwards. */
async function append(path: string, text: string): Promise<number> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(text);
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

function archiveName(name: string): string {
  const at = name.lastIndexOf('.');
  const [stem, ending] = at > 0 ? [name.slice(0, at), name.slice(at)] : [name, ''];
  const now = new Date().toISOString().replace('T', '_').replaceAll(':', '-').replace('Z', '').replace('.', '_');
  return `${stem}.${now}_${process.pid}${ending}`;
}

/** Makes `<old>.zip` of a file, complete or not at all. */
async function archive(old: string, hurry: () => boolean): Promise<void> {
  if (!hurry()) await pause(ARCHIVE_AFTER_MS);
  const { ZipFile } = await import('yazl');
  const zip = new ZipFile();
  zip.addFile(old, basename(old));
  zip.end();
  const half = `${old}.zip.part`;
  try {
    await pipeline(zip.outputStream, createWriteStream(half, { mode: 0o600 }));
    await rename(half, `${old}.zip`);
    await rm(old);
  } catch (error) {
    await rm(half, { force: true });
    throw error;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
