import { isObject, type JsonObject } from '../../kernel/json.ts';
import { bareName } from './filter.ts';

/** Which attributes a client wants to see (RFC 7644, 3.9): lists of names, with commas. */
export interface Selection {
  attributes: string | null;
  excludedAttributes: string | null;
}

/** What a list asks for. */
export interface Listing extends Selection {
  startIndex: number;
  count: number;
  filter: string | null;
}

/** The same asked for with POST, where lists are lists. */
export function listingOf({
  attributes,
  excludedAttributes,
  ...page
}: Omit<Listing, keyof Selection> & { attributes: string[] | null; excludedAttributes: string[] | null }): Listing {
  return {
    ...page,
    attributes: attributes?.join(',') ?? null,
    excludedAttributes: excludedAttributes?.join(',') ?? null,
  };
}

const ALWAYS = new Set(['schemas', 'id']);

/** The resource with what is wanted of it. */
export function select(resource: JsonObject, { attributes, excludedAttributes }: Selection): JsonObject {
  const wanted = namesOf(attributes);
  if (wanted.size > 0) return keep(resource, wanted);
  const unwanted = namesOf(excludedAttributes);
  return unwanted.size > 0 ? drop(resource, unwanted) : resource;
}

/** Whether reading an attribute at all can be saved. */
export function isWanted(name: string, { attributes, excludedAttributes }: Selection): boolean {
  const wanted = namesOf(attributes);
  if (wanted.size === 0) return namesOf(excludedAttributes).get(name) !== null;
  return wanted.has(name);
}

/** Names in lower case, each with those of its parts that are meant; null: all of it. */
function namesOf(list: string | null): Map<string, Set<string> | null> {
  const found = new Map<string, Set<string> | null>();
  for (const one of (list ?? '').split(',')) {
    const [name = '', part] = bareName(one.trim()).toLowerCase().split('.');
    if (name === '') continue;
    const known = found.get(name);
    if (part === undefined || known === null) found.set(name, null);
    else found.set(name, (known ?? new Set()).add(part));
  }
  return found;
}

function keep(resource: JsonObject, wanted: ReadonlyMap<string, ReadonlySet<string> | null>): JsonObject {
  return pick(resource, (name, value) => {
    const parts = wanted.get(name);
    if (ALWAYS.has(name) || parts === null) return value;
    if (parts === undefined) return undefined;
    return eachPart(value, (one) => pick(one, (part, inner) => (parts.has(part) ? inner : undefined)));
  });
}

function drop(resource: JsonObject, unwanted: ReadonlyMap<string, ReadonlySet<string> | null>): JsonObject {
  return pick(resource, (name, value) => {
    const parts = unwanted.get(name);
    if (ALWAYS.has(name) || parts === undefined) return value;
    if (parts === null) return undefined;
    return eachPart(value, (one) => pick(one, (part, inner) => (parts.has(part) ? undefined : inner)));
  });
}

/** The members for which `choose`, given the name in lower case, has a value. */
function pick(object: JsonObject, choose: (name: string, value: unknown) => unknown): JsonObject {
  const result: JsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    const chosen = choose(name.toLowerCase(), value);
    if (chosen !== undefined) result[name] = chosen;
  }
  return result;
}

function eachPart(value: unknown, change: (one: JsonObject) => JsonObject): unknown {
  if (Array.isArray(value)) return value.map((one) => (isObject(one) ? change(one) : one));
  return isObject(value) ? change(value) : value;
}
