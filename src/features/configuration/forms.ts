import { Default, Nullable, Obj, Optional, shape, type TSchema } from '../../kernel/http/shapes.ts';
import type { Config, ConfigKey } from '../../kernel/settings/index.ts';

/** One member of a settings form: where it is stored and what it may be. */
export interface Field {
  key: ConfigKey;
  schema: TSchema;
}

export type Form = Readonly<Record<string, Field>>;

export const field = (key: ConfigKey, schema: TSchema): Field => ({ key, schema });

/** The wire shape of a form. */
export function formShape(name: string, form: Form) {
  return shape(
    name,
    members(form, (schema) => schema),
  );
}

/** The same with every member absent or null: what is not given stays as it is. */
export function partialShape(form: Form) {
  return Obj(members(form, (schema) => Optional(Nullable(schema))));
}

/** Members that may be left out, and are null then. */
export function orNull(schema: TSchema): TSchema {
  return Default(Nullable(schema), null);
}

function members(form: Form, how: (schema: TSchema) => TSchema): Record<string, TSchema> {
  return Object.fromEntries(Object.entries(form).map(([name, { schema }]) => [name, how(schema)]));
}

/** Current values of a form; a stored null is shown as one, nonsense as the default. */
export function readForm(config: Pick<Config, 'get' | 'stored'>, form: Form): Record<string, unknown> {
  return Object.fromEntries(Object.entries(form).map(([name, { key }]) => [name, shown(config, key)]));
}

export function shown(config: Pick<Config, 'get' | 'stored'>, key: ConfigKey): unknown {
  return config.stored(key) === null ? null : config.get(key);
}

/** What a validated form stores; members that are absent are left alone. */
export function formValues(form: Form, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, { key }] of Object.entries(form)) if (body[name] !== undefined) values[key] = body[name];
  return values;
}
