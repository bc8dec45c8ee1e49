import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** Parts of schemas one document may take when its references are written out; a document may lie about its size. */
const MOST_NODES = 200_000;
const DEEPEST = 48;
const LISTS = ['oneOf', 'anyOf', 'allOf', 'prefixItems'] as const;
const SINGLE = ['items', 'additionalProperties', 'not'] as const;

/** Writes references of a document out; what refers to itself becomes `{}`. */
export interface Resolver {
  (schema: unknown): JsonObject;
  /** What a reference itself stands for, nothing inside it written out. */
  target(value: unknown): JsonObject;
}

export function createResolver(document: JsonObject): Resolver {
  let nodes = 0;

  function lookUp(reference: string): unknown {
    if (!reference.startsWith('#/')) return null;
    let found: unknown = document;
    for (const part of reference.slice(2).split('/')) {
      const key = decodePart(part);
      found =
        (isObject(found) || Array.isArray(found)) && Object.hasOwn(found, key) ? (found as JsonObject)[key] : null;
    }
    return found;
  }

  function resolve(schema: unknown, above: readonly string[], depth: number): JsonObject {
    nodes += 1;
    if (!isObject(schema) || depth > DEEPEST || nodes > MOST_NODES) return {};
    const { $ref: reference, ...rest } = schema;
    if (typeof reference === 'string') {
      if (above.includes(reference)) return {};
      const referred = resolve(lookUp(reference), [...above, reference], depth + 1);
      return Object.keys(rest).length > 0 ? { ...referred, ...inside(rest, above, depth) } : referred;
    }
    return inside(rest, above, depth);
  }

  function inside(schema: JsonObject, above: readonly string[], depth: number): JsonObject {
    const resolved: JsonObject = { ...schema };
    const one = (value: unknown) => resolve(value, above, depth + 1);
    if (isObject(schema.properties)) {
      resolved.properties = Object.fromEntries(
        Object.entries(schema.properties).map(([name, value]) => [name, one(value)]),
      );
    }
    for (const key of SINGLE) if (isObject(schema[key])) resolved[key] = one(schema[key]);
    for (const key of LISTS) {
      const list = schema[key];
      if (Array.isArray(list)) resolved[key] = list.map(one);
    }
    return resolved;
  }

  function target(value: unknown, hops = 0): JsonObject {
    if (!isObject(value)) return {};
    return typeof value.$ref === 'string' && hops < DEEPEST ? target(lookUp(value.$ref), hops + 1) : value;
  }
  return Object.assign((schema: unknown) => resolve(schema, [], 0), { target: (value: unknown) => target(value) });
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

/** A schema as providers take it: no null among its kinds, no default of null, never without a kind (plugins note, 2.4). */
export function cleanSchema(schema: JsonObject, depth = 0): JsonObject {
  if (depth > DEEPEST) return { type: 'string' };
  let cleaned: JsonObject = { ...schema };
  if (Array.isArray(cleaned.anyOf)) {
    const kinds = cleaned.anyOf.filter((one) => isObject(one) && one.type !== 'null');
    const { anyOf: _, ...rest } = cleaned;
    const [only] = kinds;
    cleaned = kinds.length === 1 && isObject(only) ? { ...rest, ...only } : { ...rest, anyOf: kinds };
  }
  if (cleaned.default === null) delete cleaned.default;
  if (isObject(cleaned.properties)) {
    cleaned.properties = Object.fromEntries(
      Object.entries(cleaned.properties).map(([name, one]) => [name, isObject(one) ? cleanSchema(one, depth + 1) : {}]),
    );
  }
  if (isObject(cleaned.items)) cleaned.items = cleanSchema(cleaned.items, depth + 1);
  if (!cleaned.type && !cleaned.anyOf && !cleaned.properties) cleaned.type = 'string';
  return cleaned;
}
