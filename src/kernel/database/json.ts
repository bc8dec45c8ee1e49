import type { Json } from './columns.ts';

/** A value as a JSON column takes it: compact, without NUL and lone surrogates (PostgreSQL stores neither). */
export function json(value: unknown): Json {
  const text = JSON.stringify(value ?? null);
  return (mayNeedCleaning(text) ? JSON.stringify(cleanJson(JSON.parse(text))) : text) as Json;
}

/** Marks a text that is clean JSON already. */
export function jsonFromText(text: string): Json {
  return text as Json;
}

/** What a JSON column holds. Text that is no JSON is given as it is: earlier releases may have written anything. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Whether JSON text can hold a NUL or a lone surrogate; in well-formed text those always are escapes. */
export function mayNeedCleaning(text: string): boolean {
  return UNCLEAN.test(text);
}

const UNCLEAN = /\\u(?:0000|[dD])/;

/** A copy of a JSON value without U+0000 and unpaired surrogates, in keys too. */
export function cleanJson(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanJson);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    Object.defineProperty(result, cleanText(key), {
      value: cleanJson(member),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return result;
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A text without U+0000 and unpaired surrogates. */
export function cleanText(text: string): string {
  const whole = text.isWellFormed() ? text : text.replace(LONE_SURROGATE, '');
  return whole.includes('\0') ? whole.replaceAll('\0', '') : whole;
}
