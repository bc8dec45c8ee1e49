import type { Members, ObjectShape, OptionalShape, Shape, Static, TSchema } from './schema.ts';

export type { Static, TSchema };

/** What happens to members a shape does not name: dropped (default), kept, or refused. */
export type Extra = 'drop' | 'keep' | 'forbid';

/** A named object shape; the name is its OpenAPI component. */
export function shape<const P extends Members>(
  name: string,
  properties: P,
  options: { extra?: Extra } = {},
): ObjectShape<P> {
  return { ...Obj(properties, options), title: name };
}

/** Like `shape`, without a name. */
export function Obj<const P extends Members>(properties: P, options: { extra?: Extra } = {}): ObjectShape<P> {
  return { type: 'object', properties, ...extraKeyword(options.extra) };
}

function extraKeyword(extra: Extra = 'drop'): Record<string, unknown> {
  if (extra === 'keep') return { additionalProperties: true };
  return extra === 'forbid' ? { additionalProperties: false } : {};
}

export function Str(options: Record<string, unknown> = {}): Shape<string> {
  return { type: 'string', ...options };
}
export function Int(options: Record<string, unknown> = {}): Shape<number> {
  return { type: 'integer', ...options };
}
export function Num(options: Record<string, unknown> = {}): Shape<number> {
  return { type: 'number', ...options };
}
export function Bool(): Shape<boolean> {
  return { type: 'boolean' };
}
export function Null(): Shape<null> {
  return { type: 'null' };
}
/** Accepts only the exact JSON type: no "1" for an integer, no "true" for a boolean. */
export function Strict<T extends TSchema>(schema: T): T {
  return { ...schema, strict: true };
}
export function List<T extends TSchema>(items: T, options: Record<string, unknown> = {}): Shape<Static<T>[]> {
  return { type: 'array', items, ...options };
}
/** An object with free keys. */
export function Dict(): Shape<Record<string, unknown>>;
export function Dict<T extends TSchema>(values: T): Shape<Record<string, Static<T>>>;
export function Dict(values: TSchema = {}): Shape<Record<string, unknown>> {
  return { type: 'object', additionalProperties: values, dict: true };
}
/** Any JSON value. */
export function Json<T = unknown>(): Shape<T> {
  return {};
}
/** Tried member by member. */
export function Union<const T extends readonly TSchema[]>(members: T): Shape<Static<T[number]>> {
  return { anyOf: members };
}
export function Nullable<T extends TSchema>(schema: T): Shape<Static<T> | null> {
  return Union([schema, Null()]);
}
/** May be absent; then the member is absent in the validated input too. */
export function Optional<T extends TSchema>(schema: T): OptionalShape<Static<T>> {
  return { ...schema, '~optional': true } as OptionalShape<Static<T>>;
}
/** May be absent; then `value` stands in (validated input always has it). */
export function Default<T extends TSchema>(schema: T, value: Static<T>): T {
  return { ...schema, default: value };
}
export function OneOf<const V extends (string | number)[]>(...values: V): Shape<V[number]> {
  return { enum: values };
}
