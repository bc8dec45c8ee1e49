import type { Database } from '../../../kernel/database/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import type { TextFinder } from './finder.ts';
import { createPostgresIndex } from './postgresql.ts';
import { createSqliteIndex } from './sqlite.ts';

export interface TextIndex {
  find: TextFinder;
  /** Begins to keep the index after some milliseconds; it is built meanwhile, from where it was left. */
  start(delay?: number): void;
  close(): Promise<void>;
}

/** Milliseconds between looks at what has changed. Searches look at what waits themselves, so it may gather: each look wakes a thread. */
const POLL_MS = 30_000;
/** Milliseconds after which chats are looked for that another program has written. */
const DISCOVER_MS = 10 * 60_000;
/** Milliseconds after the start, which has enough to do. */
const START_MS = 20_000;
/** The share of its time that the building leaves to others. */
const REST = 1;

export interface TextIndexDeps {
  database: Pick<Database, 'db' | 'dialect' | 'commitMark' | 'background'>;
  log: Pick<Log, 'warn'>;
  /** Milliseconds between looks at what has changed, on PostgreSQL at whether the index that another process builds is there. */
  pollMs?: number;
}

/** The index that searches in chats use. Searches work without it, and are right at any moment while it is built. */
export function createTextIndex({ database, log, pollMs = POLL_MS }: TextIndexDeps): TextIndex {
  switch (database.dialect) {
    case 'sqlite':
      return keepSqliteIndex(database, log, pollMs);
    case 'postgresql': {
      const index = createPostgresIndex(database);
      let timer: NodeJS.Timeout | undefined;
      let building: Promise<unknown> = Promise.resolve();
      let closed = false;
      const build = async () => {
        try {
          // Where it is not there then, another process builds it.
          if (!(await index.build()) && !closed) timer = setTimeout(start, pollMs).unref();
        } catch (error) {
          if (!closed) log.warn({ err: error }, 'chats are searched without an index, which could not be built');
        }
      };
      const start = () => {
        building = build();
      };
      return {
        find: index.finder,
        start,
        async close() {
          closed = true;
          clearTimeout(timer);
          await index.cancel();
          await building;
        },
      };
    }
    case 'mysql':
      // Its full-text index knows whole words only.
      return { find: async () => null, start() {}, close: async () => {} };
  }
}

function keepSqliteIndex(database: TextIndexDeps['database'], log: TextIndexDeps['log'], pollMs: number): TextIndex {
  const index = createSqliteIndex(database);
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<void> = Promise.resolve();
  let closed = false;
  let mark: number | null = null;
  let discoverAt = 0;

  /** Gives the milliseconds until the next turn. */
  async function work(): Promise<number> {
    const began = performance.now();
    if (began >= discoverAt) {
      if (await index.discover()) return performance.now() - began;
      discoverAt = began + DISCOVER_MS;
    }
    const now = database.commitMark();
    if (now !== null && now === mark) return pollMs;
    const more = await index.work();
    mark = more ? null : now;
    return more ? (performance.now() - began) * REST : pollMs;
  }

  function next(delay: number): void {
    if (closed) return;
    timer = setTimeout(() => {
      turn = work()
        .catch((error: unknown) => {
          if (!closed) log.warn({ err: error }, 'the index of chats could not be kept; it is tried again');
          return pollMs;
        })
        .then(next);
    }, delay).unref();
  }

  return {
    find: index.finder,
    start: (delay = START_MS) => next(delay),
    async close() {
      closed = true;
      clearTimeout(timer);
      await turn;
    },
  };
}
