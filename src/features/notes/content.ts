import { isObject, type JsonObject } from '../../kernel/json.ts';

/** Characters of the text that lists carry. */
export const PREVIEW = 1_000;

/**
 * `data` of a note as clients rely on it: an object whose `content.md` is a text. Older releases and API clients wrote
 * other things there (realtime note, 3.1).
 */
export function cleanData(data: unknown): JsonObject {
  if (data === null || data === undefined) return {};
  if (!isObject(data)) return { content: { md: textOf(data) } };
  const { content } = data;
  if (!isObject(content) || !Object.hasOwn(content, 'md') || typeof content.md === 'string') return data;
  return { ...data, content: { ...content, md: textOf(content.md) } };
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
  return String(value);
}

/** The words of a search, compared without hyphens and blanks. */
export function searchWords(query: string): string[] {
  return query
    .split(/\s+/)
    .map((word) => word.replaceAll('-', ''))
    .filter((word) => word !== '');
}

/** Ids of files a note refers to. */
export function fileIds(data: unknown): string[] {
  const files = isObject(data) ? data.files : null;
  if (!Array.isArray(files)) return [];
  return files.flatMap((file) => (isObject(file) && typeof file.id === 'string' ? [file.id] : []));
}
