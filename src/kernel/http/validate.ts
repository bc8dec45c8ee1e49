import type { ValidationItem } from './errors.ts';
import { ValidationError } from './errors.ts';
import type { TSchema } from './shapes.ts';

/**
 * Checks foreign input against a shape with the coercions and messages API clients know (configuration note, 20.3):
 * numbers from numeric text, booleans from yes/no words, no numbers as text; unknown members dropped unless kept.
 */
export function validate(schema: TSchema, value: unknown, loc: (string | number)[]): unknown {
  const items: ValidationItem[] = [];
  const result = read(schema as Keywords, value, loc, items);
  if (items.length > 0) throw new ValidationError(items);
  return result;
}

/** Validates several sources and reports all their problems together, in order. */
export function validateAll(sources: { schema: TSchema; value: unknown; loc: (string | number)[] }[]): unknown[] {
  const items: ValidationItem[] = [];
  const results = sources.map(({ schema, value, loc }) => read(schema as Keywords, value, loc, items));
  if (items.length > 0) throw new ValidationError(items);
  return results;
}

interface Keywords {
  type?: string;
  title?: string;
  properties?: Record<string, Keywords & { '~optional'?: unknown }>;
  additionalProperties?: boolean | Keywords;
  /** Marks objects with free keys (`Dict`). */
  dict?: boolean;
  strict?: boolean;
  items?: Keywords;
  anyOf?: Keywords[];
  enum?: (string | number)[];
  const?: string | number | boolean;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
}

type Loc = (string | number)[];

function read(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  if (schema.anyOf) return readUnion(schema.anyOf, value, loc, items);
  if (schema.enum || schema.const !== undefined) return readLiteral(schema, value, loc, items);
  switch (schema.type) {
    case 'object':
      return schema.dict ? readDict(schema, value, loc, items) : readObject(schema, value, loc, items);
    case 'array':
      return readList(schema, value, loc, items);
    case 'string':
      return readString(schema, value, loc, items);
    case 'integer':
      return bounded(schema, readInteger(schema, value, loc, items), value, loc, items);
    case 'number':
      return bounded(schema, readNumber(schema, value, loc, items), value, loc, items);
    case 'boolean':
      return readBoolean(schema, value, loc, items);
    case 'null':
      return value === null ? null : fail(items, 'none_required', loc, 'Input should be None', value);
    default:
      return value;
  }
}

function fail(
  items: ValidationItem[],
  type: string,
  loc: Loc,
  msg: string,
  input: unknown,
  ctx?: Record<string, unknown>,
): undefined {
  items.push(ctx ? { type, loc, msg, input, ctx } : { type, loc, msg, input });
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readObject(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  if (!isObject(value)) {
    const msg = 'Input should be a valid dictionary or object to extract fields from';
    return fail(items, 'model_attributes_type', loc, msg, value);
  }
  const properties = schema.properties ?? {};
  const result: Record<string, unknown> = {};
  for (const key in properties) {
    const member = properties[key];
    if (!member) continue;
    if (Object.hasOwn(value, key)) result[key] = read(member, value[key], [...loc, key], items);
    else if ('default' in member) result[key] = structuredClone(member.default);
    else if (!('~optional' in member)) fail(items, 'missing', [...loc, key], 'Field required', value);
  }
  const extra = schema.additionalProperties;
  if (extra === undefined) return result;
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(properties, key)) continue;
    if (extra === false) {
      fail(items, 'extra_forbidden', [...loc, key], 'Extra inputs are not permitted', value[key]);
    } else setOwn(result, key, value[key]);
  }
  return result;
}

