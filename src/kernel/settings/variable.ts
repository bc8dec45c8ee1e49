/** What a variable's text means; the documentation shows it. */
export type VariableType =
  | 'boolean'
  | 'integer'
  | 'number'
  | 'text'
  | 'path'
  | 'URL'
  | 'pattern'
  | 'list'
  | 'semicolon list'
  | 'JSON'
  | 'JSON text'
  | 'boolean or path'
  | 'boolean or "members"'
  | 'rate';

/** Value of a variable that is not set: a constant, another variable's value, or a path inside the data folder. */
export type Fallback<T> = { value: T } | { from: string } | { inDataDir: string } | { computed: string };

export interface Variable<T> {
  type: VariableType;
  fallback: Fallback<T>;
  /** One line for the documentation. */
  effect: string;
  /** Persistent key whose first value this variable gives. */
  key: string | null;
  /** Older names, looked at in this order when the variable is not set. */
  aliases: readonly string[];
  /** Dotted place in the default permission tree. */
  permission: string | null;
  /** Value of the empty text; undefined: as if not set. */
  empty: { value: T } | null;
  /** Value of a text that cannot be read, where the reference documents one; null: the start is refused. */
  invalid: { value: T } | null;
  /** Reads a text; throws an Error that says what is expected. */
  read: (text: string) => T;
}

/** What the declarations of one variable may add to its default and effect. */
export interface VariableOptions<T> {
  key?: string;
  aliases?: readonly string[];
  empty?: T;
  invalid?: T;
  /** Smallest accepted number. */
  min?: number;
  /** Brings a number that was read into the documented range. */
  adjust?: (value: number) => T;
}

type Given<T> = T | Fallback<T>;

function fallbackOf<T>(given: Given<T>): Fallback<T> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    const keys = Object.keys(given);
    const [key = ''] = keys;
    if (keys.length === 1 && ['from', 'inDataDir', 'computed', 'value'].includes(key)) return given as Fallback<T>;
  }
  return { value: given as T };
}

function declare<T>(
  type: VariableType,
  given: Given<T>,
  effect: string,
  read: (text: string) => T,
  options: VariableOptions<T>,
): Variable<T> {
  return {
    type,
    fallback: fallbackOf(given),
    effect,
    key: options.key ?? null,
    aliases: options.aliases ?? [],
    permission: null,
    empty: options.empty === undefined ? null : { value: options.empty },
    invalid: options.invalid === undefined ? null : { value: options.invalid },
    read,
  };
}

/** `true` in any case is true, every other text is false, the empty one too (configuration note, conventions). */
export function bool(given: Given<boolean>, effect: string, options: VariableOptions<boolean> = {}): Variable<boolean> {
  return declare('boolean', given, effect, isTrue, { empty: false, ...options });
}

export function isTrue(text: string): boolean {
  return text.trim().toLowerCase() === 'true';
}

function readNumber(text: string, whole: boolean, min: number | undefined): number {
  const trimmed = text.trim().replaceAll('_', '');
  const pattern = whole ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  if (!pattern.test(trimmed)) throw new Error(whole ? 'expected a whole number' : 'expected a number');
  const value = Number(trimmed);
  if (!Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) throw new Error('the number is too large');
  if (min !== undefined && value < min) throw new Error(`expected at least ${min}`);
  return value;
}

function numeric<T extends number | null>(
  type: 'integer' | 'number',
  given: Given<T>,
  effect: string,
  options: VariableOptions<T>,
): Variable<T> {
  const { adjust, min } = options;
  const read = (text: string): T => {
    const value = readNumber(text, type === 'integer', min);
    return adjust ? adjust(value) : (value as T);
  };
  return declare(type, given, effect, read, options);
}

export function int(given: Given<number>, effect: string, options: VariableOptions<number> = {}): Variable<number> {
  return numeric('integer', given, effect, options);
}

export function optionalInt(
  given: Given<number | null>,
  effect: string,
  options: VariableOptions<number | null> = {},
): Variable<number | null> {
  return numeric('integer', given, effect, options);
}

export function float(given: Given<number>, effect: string, options: VariableOptions<number> = {}): Variable<number> {
  return numeric('number', given, effect, options);
}

export function optionalFloat(
  given: Given<number | null>,
  effect: string,
  options: VariableOptions<number | null> = {},
): Variable<number | null> {
  return numeric('number', given, effect, options);
}

/** Any text; the empty text stays empty. */
export function text(given: Given<string>, effect: string, options: VariableOptions<string> = {}): Variable<string> {
  return declare('text', given, effect, (value) => value, { empty: '', ...options });
}

/** A text without a default; the empty text counts as not set. */
export function optionalText(effect: string, options: VariableOptions<string | null> = {}): Variable<string | null> {
  return declare<string | null>('text', null, effect, (value) => value, options);
}

export function url(given: Given<string>, effect: string, options: VariableOptions<string> = {}): Variable<string> {
  return { ...text(given, effect, options), type: 'URL' };
}

export function optionalUrl(effect: string, options: VariableOptions<string | null> = {}): Variable<string | null> {
  return { ...optionalText(effect, options), type: 'URL' };
}

/** A path; empty counts as not set. */
export function path(given: Given<string>, effect: string, options: VariableOptions<string> = {}): Variable<string> {
  return declare('path', given, effect, (value) => value, options);
}

export function optionalPath(effect: string, options: VariableOptions<string | null> = {}): Variable<string | null> {
  return { ...optionalText(effect, options), type: 'path' };
}

