import type { ColumnKind, Table } from './columns.ts';
import { cleanText, parseJson } from './json.ts';
import { migrations } from './migrations/index.ts';
import { schema } from './schema/index.ts';

/** Turns what a driver gives for a column into what stores see; null stays null. */
export type Decode = (value: unknown) => unknown;

const decoders: Partial<Record<ColumnKind, Decode>> = {
  json: decodeJson,
  json_text: decodeJson,
  boolean: decodeBoolean,
  seconds: decodeNumber,
  integer: decodeNumber,
  nanoseconds: decodeNanoseconds,
};

const kinds = new Map<string, ColumnKind>();
const everyTable: [string, Table][] = [
  ...Object.entries(schema),
  ...migrations.flatMap((migration) => Object.entries(migration.tables)),
];
for (const [name, table] of everyTable) {
  for (const [column, declared] of Object.entries(table.columns)) kinds.set(`${name}.${column}`, declared.kind);
}

/** How a result column is declared, by the table and column it comes from; undefined for expressions and foreign tables. */
export function kindOf(table: string | null | undefined, column: string | null | undefined): ColumnKind | undefined {
  return kinds.get(`${table}.${column}`);
}

/** The decoder of a result column; undefined where the driver's value is right. Expressions only lose needless bigints. */
export function decoderOf(kind: ColumnKind | undefined): Decode | undefined {
  return kind === undefined ? decodeExpression : decoders[kind];
}

/** SQLite's numeric affinity turns JSON numbers into numbers. */
function decodeJson(value: unknown): unknown {
  return typeof value === 'string' ? parseJson(value) : decodeExpression(value);
}

function decodeBoolean(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== 0;
  if (typeof value === 'string') return value === '1' || value.toLowerCase() === 'true' || value === 't';
  return value;
}

/** Counts and seconds; fractions that earlier releases wrote are kept, texts are read where they are numbers. */
function decodeNumber(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string') return value;
  const number = Number(value);
  return Number.isNaN(number) ? null : number;
}

function decodeNanoseconds(value: unknown): unknown {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  if (typeof value === 'string') return /^-?\d+$/.test(value) ? BigInt(value) : null;
  return value;
}

function decodeExpression(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;
}

/** What may be bound: no undefined, no NUL characters, booleans as the dialect has them. */
export function encodeParameter(value: unknown): unknown {
  if (value === undefined) return null;
  return typeof value === 'string' ? cleanText(value) : value;
}