/** Assignment that treats `__proto__` as the ordinary key it is in JSON. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, writable: true });
  else target[key] = value;
}

function readDict(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  if (!isObject(value)) return fail(items, 'dict_type', loc, 'Input should be a valid dictionary', value);
  const member = schema.additionalProperties;
  if (!isObject(member) || Object.keys(member).length === 0) return value;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    setOwn(result, key, read(member as Keywords, value[key], [...loc, key], items));
  }
  return result;
}

function readList(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  if (!Array.isArray(value)) return fail(items, 'list_type', loc, 'Input should be a valid list', value);
  const { minItems: min, maxItems: max } = schema;
  const count = `after validation, not ${value.length}`;
  if (min !== undefined && value.length < min) {
    const msg = `List should have at least ${min} item${min === 1 ? '' : 's'} ${count}`;
    return fail(items, 'too_short', loc, msg, value, {
      field_type: 'List',
      min_length: min,
      actual_length: value.length,
    });
  }
  if (max !== undefined && value.length > max) {
    const msg = `List should have at most ${max} item${max === 1 ? '' : 's'} ${count}`;
    return fail(items, 'too_long', loc, msg, value, {
      field_type: 'List',
      max_length: max,
      actual_length: value.length,
    });
  }
  const member = schema.items;
  return member ? value.map((entry, index) => read(member, entry, [...loc, index], items)) : value;
}

function readString(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  if (typeof value !== 'string') return fail(items, 'string_type', loc, 'Input should be a valid string', value);
  const { minLength: min, maxLength: max, pattern } = schema;
  // Pydantic counts code points; the length in UTF-16 units is never smaller.
  if (min !== undefined && [...value].length < min) {
    const msg = `String should have at least ${min} character${min === 1 ? '' : 's'}`;
    return fail(items, 'string_too_short', loc, msg, value, { min_length: min });
  }
  if (max !== undefined && value.length > max && [...value].length > max) {
    const msg = `String should have at most ${max} character${max === 1 ? '' : 's'}`;
    return fail(items, 'string_too_long', loc, msg, value, { max_length: max });
  }
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) {
    return fail(items, 'string_pattern_mismatch', loc, `String should match pattern '${pattern}'`, value, { pattern });
  }
  return value;
}

const INTEGER_TEXT = /^\s*([+-]?\d+(?:_\d+)*)(?:\.0*)?\s*$/;

function readInteger(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): number | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  if (!schema.strict) {
    if (typeof value === 'boolean') return Number(value);
    if (typeof value === 'number') {
      const msg = 'Input should be a valid integer, got a number with a fractional part';
      return fail(items, 'int_from_float', loc, msg, value);
    }
    if (typeof value === 'string') {
      const digits = INTEGER_TEXT.exec(value)?.[1];
      if (digits !== undefined) return Number(digits.replaceAll('_', ''));
      return fail(
        items,
        'int_parsing',
        loc,
        'Input should be a valid integer, unable to parse string as an integer',
        value,
      );
    }
  }
  return fail(items, 'int_type', loc, 'Input should be a valid integer', value);
}

const NUMBER_TEXT = /^\s*[+-]?(\d+(_\d+)*\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

function readNumber(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): number | undefined {
  if (typeof value === 'number') return value;
  if (!schema.strict) {
    if (typeof value === 'boolean') return Number(value);
    if (typeof value === 'string') {
      if (NUMBER_TEXT.test(value)) return Number(value.replaceAll('_', ''));
      const msg = 'Input should be a valid number, unable to parse string as a number';
      return fail(items, 'float_parsing', loc, msg, value);
    }
  }
  return fail(items, 'float_type', loc, 'Input should be a valid number', value);
}

const LIMITS = [
  ['exclusiveMinimum', 'greater_than', 'gt', 'greater than', (n: number, limit: number) => n > limit],
  ['minimum', 'greater_than_equal', 'ge', 'greater than or equal to', (n: number, limit: number) => n >= limit],
  ['exclusiveMaximum', 'less_than', 'lt', 'less than', (n: number, limit: number) => n < limit],
  ['maximum', 'less_than_equal', 'le', 'less than or equal to', (n: number, limit: number) => n <= limit],
] as const;

function bounded(schema: Keywords, n: number | undefined, input: unknown, loc: Loc, items: ValidationItem[]): unknown {
  if (n === undefined) return undefined;
  for (const [keyword, type, short, words, holds] of LIMITS) {
    const limit = schema[keyword];
    if (limit !== undefined && !holds(n, limit)) {
      return fail(items, type, loc, `Input should be ${words} ${limit}`, input, { [short]: limit });
    }
  }
  return n;
}

const TRUE = new Set(['1', 'true', 't', 'yes', 'y', 'on']);
const FALSE = new Set(['0', 'false', 'f', 'no', 'n', 'off']);

function readBoolean(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  if (typeof value === 'boolean') return value;
  if (!schema.strict && (typeof value === 'number' || typeof value === 'string')) {
    if (value === 1) return true;
    if (value === 0) return false;
    const word = typeof value === 'string' ? value.toLowerCase() : '';
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
    return fail(items, 'bool_parsing', loc, 'Input should be a valid boolean, unable to interpret input', value);
  }
  return fail(items, 'bool_type', loc, 'Input should be a valid boolean', value);
}

function readLiteral(schema: Keywords, value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  const values = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  if (values.some((one) => one === value)) return value;
  const names = values.map((one) => (typeof one === 'string' ? `'${one}'` : String(one)));
  const expected = names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : (names[0] ?? '');
  return fail(items, 'literal_error', loc, `Input should be ${expected}`, value, { expected });
}

function readUnion(members: Keywords[], value: unknown, loc: Loc, items: ValidationItem[]): unknown {
  const others = members.filter((member) => member.type !== 'null');
  if (value === null && others.length < members.length) return null;
  const only = others.length === 1 ? others[0] : undefined;
  // "T or null" reports the problem of T itself; a real union reports one per member.
  if (only) return read(only, value, loc, items);
  const problems: ValidationItem[] = [];
  for (const strict of [true, false]) {
    for (const member of others) {
      const found: ValidationItem[] = [];
      const result = read(strict ? { ...member, strict: true } : member, value, [...loc, memberName(member)], found);
      if (found.length === 0) return result;
      if (!strict) problems.push(...found);
    }
  }
  items.push(...problems);
  return undefined;
}

const TYPE_NAMES: Record<string, string> = { string: 'str', integer: 'int', number: 'float', boolean: 'bool' };

function memberName(member: Keywords): string {
  if (member.title) return member.title;
  if (member.dict) return 'dict[any,any]';
  if (member.type === 'array') {
    return `list[${member.items ? memberName(member.items) : 'any'}]`;
  }
  if (member.enum) return `literal[${member.enum.map((one) => `'${one}'`).join(',')}]`;
  return TYPE_NAMES[member.type ?? ''] ?? member.type ?? 'any';
}