/** Items between commas, trimmed, empty ones dropped. */
export function csv(
  given: Given<readonly string[]>,
  effect: string,
  options: VariableOptions<readonly string[]> = {},
): Variable<readonly string[]> {
  return declare('list', given, effect, splitList, { empty: [], ...options });
}

export function optionalCsv(
  effect: string,
  options: VariableOptions<readonly string[] | null> = {},
): Variable<readonly string[] | null> {
  return declare<readonly string[] | null>('list', null, effect, splitList, options);
}

export function splitList(value: string, separator = ','): string[] {
  return value
    .split(separator)
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Items between semicolons, trimmed; empty ones are kept, for lists that are paired by position. */
export function semicolons(
  given: Given<readonly string[]>,
  effect: string,
  options: VariableOptions<readonly string[]> = {},
): Variable<readonly string[]> {
  return declare('semicolon list', given, effect, (value) => value.split(';').map((item) => item.trim()), options);
}

/** Words as a shell would split them at blanks; quotes keep blanks. */
export function args(
  given: Given<readonly string[]>,
  effect: string,
  options: VariableOptions<readonly string[]> = {},
): Variable<readonly string[]> {
  const split = (value: string) =>
    (value.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? []).map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
  return declare('list', given, effect, split, { empty: [], ...options });
}

/** JSON whose kind is that of the default; `null` as default takes any object. */
export function jsonObject(
  given: Given<Readonly<Record<string, unknown>>>,
  effect: string,
  options: VariableOptions<Readonly<Record<string, unknown>>> = {},
): Variable<Readonly<Record<string, unknown>>> {
  return declare('JSON', { value: given as Record<string, unknown> }, effect, readObject, options);
}

export function optionalJsonObject(
  effect: string,
  options: VariableOptions<Readonly<Record<string, unknown>> | null> = {},
): Variable<Readonly<Record<string, unknown>> | null> {
  return declare<Readonly<Record<string, unknown>> | null>('JSON', { value: null }, effect, readObject, options);
}

export function jsonList(
  given: readonly unknown[],
  effect: string,
  options: VariableOptions<readonly unknown[]> = {},
): Variable<readonly unknown[]> {
  return declare<readonly unknown[]>('JSON', { value: given }, effect, readArray, options);
}

export function optionalJsonList(
  effect: string,
  options: VariableOptions<readonly unknown[] | null> = {},
): Variable<readonly unknown[] | null> {
  return declare<readonly unknown[] | null>('JSON', { value: null }, effect, readArray, options);
}

/** JSON that stays text. */
export function jsonText(given: Given<string>, effect: string, options: VariableOptions<string> = {}) {
  return { ...text(given, effect, options), type: 'JSON text' } satisfies Variable<string>;
}

function readObject(value: string): Record<string, unknown> {
  const parsed = parseJson(value);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('expected a JSON object');
  return parsed as Record<string, unknown>;
}

function readArray(value: string): unknown[] {
  const parsed = parseJson(value);
  if (!Array.isArray(parsed)) throw new Error('expected a JSON list');
  return parsed;
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new Error('expected JSON');
  }
}

/** A regular expression. */
export function pattern(given: string, effect: string, options: VariableOptions<RegExp> = {}): Variable<RegExp> {
  return declare('pattern', { value: new RegExp(given, 'u') }, effect, readPattern, options);
}

function readPattern(value: string): RegExp {
  try {
    return new RegExp(value, 'u');
  } catch {
    throw new Error('expected a regular expression');
  }
}

/** `true`, `false`, or the path of a certificate bundle. */
export function boolOrPath(
  given: Given<boolean | string>,
  effect: string,
  options: VariableOptions<boolean | string> = {},
): Variable<boolean | string> {
  const read = (value: string) =>
    isTrue(value) ? true : value.trim().toLowerCase() === 'false' ? false : value.trim();
  return declare('boolean or path', given, effect, read, options);
}

export type Sharing = boolean | 'members';

/** `true`, `members`, anything else false. */
export function boolOrMembers(
  given: Given<Sharing>,
  effect: string,
  options: VariableOptions<Sharing> = {},
): Variable<Sharing> {
  const read = (value: string): Sharing => (value.trim().toLowerCase() === 'members' ? 'members' : isTrue(value));
  return declare('boolean or "members"', given, effect, read, { empty: false, ...options });
}

/** One leaf of the default permission tree. */
export function permission(place: string, given: boolean): Variable<boolean> {
  const effect = `Whether users may by default: ${place}.`;
  return { ...bool(given, effect, { key: 'user.permissions' }), permission: place };
}

/** So many in so many seconds. */
export interface Rate {
  limit: number;
  /** Seconds: whole minutes, an hour at most. */
  window: number;
}

/** `60/1m`, `500/30m`, `1000/1h`; nothing: no limit. */
export function rate(effect: string): Variable<Rate | null> {
  return declare<Rate | null>('rate', { value: null }, effect, readRate, { empty: null });
}

function readRate(given: string): Rate {
  const [, count, length, unit] = /^\s*(\d{1,9})\s*\/\s*(\d{0,3})\s*([mh])\s*$/i.exec(given) ?? [];
  const minutes = Number(length || 1) * (unit?.toLowerCase() === 'h' ? 60 : 1);
  if (count === undefined || Number(count) < 1 || !(minutes >= 1 && minutes <= 60)) {
    throw new Error('expected a rate such as 60/1m, of 1h at most');
  }
  return { limit: Number(count), window: minutes * 60 };
}
