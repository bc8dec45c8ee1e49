import { open, readFile, stat } from 'node:fs/promises';
import { extensionOf } from './names.ts';

/** Bytes of a file whose text is read in one go; bigger ones are refused rather than held in memory. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;
const HEAD_BYTES = 8_192;

/** Thrown with the text that is shown to the user. */
export class UnreadableError extends Error {}

export interface Source {
  path: string;
  name: string;
  /** Declared media type. */
  type: string;
}

/** Types whose bytes are not the text that people see; reading them takes a loader of their own. */
const MARKED_UP = /^(?:text\/(?:html|xml|rtf)|application\/(?:xhtml\+xml|rtf))$/;
const MARKED_UP_NAMES = new Set(['htm', 'html', 'xhtml', 'xml', 'rtf', 'mht', 'mhtml']);

/**
 * The text of a plain-text file (retrieval note, 2.9 and 4.2); null for a video, of which there is nothing to read.
 * UnreadableError for what is not plain text.
 */
export async function readText({ path, name, type }: Source): Promise<string | null> {
  const plain = looksPlain(await head(path));
  const [kind = ''] = type.split('/');
  if (kind === 'video' && !plain) return null;
  if (!plain || MARKED_UP.test(type) || MARKED_UP_NAMES.has(extensionOf(name))) {
    throw new UnreadableError(`File type ${type} is not supported for processing`);
  }
  if ((await stat(path)).size > MAX_TEXT_BYTES) {
    throw new UnreadableError('The file is too large for its text to be read');
  }
  const text = cleanSource(decode(await readFile(path)));
  return type === 'text/csv' || extensionOf(name) === 'csv' ? tableText(text) : text;
}

async function head(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const SIGNATURES = ['%PDF-', '{\\rtf'];

function looksPlain(bytes: Buffer): boolean {
  if (bytes.length === 0) return false;
  if (startsAsUtf16(bytes)) return true;
  return !bytes.includes(0) && !SIGNATURES.some((start) => bytes.toString('latin1', 0, start.length) === start);
}

function startsAsUtf16(bytes: Buffer): boolean {
  const mark = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  return mark === 0xfeff || mark === 0xfffe;
}

function decode(bytes: Buffer): string {
  if (startsAsUtf16(bytes)) return new TextDecoder(bytes[0] === 0xfe ? 'utf-16be' : 'utf-16le').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // Latin-1 with the letters of Windows.
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

const CONTROLS = /[^\P{Cc}\t\n\f]/gu;

/** Line ends as LF, no control characters, composed letters. */
export function cleanSource(text: string): string {
  return text
    .replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n')
    .replace(CONTROLS, '')
    .replace(/[\ufb00-\ufb06]/g, (ligature) => ligature.normalize('NFKC'))
    .normalize('NFC');
}

/** A table as `name: value` lines, its rows apart by a blank: as search and models read it. */
export function tableText(csv: string): string {
  const [header = [], ...rows] = parseCsv(csv);
  return rows
    .filter((row) => row.length > 0)
    .map((row) => header.map((name, at) => `${name.trim()}: ${(row[at] ?? '').trim()}`).join('\n'))
    .join(' ');
}

/** Rows of comma-separated text; quotes hold commas, line ends and doubled quotes. An empty line is an empty row. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  const cell = /("(?:[^"]|"")*"?|[^,\n]*)(,|\n|$)/y;
  let row: string[] = [];
  while (cell.lastIndex < text.length) {
    const [, value = '', end = ''] = cell.exec(text) ?? [];
    row.push(value.startsWith('"') ? value.slice(1).replace(/"$/, '').replaceAll('""', '"') : value);
    if (end === ',') {
      if (cell.lastIndex < text.length) continue;
      row.push('');
    }
    rows.push(row.length === 1 && row[0] === '' ? [] : row);
    row = [];
  }
  return rows;
}
