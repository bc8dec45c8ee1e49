import type { ColumnType } from 'kysely';

/** JSON as stored text; only `json()` makes it, so that no column takes a value that was not encoded. */
export type Json = string & { readonly __json: true };

/** How a column is declared and decoded. `nanoseconds` is a BIGINT read as bigint, `json_text` a TEXT that holds JSON. */
export type ColumnKind =
  | 'text'
  | 'varchar'
  | 'json'
  | 'json_text'
  | 'integer'
  | 'seconds'
  | 'nanoseconds'
  | 'boolean'
  | 'date'
  | 'datetime';

type Presence = 'nullable' | 'required' | 'defaulted';

/** One column. S: type when read, I: type when written (both without null); P: whether it may be null or left out. */
export interface Column<S = unknown, I = unknown, P extends Presence = Presence> {
  kind: ColumnKind;
  /** Characters, for varchar. */
  length?: number;
  notNull: boolean;
  /** SQL literal of the SQLite schema. */
  default?: string;
  /** Types only; never set. */
  types?: { select: S; insert: I; presence: P };
}

function column<S, I>(kind: ColumnKind, length?: number): Column<S, I, 'nullable'> {
  return { kind, notNull: false, ...(length === undefined ? {} : { length }) };
}

export const text = column<string, string>('text');
export const varchar = column<string, string>('varchar');
export const varchar32 = column<string, string>('varchar', 32);
export const varchar50 = column<string, string>('varchar', 50);
export const jsonColumn = column<unknown, Json>('json');
export const jsonTextColumn = column<unknown, Json>('json_text');
export const integer = column<number, number>('integer');
/** BIGINT of seconds, counts and the like. */
export const seconds = column<number, number>('seconds');
/** BIGINT of nanoseconds since 1970. */
export const nanoseconds = column<bigint, bigint>('nanoseconds');
export const boolean = column<boolean, boolean>('boolean');
/** `YYYY-MM-DD` */
export const date = column<string, string>('date');
export const datetime = column<string, string>('datetime');

/** NOT NULL. */
export function required<S, I>(from: Column<S, I>): Column<S, I, 'required'> {
  return { ...from, notNull: true } as Column<S, I, 'required'>;
}

/** NOT NULL with a default, given as SQL literal. */
export function defaulted<S, I>(from: Column<S, I>, literal: string): Column<S, I, 'defaulted'> {
  return { ...from, notNull: true, default: literal } as Column<S, I, 'defaulted'>;
}

export interface Index {
  name: string;
  /** Column names; `-name` is descending; `lower(name)` is an expression. */
  on: readonly string[];
  unique?: boolean;
  /** Column that must not be null for a row to be in the index. */
  whereNotNull?: string;
}

export interface Unique {
  name: string;
  on: readonly string[];
}

export interface ForeignKey {
  name: string;
  on: string;
  references: string;
  delete: 'CASCADE' | 'SET NULL';
}

export interface TableOptions {
  key: readonly string[];
  /** PostgreSQL's name of the primary key where it is not `<table>_pkey`. */
  keyName?: string;
  unique?: readonly Unique[];
  indexes?: readonly Index[];
  foreignKeys?: readonly ForeignKey[];
  check?: { name: string; sql: string };
}

export interface Table<C extends Record<string, Column> = Record<string, Column>> extends TableOptions {
  columns: C;
}

export function table<C extends Record<string, Column>>(columns: C, options: TableOptions): Table<C> {
  return { columns, ...options };
}

type ColumnOf<C> =
  C extends Column<infer S, infer I, infer P>
    ? P extends 'required'
      ? ColumnType<S, I, I>
      : P extends 'defaulted'
        ? ColumnType<S, I | undefined, I>
        : ColumnType<S | null, I | null | undefined, I | null>
    : never;

/** The Kysely row type of a declared table. */
export type RowOf<T> = T extends Table<infer C> ? { [K in keyof C]: ColumnOf<C[K]> } : never;
