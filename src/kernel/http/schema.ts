/** JSON Schema keywords of a wire shape. What it holds is known to the compiler only. */
export interface TSchema {
  readonly '~holds'?: unknown;
  readonly [keyword: string]: unknown;
}

/** A shape of values of type T. */
export interface Shape<T> extends TSchema {
  readonly '~holds'?: T;
}

/** A member that may be absent. */
export interface OptionalShape<T> extends Shape<T> {
  readonly '~optional': true;
}

export type Members = Readonly<Record<string, TSchema>>;

export interface ObjectShape<P extends Members> extends Shape<StaticObject<P>> {
  readonly type: 'object';
  readonly properties: P;
}

/** The values a shape describes. */
export type Static<S> = S extends Shape<infer T> ? T : never;

type OptionalKeys<P> = { [K in keyof P]: P[K] extends { readonly '~optional': true } ? K : never }[keyof P];
type Flat<T> = { [K in keyof T]: T[K] };
type StaticObject<P> = Flat<
  { [K in Exclude<keyof P, OptionalKeys<P>>]: Static<P[K]> } & { [K in OptionalKeys<P>]?: Static<P[K]> }
>;
