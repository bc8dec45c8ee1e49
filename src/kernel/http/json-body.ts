import { HttpError, ValidationError } from './errors.ts';

const JSON_TYPE = /^application\/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)/i;

/** A body as validation sees it: parsed JSON, text of another content type, or nothing. */
export type ParsedBody = { kind: 'json'; value: unknown } | { kind: 'text'; text: string } | { kind: 'none' };

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Parses a request body by its content type (configuration note, 20.1 and 20.3). 422 with the position on broken JSON. */
export function parseBody(contentType: string | undefined, raw: Buffer | undefined): ParsedBody {
  // A form where an object is wanted is left unread.
  if (!raw && /^multipart\//i.test(contentType ?? '')) return { kind: 'text', text: '' };
  if (!raw || raw.length === 0) return { kind: 'none' };
  if (!contentType || !JSON_TYPE.test(contentType)) return { kind: 'text', text: raw.toString('utf8') };
  let text: string;
  try {
    text = decoder.decode(raw);
  } catch (cause) {
    throw new HttpError(400, 'There was an error parsing the body', { cause });
  }
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    const { position, error } = locateJsonError(text);
    throw new ValidationError([
      { type: 'json_invalid', loc: ['body', position], msg: 'JSON decode error', input: {}, ctx: { error } },
    ]);
  }
}

interface JsonProblem {
  /** Counted in characters (code points). */
  position: number;
  error: string;
}

class Problem extends Error {
  readonly index: number;
  constructor(index: number, message: string) {
    super(message);
    this.index = index;
  }
}

/** Where and why a strict parser stops in broken JSON. */
export function locateJsonError(text: string): JsonProblem {
  try {
    const end = skipBlanks(text, value(text, skipBlanks(text, 0), 0));
    if (end < text.length) throw new Problem(end, 'Extra data');
  } catch (problem) {
    if (problem instanceof Problem) {
      return { position: [...text.slice(0, problem.index)].length, error: problem.message };
    }
    throw problem;
  }
  return { position: 0, error: 'Expecting value' };
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++;
  return at;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const MAX_DEPTH = 5_000;

function value(text: string, at: number, depth: number): number {
  if (depth > MAX_DEPTH) throw new Problem(at, 'Nesting too deep');
  const first = text.charAt(at);
  if (first === '"') return string(text, at);
  if (first === '{') return object(text, at, depth);
  if (first === '[') return array(text, at, depth);
  for (const pattern of [NUMBER, WORD]) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return at + match[0].length;
  }
  throw new Problem(at, 'Expecting value');
}

const HEX = /^[0-9a-fA-F]{4}$/;

function string(text: string, open: number): number {
  let at = open + 1;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '"') return at + 1;
    if (char === '\\') {
      const next = text.charAt(at + 1);
      if (next === '') break;
      if (next === 'u') {
        if (!HEX.test(text.slice(at + 2, at + 6))) throw new Problem(at, 'Invalid \\uXXXX escape');
        at += 6;
        continue;
      }
      if (!'"\\/bfnrt'.includes(next)) throw new Problem(at, 'Invalid \\escape');
      at += 2;
      continue;
    }
    if (char < ' ') throw new Problem(at, 'Invalid control character at');
    at++;
  }
  throw new Problem(open, 'Unterminated string starting at');
}

function object(text: string, open: number, depth: number): number {
  let at = skipBlanks(text, open + 1);
  if (text.charAt(at) === '}') return at + 1;
  for (;;) {
    if (text.charAt(at) !== '"') throw new Problem(at, 'Expecting property name enclosed in double quotes');
    at = skipBlanks(text, string(text, at));
    if (text.charAt(at) !== ':') throw new Problem(at, "Expecting ':' delimiter");
    at = skipBlanks(text, value(text, skipBlanks(text, at + 1), depth + 1));
    if (text.charAt(at) === '}') return at + 1;
    if (text.charAt(at) !== ',') throw new Problem(at, "Expecting ',' delimiter");
    at = skipBlanks(text, at + 1);
  }
}

function array(text: string, open: number, depth: number): number {
  let at = skipBlanks(text, open + 1);
  if (text.charAt(at) === ']') return at + 1;
  for (;;) {
    at = skipBlanks(text, value(text, at, depth + 1));
    if (text.charAt(at) === ']') return at + 1;
    if (text.charAt(at) !== ',') throw new Problem(at, "Expecting ',' delimiter");
    at = skipBlanks(text, at + 1);
  }
}
