import { isObject, type JsonObject } from '../../kernel/json.ts';
import { invalid } from './errors.ts';
import { bareName } from './filter.ts';

export interface Operation {
  op: string;
  path: string | null;
  value?: unknown;
}

/** What the operations ask for; absent members stay as they are. */
export interface UserPatch {
  active?: boolean;
  email?: string;
  /** The whole name. */
  name?: string;
  givenName?: string;
  familyName?: string;
  externalId?: string | null;
  /** Where the picture is. */
  photo?: string;
}

/** Reads all operations before anything is written (identity note, 17.4). Throws 400 for the first that is not supported. */
export function readUserPatch(operations: readonly Operation[]): UserPatch {
  const patch: UserPatch = {};
  for (const operation of operations) {
    const op = operation.op.toLowerCase();
    if (op === 'remove') remove(patch, operation.path);
    else if (op !== 'add' && op !== 'replace')
      throw invalid(`Unsupported PATCH operation: ${operation.op}`, 'invalidSyntax');
    else if (operation.path) set(patch, operation.path, operation.value);
    else setAll(patch, operation.value);
  }
  return patch;
}

function remove(patch: UserPatch, path: string | null): void {
  if (!path) throw invalid('Remove requires a path', 'noTarget');
  if (bareName(path).toLowerCase() !== 'externalid') throw invalid(`Removing ${path} is not supported`, 'mutability');
  patch.externalId = null;
}

/** Members of a pathless operation that providers send along and nobody can change. */
const FIXED = new Set(['id', 'schemas', 'meta']);

function setAll(patch: UserPatch, value: unknown): void {
  if (!isObject(value)) throw invalid('A pathless operation requires an attribute object');
  for (const [path, one] of Object.entries(value)) {
    if (!FIXED.has(path.toLowerCase())) set(patch, path, one);
  }
}

const PHOTO = /^photos(?:\[[^\]]*\])?\.value$/;
const EMAIL = /^emails(?:\[[^\]]*\])?\.value$/;

function set(patch: UserPatch, path: string, value: unknown): void {
  const name = bareName(path).toLowerCase();
  if (name === 'active') patch.active = readBoolean(value);
  else if (name === 'username' || EMAIL.test(name)) patch.email = readText(path, value);
  else if (name === 'emails') patch.email = primaryValue(path, value);
  else if (name === 'photos') patch.photo = primaryValue(path, value);
  else if (PHOTO.test(name)) patch.photo = readText(path, value);
  else if (name === 'displayname' || name === 'name.formatted') patch.name = readText(path, value);
  else if (name === 'name.givenname') patch.givenName = readText(path, value);
  else if (name === 'name.familyname') patch.familyName = readText(path, value);
  else if (name === 'name') setName(patch, value);
  else if (name === 'externalid') {
    if (value !== null && typeof value !== 'string') throw invalid('externalId must be a string or null');
    patch.externalId = value;
  } else throw invalid(`Unsupported PATCH path: ${path}`, 'invalidPath');
}

function setName(patch: UserPatch, value: unknown): void {
  if (!isObject(value)) throw invalid('name must be an object');
  for (const part of ['formatted', 'givenName', 'familyName']) {
    const text = value[part];
    if (text !== undefined && text !== null) set(patch, `name.${part}`, text);
  }
}

/** Some providers send booleans as text. */
function readBoolean(value: unknown): boolean {
  const given = typeof value === 'string' ? value.toLowerCase() : value;
  if (given === true || given === 'true') return true;
  if (given === false || given === 'false') return false;
  throw invalid('active must be a boolean');
}

function readText(path: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`${path} must be a string`);
  return value;
}

function primaryValue(path: string, value: unknown): string {
  const list: JsonObject[] = (Array.isArray(value) ? value : [value]).filter(isObject);
  const chosen = list.find(({ primary }) => primary === true) ?? list[0];
  return readText(path, chosen?.value);
}

/** A name in the two parts that clients of the protocol see. */
export function nameParts(name: string): { givenName: string; familyName: string } {
  const blank = name.indexOf(' ');
  if (blank < 0) return { givenName: name, familyName: '' };
  return { givenName: name.slice(0, blank), familyName: name.slice(blank + 1) };
}

/** The name the patch leads to; undefined where it says nothing of it. */
export function patchedName(stored: string, { name, givenName, familyName }: UserPatch): string | undefined {
  if (name !== undefined || (givenName === undefined && familyName === undefined)) return name;
  const parts = nameParts(stored);
  return [givenName ?? parts.givenName, familyName ?? parts.familyName].filter((part) => part !== '').join(' ');
}
