import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { FieldPacket, Pool, PoolConnection, PoolOptions, ResultSetHeader } from 'mysql2';
import { type Decode, decoderOf, encodeParameter, kindOf } from './codecs.ts';

/** Kysely dialect over `mysql2` for MySQL 8 and MariaDB. */
export function mysqlDialect(options: PoolOptions): Dialect {
  return {
    createAdapter: () => new MysqlAdapter(),
    createDriver: () => new MysqlDriver(options),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new MysqlQueryCompiler(),
  };
}

const SESSION =
  "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,ANSI_QUOTES', group_concat_max_len = 1048576";

class MysqlDriver implements Driver {
  readonly #options: PoolOptions;
  readonly #prepared = new WeakSet<PoolConnection>();
  #pool: Pool | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async init(): Promise<void> {
    const { default: mysql } = await import('mysql2');
    this.#pool = mysql.createPool({
      charset: 'utf8mb4_bin',
      timezone: 'Z',
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      ...this.#options,
    });
  }

  async acquireConnection(): Promise<MysqlConnection> {
    const pool = this.#pool;
    if (!pool) throw new Error('The database is closed.');
    const raw = await new Promise<PoolConnection>((resolve, reject) => {
      pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
    });
    const connection = new MysqlConnection(raw);
    if (!this.#prepared.has(raw)) {
      await connection.executeQuery(CompiledQuery.raw(SESSION));
      this.#prepared.add(raw);
    }
    return connection;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('SET TRANSACTION ISOLATION LEVEL READ COMMITTED'));
    await connection.executeQuery(CompiledQuery.raw('START TRANSACTION'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    (connection as MysqlConnection).release();
  }

  async destroy(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    if (pool) await new Promise<void>((resolve, reject) => pool.end((error) => (error ? reject(error) : resolve())));
  }
}

const TYPE = { longlong: 8, newdecimal: 246 };

function decodeRows(rows: unknown[], fields: FieldPacket[]): unknown[] {
  const decode: [string, Decode][] = [];
  for (const field of fields) {
    const decoder = decoderOfField(field);
    if (decoder) decode.push([field.name, decoder]);
  }
  if (decode.length === 0) return rows;
  for (const row of rows as Record<string, unknown>[]) {
    for (const [name, decoder] of decode) if (row[name] !== null) row[name] = decoder(row[name]);
  }
  return rows;
}

function decoderOfField(field: FieldPacket): Decode | undefined {
  const kind = kindOf(field.orgTable, field.orgName);
  const decoder = decoderOf(kind);
  if (kind !== undefined) return decoder;
  if (field.columnType === TYPE.newdecimal) return Number;
  return field.columnType === TYPE.longlong ? (value) => decoder?.(BigInt(String(value))) : undefined;
}

class MysqlConnection implements DatabaseConnection {
  readonly #raw: PoolConnection;
  #released = false;
  #fatal = false;

  constructor(raw: PoolConnection) {
    this.#raw = raw;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#released) throw new Error('A query was sent after its transaction had ended.');
    const result = await new Promise<unknown>((resolve, reject) => {
      this.#raw.query(query.sql, query.parameters.map(encodeParameter), (error, answer, fields) => {
        if (!error) return resolve(Array.isArray(answer) ? decodeRows(answer, fields) : answer);
        if (error.fatal) this.#fatal = true;
        reject(error);
      });
    });
    if (Array.isArray(result)) return { rows: result as R[] };
    const header = result as ResultSetHeader;
    return {
      rows: [],
      numAffectedRows: BigInt(header.affectedRows),
      numChangedRows: BigInt(header.changedRows ?? 0),
      insertId: BigInt(header.insertId ?? 0),
    };
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    let decode: (row: unknown) => unknown = (row) => row;
    const sent = this.#raw.query(query.sql, query.parameters.map(encodeParameter));
    sent.on('fields', (fields) => {
      decode = (row) => decodeRows([row], [fields].flat())[0];
    });
    for await (const row of sent.stream({ highWaterMark: 100 })) yield { rows: [decode(row) as R] };
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#fatal) this.#raw.destroy();
    else this.#raw.release();
  }
}
