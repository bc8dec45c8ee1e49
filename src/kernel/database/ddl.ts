import type { Column, Index, Table } from './columns.ts';

export type Dialect = 'sqlite' | 'postgresql' | 'mysql';

/** The statements that create a table with its indexes, in order. */
export function createStatements(dialect: Dialect, name: string, table: Table): string[] {
  const before = dialect === 'postgresql' && name === 'config_old' ? ['CREATE SEQUENCE config_id_seq AS integer'] : [];
  const indexes = (table.indexes ?? []).map((index) => createIndex(dialect, name, index));
  return [...before, createTable(dialect, name, table), ...indexes, ...extraStatements(dialect, name)];
}

function createTable(dialect: Dialect, name: string, table: Table): string {
  const quoted = quoter(dialect);
  const indexed = indexedColumns(table);
  const lines = Object.entries(table.columns).map(
    ([column, declared]) =>
      `${quoted(column)} ${typeOf(dialect, name, column, declared, indexed)}${defaultOf(dialect, name, column, declared)}${declared.notNull ? ' NOT NULL' : ''}`,
  );
  const key = `PRIMARY KEY (${table.key.map(quoted).join(', ')})`;
  lines.push(dialect === 'postgresql' ? `CONSTRAINT ${quoted(table.keyName ?? `${name}_pkey`)} ${key}` : key);
  for (const unique of table.unique ?? []) {
    lines.push(`CONSTRAINT ${quoted(unique.name)} UNIQUE (${unique.on.map(quoted).join(', ')})`);
  }
  if (table.check) lines.push(`CONSTRAINT ${quoted(table.check.name)} CHECK (${table.check.sql})`);
  // MySQL demands that referenced rows exist at every moment; dependants are deleted explicitly on every database.
  for (const foreign of dialect === 'mysql' ? [] : (table.foreignKeys ?? [])) {
    lines.push(
      `CONSTRAINT ${quoted(foreign.name)} FOREIGN KEY (${quoted(foreign.on)}) REFERENCES ${quoted(foreign.references)} (id) ON DELETE ${foreign.delete}`,
    );
  }
  if (dialect === 'mysql' && name === 'user') {
    lines.push('loggia_email_key VARCHAR(255) AS (lower(email)) VIRTUAL INVISIBLE');
    lines.push('UNIQUE KEY uq_user_email_lower (loggia_email_key)');
  }
  const body = `${quoted(name)} (\n  ${lines.join(',\n  ')}\n)`;
  if (dialect !== 'mysql') return `CREATE TABLE ${body}`;
  return `CREATE TABLE IF NOT EXISTS ${body} ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`;
}

function createIndex(dialect: Dialect, table: string, index: Index): string {
  const quoted = quoter(dialect);
  if (dialect === 'mysql' && index.on.some((part) => part.includes('('))) return '';
  const parts = index.on.map((part) => {
    if (part.includes('(')) return part;
    return part.startsWith('-') ? `${quoted(part.slice(1))} DESC` : quoted(part);
  });
  const where = index.whereNotNull && dialect !== 'mysql' ? ` WHERE ${quoted(index.whereNotNull)} IS NOT NULL` : '';
  const unique = index.unique ? 'UNIQUE ' : '';
  const guard = dialect === 'mysql' ? mysqlIndexGuard(index.name) : '';
  return `${guard}CREATE ${unique}INDEX ${quoted(index.name)} ON ${quoted(table)} (${parts.join(', ')})${where}`;
}

/** Marks a statement that may find its index in place already: MySQL commits each statement, so creation must be repeatable. */
function mysqlIndexGuard(name: string): string {
  return `/* index ${name} */ `;
}

function extraStatements(dialect: Dialect, table: string): string[] {
  if (dialect !== 'postgresql') return [];
  if (table === 'config_old') return ['ALTER SEQUENCE config_id_seq OWNED BY config_old.id'];
  if (table !== 'file') return [];
  return [
    `CREATE INDEX file_pending_knowledge_idx ON file ((meta->'data'->>'knowledge_id')) WHERE data->>'status' IN ('pending', 'processing')`,
  ];
}

const TYPES: Record<Dialect, Record<Column['kind'], string>> = {
  sqlite: {
    text: 'TEXT',
    varchar: 'VARCHAR',
    json: 'JSON',
    json_text: 'TEXT',
    integer: 'INTEGER',
    seconds: 'BIGINT',
    nanoseconds: 'BIGINT',
    boolean: 'BOOLEAN',
    date: 'DATE',
    datetime: 'DATETIME',
  },
  postgresql: {
    text: 'text',
    varchar: 'character varying',
    json: 'json',
    json_text: 'text',
    integer: 'integer',
    seconds: 'bigint',
    nanoseconds: 'bigint',
    boolean: 'boolean',
    date: 'date',
    datetime: 'timestamp without time zone',
  },
  mysql: {
    text: 'LONGTEXT',
    varchar: 'VARCHAR(255)',
    // The JSON type of MySQL reorders keys; the text must come back as it was written.
    json: 'LONGTEXT',
    json_text: 'LONGTEXT',
    integer: 'INTEGER',
    seconds: 'BIGINT',
    nanoseconds: 'BIGINT',
    boolean: 'BOOLEAN',
    date: 'DATE',
    datetime: 'DATETIME',
  },
};

/** Characters of texts in keys that would exceed the 3072 bytes an InnoDB key may have. */
const SHORT_ON_MYSQL: Readonly<Record<string, number>> = {
  'access_grant.resource_type': 32,
  'access_grant.principal_type': 32,
  'access_grant.permission': 32,
  'chat.folder_id': 64,
};

function typeOf(dialect: Dialect, table: string, name: string, column: Column, indexed: ReadonlySet<string>): string {
  if (dialect === 'mysql' && (column.kind === 'text' || column.kind === 'varchar') && column.length === undefined) {
    const short = SHORT_ON_MYSQL[`${table}.${name}`];
    if (short !== undefined) return `VARCHAR(${short})`;
    return indexed.has(name) ? 'VARCHAR(255)' : TYPES.mysql[column.kind];
  }
  if (column.length === undefined) return TYPES[dialect][column.kind];
  return `${dialect === 'postgresql' ? 'character varying' : 'VARCHAR'}(${column.length})`;
}

function defaultOf(dialect: Dialect, table: string, name: string, column: Column): string {
  if (dialect === 'postgresql' && table === 'config_old' && name === 'id') return ` DEFAULT nextval('config_id_seq')`;
  if (column.default === undefined) return '';
  if (column.kind === 'boolean' && dialect === 'postgresql') return ` DEFAULT ${/1/.test(column.default)}`;
  if (column.kind === 'datetime' && dialect === 'postgresql') return ' DEFAULT now()';
  if (dialect === 'mysql' && (column.kind === 'json' || column.kind === 'text')) return ` DEFAULT (${column.default})`;
  return ` DEFAULT ${column.default}`;
}

function indexedColumns(table: Table): Set<string> {
  const parts = [
    table.key,
    ...(table.unique ?? []).map((one) => one.on),
    ...(table.indexes ?? []).map((one) => one.on),
  ];
  return new Set(parts.flat().map((part) => part.replace(/^-/, '')));
}

/** Quotes a name the way a dialect does. */
export function quoter(dialect: Dialect): (name: string) => string {
  return dialect === 'mysql' ? (name) => `\`${name}\`` : (name) => `"${name}"`;
}
