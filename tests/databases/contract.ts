import { sql } from 'kysely';
import type { Database } from '../../src/kernel/database/index.ts';

export interface ContractTable {
  columns: { name: string; type: string; nullable: boolean; default: string | null; pk?: number }[];
  indexes: {
    name: string;
    unique?: boolean;
    origin?: string;
    columns?: string[];
    sql?: string | null;
    definition?: string;
  }[];
  constraints?: { name: string; definition: string }[];
  foreign_keys?: { columns: string[]; references: string; on_delete: string }[];
}

const plain = (text: string): string =>
  text
    .replace(/["\s]+/g, ' ')
    .replace(/\(\s+/g, '(')
    .replace(/\s+([),])/g, '$1')
    .trim();

/** The schema of an SQLite file in the contract's terms, without what SQLite names itself. */
export async function sqliteSchema(database: Database): Promise<Record<string, unknown>> {
  const { rows } = await sql<{ name: string }>`SELECT name FROM sqlite_master WHERE type = 'table'`.execute(
    database.db,
  );
  const result: Record<string, unknown> = {};
  for (const { name } of rows.filter((row) => !row.name.startsWith('loggia_') && !row.name.startsWith('sqlite_'))) {
    const columns = await sql<Record<string, unknown>>`SELECT * FROM pragma_table_info(${name})`.execute(database.db);
    const indexes = await sql<{
      name: string;
      unique: number;
      origin: string;
    }>`SELECT * FROM pragma_index_list(${name})`.execute(database.db);
    const foreign = await sql<Record<string, string>>`SELECT * FROM pragma_foreign_key_list(${name})`.execute(
      database.db,
    );
    const listed = [];
    for (const index of indexes.rows.filter((one) => !one.name.startsWith('loggia_'))) {
      const on = await sql<{ name: string | null }>`SELECT name FROM pragma_index_info(${index.name})`.execute(
        database.db,
      );
      const text = await sql<{ sql: string | null }>`SELECT sql FROM sqlite_master WHERE name = ${index.name}`.execute(
        database.db,
      );
      listed.push({
        name: index.name,
        unique: index.unique === 1,
        origin: index.origin,
        columns: on.rows.map((row) => row.name),
        sql: text.rows[0]?.sql ?? null,
      });
    }
    result[name] = {
      columns: columns.rows.map((row) => ({
        name: row.name,
        type: row.type,
        nullable: row.notnull === 0,
        default: row.dflt_value,
        pk: row.pk,
      })),
      indexes: listed,
      foreign_keys: foreign.rows.map((row) => ({
        columns: [row.from],
        references: `${row.table}(${row.to})`,
        on_delete: row.on_delete,
      })),
    };
  }
  return result;
}

/** Contract tables in a form that two writings of the same schema share. */
export function comparable(tables: Record<string, ContractTable>): unknown {
  const sorted = <T>(list: T[]): T[] => list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return Object.fromEntries(
    Object.entries(tables)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, table]) => [
        name,
        {
          columns: sorted(
            table.columns.map((column) => ({ ...column, default: column.default?.replaceAll("'", '') ?? null })),
          ),
          indexes: sorted(
            table.indexes.map((index) =>
              index.definition !== undefined
                ? { name: index.name, definition: index.definition }
                : {
                    name: index.origin === 'c' ? index.name : '',
                    unique: index.unique,
                    origin: index.origin,
                    columns: index.columns,
                    sql: index.sql ? plain(index.sql) : null,
                  },
            ),
          ),
          foreign_keys: sorted(table.foreign_keys ?? []),
          constraints: sorted(table.constraints ?? []),
        },
      ]),
  );
}

/** The same of a PostgreSQL database. */
export async function postgresSchema(database: Database): Promise<Record<string, ContractTable>> {
  const { db } = database;
  const columns = await sql<{ t: string; name: string; type: string; nullable: boolean; default: string | null }>`
    SELECT c.relname AS t, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
           pg_get_expr(d.adbin, d.adrelid) AS default
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0 AND NOT a.attisdropped`.execute(
    db,
  );
  const indexes = await sql<{ t: string; name: string; definition: string }>`
    SELECT tablename AS t, indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'`.execute(
    db,
  );
  const constraints = await sql<{ t: string; name: string; definition: string }>`
    SELECT c.relname AS t, k.conname AS name, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype <> 'n'`.execute(db);
  const result: Record<string, ContractTable> = {};
  for (const { t, ...column } of columns.rows) {
    if (t.startsWith('loggia_')) continue;
    result[t] ??= { columns: [], indexes: [], constraints: [] };
    result[t].columns.push(column);
  }
  for (const { t, ...index } of indexes.rows) if (!index.name.startsWith('loggia_')) result[t]?.indexes.push(index);
  for (const { t, ...constraint } of constraints.rows) result[t]?.constraints?.push(constraint);
  return result;
}
