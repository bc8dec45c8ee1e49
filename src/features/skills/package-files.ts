import { HttpError } from '../../kernel/http/errors.ts';
import { isObject } from '../../kernel/json.ts';

/** A file of a skill; binary content as base64. */
export interface SkillFile {
  path: string;
  content: string;
  encoding?: 'base64';
}

export const MAIN = 'SKILL.md';
const MAX_FILES = 1_000;
const MAX_FILE_BYTES = 10 * 1024 * 1024;
const MAX_BYTES = 50 * 1024 * 1024;

function bad(text: string): HttpError {
  return new HttpError(400, text);
}

/** Relative POSIX paths only. */
export function checkPath(path: string): string {
  const parts = path.split('/');
  if (/[\\:\0]/.test(path) || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw bad(`Invalid file path: ${path}`);
  }
  return path;
}

export function bytesOf({ content, encoding }: SkillFile): Buffer {
  return encoding === 'base64' ? Buffer.from(content, 'base64') : Buffer.from(content, 'utf8');
}

/** Files as they are kept: checked, sorted, text as text (plugins note, 7.1). 400 with what is wrong. */
export function checkFiles(files: readonly SkillFile[]): SkillFile[] {
  if (files.length > MAX_FILES) throw bad('A skill cannot have more than 1000 files');
  const paths = new Set<string>();
  let total = 0;
  for (const file of files) {
    if (paths.has(checkPath(file.path))) throw bad(`Duplicate file path: ${file.path}`);
    paths.add(file.path);
    const { length } = bytesOf(file);
    if (length > MAX_FILE_BYTES) throw bad(`File is too large: ${file.path}`);
    total += length;
  }
  if (total > MAX_BYTES) throw bad('The skill is too large');
  for (const path of paths) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      if (paths.has(parts.slice(0, depth).join('/'))) throw bad(`A file cannot be a directory: ${path}`);
    }
  }
  const main = files.find((file) => file.path === MAIN);
  if (!main || main.encoding === 'base64') throw bad('SKILL.md is required');
  return [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The files a stored `data` holds; an old row without any has its content as SKILL.md. */
export function filesOf(data: unknown, content: string): SkillFile[] {
  const list = isObject(data) && Array.isArray(data.files) ? data.files : [];
  const files = list.flatMap((file): SkillFile[] => {
    if (!isObject(file) || typeof file.path !== 'string' || typeof file.content !== 'string') return [];
    return [{ path: file.path, content: file.content, ...(file.encoding === 'base64' && { encoding: 'base64' }) }];
  });
  return files.some((file) => file.path === MAIN) ? files : [{ path: MAIN, content }, ...files];
}

/** The files with another SKILL.md. */
export function withMain(files: readonly SkillFile[], content: string): SkillFile[] {
  return [{ path: MAIN, content }, ...files.filter((file) => file.path !== MAIN)];
}

export interface FileOperation {
  op: 'put' | 'move' | 'delete';
  path: string;
  content?: string | null;
  encoding?: 'base64' | null;
  destination?: string | null;
}

/** Puts, moves and deletes files or whole directories, in order. SKILL.md stays where it is. */
export function applyOperations(files: readonly SkillFile[], operations: readonly FileOperation[]): SkillFile[] {
  let result = [...files];
  for (const operation of operations) {
    const path = checkPath(operation.path);
    const within = (file: SkillFile) => file.path === path || file.path.startsWith(`${path}/`);
    if (operation.op === 'put') {
      const file = { path, content: operation.content ?? '' };
      result = [
        ...result.filter((one) => one.path !== path),
        operation.encoding === 'base64' ? { ...file, encoding: 'base64' } : file,
      ];
      continue;
    }
    if (path === MAIN) throw bad('SKILL.md cannot be moved or deleted');
    if (!result.some(within)) throw bad(`File not found: ${path}`);
    if (operation.op === 'delete') {
      result = result.filter((file) => !within(file));
      continue;
    }
    const destination = checkPath(operation.destination ?? '');
    const moved = result.filter(within).map((file) => ({ ...file, path: destination + file.path.slice(path.length) }));
    const rest = result.filter((file) => !within(file));
    if (moved.some((file) => rest.some((other) => other.path === file.path))) {
      throw bad(`File already exists: ${destination}`);
    }
    result = [...rest, ...moved];
  }
  return result;
}
