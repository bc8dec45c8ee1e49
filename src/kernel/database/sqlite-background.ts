import { Worker } from 'node:worker_threads';
import { CompiledQuery, type DatabaseConnection, type Dialect, type Driver, type QueryResult } from 'kysely';
import type { Mutex } from './mutex.ts';
import { dialectWith } from './sqlite-dialect.ts';
import { BEGIN, type SqliteOptions } from './sqlite-session.ts';

/** What the thread is asked. */
export interface ThreadQuestion {
  id: number;
  /** Reads do not see what a transaction has not committed yet. */
  session: 'reader' | 'writer';
  sql: string;
  parameters: readonly unknown[];
}

export type ThreadAnswer =
  | { id: number; result: QueryResult<unknown> }
  | { id: number; error: { message: string; code: string | null } };

/** Milliseconds after which a thread with nothing to do ends. */
const IDLE_MS = 30_000;

/**
 * Kysely dialect for an SQLite file that is open here already: statements run in a thread, so that long ones hold up nobody. Its
 * transactions wait for those of this thread and the other way round (`writing`), so neither finds the file locked.
 */
export function threadDialect(options: SqliteOptions, writing: Mutex): Dialect {
  return dialectWith(() => new ThreadDriver(new SqliteThread(options), writing));
}

class ThreadDriver implements Driver {
  readonly #thread: SqliteThread;
  readonly #writing: Mutex;

  constructor(thread: SqliteThread, writing: Mutex) {
    this.#thread = thread;
    this.#writing = writing;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<ThreadConnection> {
    return new ThreadConnection(this.#thread, this.#writing);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as ThreadConnection).begin();
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as ThreadConnection).commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as ThreadConnection).rollback();
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await (connection as ThreadConnection).rollback();
  }

  async destroy(): Promise<void> {
    await this.#thread.close();
  }
}

class ThreadConnection implements DatabaseConnection {
  readonly #thread: SqliteThread;
  readonly #writing: Mutex;
  #unlock: (() => void) | undefined;

  constructor(thread: SqliteThread, writing: Mutex) {
    this.#thread = thread;
    this.#writing = writing;
  }

  async begin(): Promise<void> {
    const unlock = await this.#writing.lock();
    try {
      await this.#thread.run('writer', CompiledQuery.raw(BEGIN));
      this.#unlock = unlock;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  async commit(): Promise<void> {
    await this.#thread.run('writer', CompiledQuery.raw('COMMIT'));
    this.#unlock?.();
    this.#unlock = undefined;
  }

  async rollback(): Promise<void> {
    const unlock = this.#unlock;
    if (!unlock) return;
    this.#unlock = undefined;
    try {
      await this.#thread.run('writer', CompiledQuery.raw('ROLLBACK'));
    } catch {
      // It is rolled back already: by a full disk, or with the thread that ended.
    }
    unlock();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return (await this.#thread.run(this.#unlock ? 'writer' : 'reader', query)) as QueryResult<R>;
  }

  // biome-ignore lint/correctness/useYield: what is streamed is streamed by the main connection
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('Queries in the background are not streamed.');
  }
}

/** A thread with connections of its own; started when asked, ended when nobody has asked for a while. */
class SqliteThread {
  readonly #options: SqliteOptions;
  readonly #waiting = new Map<
    number,
    { resolve: (result: QueryResult<unknown>) => void; reject: (error: Error) => void }
  >();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last = 0;
  #closed = false;

  constructor(options: SqliteOptions) {
    this.#options = options;
  }

  run(session: ThreadQuestion['session'], { sql, parameters }: CompiledQuery): Promise<QueryResult<unknown>> {
    // Whatever was under way when it closed is undone: nothing of it is asked any more.
    if (this.#closed) return Promise.reject(new Error('The database is closed.'));
    const worker = this.#start();
    clearTimeout(this.#idle);
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, session, sql, parameters } satisfies ThreadQuestion);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./sqlite-thread.ts', import.meta.url), { workerData: this.#options });
    worker.unref();
    worker.on('message', (answer: ThreadAnswer) => this.#answered(answer));
    worker.on('error', (error) => this.#ended(worker, error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.#ended(worker, new Error('The thread of the database has ended.')));
    this.#worker = worker;
    return worker;
  }

  #answered(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('result' in answer) waiting?.resolve(answer.result);
    else waiting?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code ?? undefined }));
    if (this.#waiting.size > 0) return;
    this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
  }

  #ended(worker: Worker, error: Error): void {
    if (this.#worker !== worker && this.#worker !== undefined) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
