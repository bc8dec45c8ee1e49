import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import { type Decode, decoderOf, encodeParameter, kindOf } from './codecs.ts';

export interface PostgresOptions {
  pool: PoolConfig;
  /** Schema the tables lie in; null is the server's default. */
  schema: string | null;
}

/** Kysely dialect over `pg`, with columns decoded by the table they come from. */
export function postgresDialect(options: PostgresOptions): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver(options),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

const OID = { int8: 20, json: 114, jsonb: 3802, date: 1082, timestamp: 1114, numeric: 1700 };

class PostgresDriver implements Driver {
  readonly #options: PostgresOptions;
  readonly #origins = new Origins();
  #pool: Pool | undefined;

  constructor(options: PostgresOptions) {
    this.#options = options;
  }

  async init(): Promise<void> {
    const { default: pg } = await import('pg');
    const raw = (text: string): string => text;
    const parsers: Record<number, (text: string) => unknown> = {
      [OID.int8]: (text) => BigInt(text),
      [OID.json]: raw,
      [OID.jsonb]: raw,
      [OID.date]: raw,
      [OID.timestamp]: raw,
      [OID.numeric]: Number,
    };
    this.#pool = new pg.Pool({
      ...this.#options.pool,
      types: {
        getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
          (format !== 'binary' && parsers[oid]) ||
          pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
      },
    });
    // Idle connections that break are replaced on the next use; without a listener the process would end.
    this.#pool.on('error', () => {});
  }

  async acquireConnection(): Promise<PostgresConnection> {
    if (!this.#pool) throw new Error('The database is closed.');
    const client = await this.#pool.connect();
    return new PostgresConnection(client, this.#origins);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('BEGIN'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    (connection as PostgresConnection).release();
  }

  async destroy(): Promise<void> {
    await this.#pool?.end();
    this.#pool = undefined;
  }
}

/** Table and column names by the numbers the protocol gives. */
class Origins {
  readonly #names = new Map<string, [table: string, column: string]>();
  readonly #tables = new Set<number>();

  async kindsOf(client: PoolClient, fields: { tableID: number; columnID: number }[]) {
    const unknown = fields.filter((field) => field.tableID > 0 && !this.#tables.has(field.tableID));
    if (unknown.length > 0) await this.#learn(client, [...new Set(unknown.map((field) => field.tableID))]);
    return fields.map((field) => {
      const [table, column] = this.#names.get(`${field.tableID}.${field.columnID}`) ?? [];
      return kindOf(table, column);
    });
  }

  async #learn(client: PoolClient, tables: number[]): Promise<void> {
    const { rows } = await client.query<{ oid: string; number: number; table: string; column: string }>(
      `SELECT a.attrelid::text AS oid, a.attnum AS number, c.relname AS "table", a.attname AS "column"
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attnum > 0 AND a.attrelid = ANY($1::oid[])`,
      [tables],
    );
    for (const row of rows) this.#names.set(`${row.oid}.${row.number}`, [row.table, row.column]);
    for (const table of tables) this.#tables.add(table);
  }
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  readonly #origins: Origins;
  #broken: Error | undefined;
  #released = false;
  readonly #onError = (error: Error): void => {
    this.#broken = error;
  };

  constructor(client: PoolClient, origins: Origins) {
    this.#client = client;
    this.#origins = origins;
    client.on('error', this.#onError);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#released) throw new Error('A query was sent after its transaction had ended.');
    const result = await this.#client.query<Record<string, unknown>>(query.sql, query.parameters.map(encodeParameter));
    const { rows, fields, command, rowCount } = result;
    if (rows.length > 0) await this.#decode(rows, fields);
    const counted = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE';
    return { rows: rows as R[], ...(counted ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}) };
  }

  async #decode(
    rows: Record<string, unknown>[],
    fields: { name: string; tableID: number; columnID: number; dataTypeID: number }[],
  ) {
    const kinds = await this.#origins.kindsOf(this.#client, fields);
    const decode: [string, Decode][] = [];
    for (const [at, field] of fields.entries()) {
      const isJson = field.dataTypeID === OID.json || field.dataTypeID === OID.jsonb;
      const decoder = decoderOf(kinds[at] ?? (isJson ? 'json' : undefined));
      if (decoder) decode.push([field.name, decoder]);
    }
    if (decode.length === 0) return;
    for (const row of rows) {
      for (const [name, decoder] of decode) if (row[name] !== null) row[name] = decoder(row[name]);
    }
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    const cursor = `loggia_${Math.random().toString(36).slice(2)}`;
    await this.#client.query('BEGIN READ ONLY');
    try {
      await this.#client.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${query.sql}`, [...query.parameters]);
      for (;;) {
        const { rows } = await this.executeQuery<R>(CompiledQuery.raw(`FETCH ${chunkSize} FROM ${cursor}`));
        if (rows.length === 0) return;
        yield { rows };
      }
    } finally {
      await this.#client.query('ROLLBACK');
    }
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#client.off('error', this.#onError);
    this.#client.release(this.#broken);
  }
}
