import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';

export interface SecretKey {
  /** Signs; without blanks at its ends. */
  key: string;
  /** Every form older tokens and stored secrets may have been made with, the signing one first. */
  forms: readonly string[];
  /** File it was read from or made in; null when a variable gave it. */
  file: string | null;
}

interface Place {
  dataDir: string;
  /** Value of WEBUI_SECRET_KEY_FILE. */
  name: string;
  /** Random bytes of a new key. */
  length: number;
  workingDir: string;
}

/**
 * The key of `WEBUI_SECRET_KEY` (or its older name), else of the first key file found, else a new file in the data folder
 * (configuration note, 16 and 21). Throws when the file can be neither read nor made.
 */
export function secretKey(given: string | undefined, place: Place): SecretKey {
  if (given !== undefined && given !== '') return { key: given, forms: [given], file: null };
  for (const file of candidates(place)) {
    const text = readIfThere(file);
    if (text?.trim()) return fromFile(text, file);
  }
  return make(place);
}

function own(place: Place): string {
  return isAbsolute(place.name) ? place.name : join(place.dataDir, basename(place.name));
}

/** The reference keeps the file in its working folder, beside the data folder in its container image. */
function candidates(place: Place): string[] {
  if (isAbsolute(place.name)) return [place.name];
  return [resolve(place.workingDir, place.name), own(place), join(dirname(place.dataDir), basename(place.name))];
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Old tokens were signed with the whole text of the file, its line end included. */
function fromFile(text: string, file: string): SecretKey {
  const key = text.trim();
  return { key, forms: key === text ? [key] : [key, text], file };
}

/** Written beside and linked into place, so that processes starting together agree on one key. */
function make(place: Place): SecretKey {
  const file = own(place);
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, randomBytes(place.length).toString('base64'), { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return fromFile(readFileSync(file, 'utf8'), file);
}
