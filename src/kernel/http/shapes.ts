import { type Static, type TObject, type TProperties, type TSchema, type TUnsafe, Type } from 'typebox';

export type { Static, TSchema };
export { Type };

/** What happens to members a shape does not name: dropped (default), kept, or refused. */
export type Extra = 'drop' | 'keep' | 'forbid';

/** A named object shape; the name is its OpenAPI component. */
export function shape<P extends TProperties>(name: string, properties: P, options: { extra?: Extra } = {}): TObject<P> {
  const schema = Type.Object(properties, { title: name, ...extraKeyword(options.extra) });
  return schema;
}

/** Like `shape`, without a name. */
export function Obj<P extends TProperties>(properties: P, options: { extra?: Extra } = {}): TObject<P> {
  return Type.Object(properties, extraKeyword(options.extra));
}

function extraKeyword(extra: Extra = 'drop'): Record<string, unknown> {
  if (extra === 'keep') return { additionalProperties: true };
  return extra === 'forbid' ? { additionalProperties: false } : {};
}

export function Str(options: Record<string, unknown> = {}) {
  return Type.String(options);
}
export function Int(options: Record<string, unknown> = {}) {
  return Type.Integer(options);
}
export function Num(options: Record<string, unknown> = {}) {
  return Type.Number(options);
}
export function Bool() {
  return Type.Boolean();
}
/** Accepts only the exact JSON type: no "1" for an integer, no "true" for a boolean. */
export function Strict<T extends TSchema>(schema: T): T {
  return { ...schema, strict: true };
}
export function List<T extends TSchema>(items: T, options: Record<string, unknown> = {}) {
  return Type.Array(items, options);
}
/** An object with free keys. */
export function Dict(): TUnsafe<Record<string, unknown>>;
export function Dict<T extends TSchema>(values: T): TUnsafe<Record<string, Static<T>>>;
export function Dict(values: TSchema = Type.Unknown()): TUnsafe<Record<string, unknown>> {
  return Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: values, dict: true });
}
/** Any JSON value. */
export function Json<T = unknown>(): TUnsafe<T> {
  return Type.Unsafe<T>({});
}
export function Nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}
/** May be absent; then the member is absent in the validated input too. */
export function Optional<T extends TSchema>(schema: T) {
  return Type.Optional(schema);
}
/** May be absent; then `value` stands in (validated input always has it). */
export function Default<T extends TSchema>(schema: T, value: Static<T>): T {
  return { ...schema, default: value };
}
export function OneOf<const V extends (string | number)[]>(...values: V): TUnsafe<V[number]> {
  return Type.Unsafe<V[number]>({ enum: values });
}
