import { isObject } from '../json.ts';
import type { Sharing } from './variable.ts';
import type { SettingName } from './variables/index.ts';

/** JSON kind of a persistent setting. */
export type ConfigType =
  | 'boolean'
  | 'text'
  | 'text or null'
  | 'integer'
  | 'integer or null'
  | 'number'
  | 'text or integer'
  | 'boolean or "members"'
  | 'object'
  | 'object or null'
  | 'list of texts'
  | 'list of texts or null'
  | 'list of objects'
  | 'list of objects or null';

export interface ConfigKeyDefinition<T> {
  type: ConfigType;
  /** Variable that gives the first value. */
  variable: SettingName | null;
  /** Value when no variable gives one. */
  fallback: T;
  /** False: the key exists only once somebody stored it. */
  seeded: boolean;
  /** Reads a stored value loosely; undefined: it cannot be meant. */
  read: (value: unknown) => T | undefined;
}

export type JsonObject = Readonly<Record<string, unknown>>;
type Source = SettingName | null;

function define<T>(type: ConfigType, variable: Source, fallback: T, read: ConfigKeyDefinition<T>['read']) {
  return { type, variable, fallback, seeded: true, read } satisfies ConfigKeyDefinition<T>;
}

/** Null stays null, everything else is read by `read`. */
function nullable<T>(read: (value: unknown) => T | undefined): (value: unknown) => T | null | undefined {
  return (value) => (value === null ? null : read(value));
}

export function bool(variable: Source) {
  return define<boolean>('boolean', variable, false, readBool);
}

function readBool(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value !== 'string') return undefined;
  const word = value.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' || word === '' ? false : undefined;
}

export function text(variable: Source) {
  return define<string>('text', variable, '', (value) => (value === null ? '' : readText(value)));
}

function readText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

export function optionalText(variable: Source) {
  return define<string | null>('text or null', variable, null, nullable(readText));
}

function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function readInt(value: unknown): number | undefined {
  const number = readNumber(value);
  return number === undefined ? undefined : Math.trunc(number);
}

export function int(variable: Source) {
  return define<number>('integer', variable, 0, readInt);
}

/** The admin pages store an emptied field as the empty text. */
export function optionalInt(variable: Source) {
  return define<number | null>('integer or null', variable, null, (value) =>
    value === null || value === '' ? null : readInt(value),
  );
}

export function float(variable: Source) {
  return define<number>('number', variable, 0, readNumber);
}

/** Limits of which the empty text means none. */
export function textOrInt(variable: Source) {
  return define<string | number>('text or integer', variable, '', (value) =>
    typeof value === 'number' ? value : value === null ? '' : readText(value),
  );
}

export function boolOrMembers(variable: Source) {
  return define<Sharing>('boolean or "members"', variable, false, (value) =>
    value === 'members' ? 'members' : readBool(value),
  );
}

function readObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

export function object(variable: Source) {
  return define<JsonObject>('object', variable, {}, readObject);
}

export function optionalObject(variable: Source) {
  return define<JsonObject | null>('object or null', variable, null, nullable(readObject));
}

function readTexts(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.filter((item) => readText(item) !== undefined).map(String);
}

export function texts(variable: Source) {
  return define<readonly string[]>('list of texts', variable, [], readTexts);
}

export function optionalTexts(variable: Source) {
  return define<readonly string[] | null>('list of texts or null', variable, null, nullable(readTexts));
}

/** Items that are no objects are left out. */
function readObjects(value: unknown): readonly JsonObject[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.filter((item): item is JsonObject => readObject(item) !== undefined);
}

export function objects(variable: Source) {
  return define<readonly JsonObject[]>('list of objects', variable, [], readObjects);
}

export function optionalObjects(variable: Source) {
  return define<readonly JsonObject[] | null>('list of objects or null', variable, null, nullable(readObjects));
}

/** A key that exists only once somebody stored it. */
export function unseeded<T>(definition: ConfigKeyDefinition<T>): ConfigKeyDefinition<T> {
  return { ...definition, seeded: false };
}
