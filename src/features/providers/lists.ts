import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Connection } from './connections.ts';

/** What a connection answered last. */
interface State<T> {
  fingerprint: string;
  /** Null until it has answered once. The same list stays the same object. */
  list: readonly T[] | null;
  print: string;
  /** Milliseconds on the monotonic clock. */
  askedAt: number;
  loading: Promise<void> | null;
  failures: number;
}

export interface ListsOptions<T> {
  log: Pick<Log, 'info' | 'warn'>;
  /** Asks a connection; bounded in time. */
  load: (connection: Connection) => Promise<readonly T[]>;
  /** Milliseconds a list counts as new; null: until it is refreshed. */
  maxAgeMs: () => number | null;
}

/** The model lists of connections: the last known one at once, a new one behind it. */
export interface Lists<T> {
  /** In the order of the connections; those that never answered give an empty list. */
  get(connections: readonly Connection[], refresh?: boolean): Promise<readonly (readonly T[])[]>;
  /** Whether the connection answered when it was asked last. */
  answers(connection: Connection): boolean;
  /** The next `get` waits for news from connections that answer. */
  expire(): void;
}

const NONE: readonly never[] = [];

/** How long a request waits for a list that is older than this to become new. */
const OLD_MS = 5_000;
const PATIENCE_MS = 300;
const LONGEST_BACKOFF_MS = 60_000;

/**
 * Each connection is asked at most once at a time. A connection that does not answer is waited for once; from then on its last
 * known list stands in and it is asked behind, less and less often, until it answers or its settings change.
 */
export function createLists<T>({ log, load, maxAgeMs }: ListsOptions<T>): Lists<T> {
  const states = new Map<string, State<T>>();

  function stateOf(connection: Connection): State<T> {
    const key = `${connection.kind} ${connection.index}`;
    const known = states.get(key);
    if (known?.fingerprint === connection.fingerprint) return known;
    const fresh: State<T> = {
      fingerprint: connection.fingerprint,
      list: null,
      print: '',
      askedAt: Number.NEGATIVE_INFINITY,
      loading: null,
      failures: 0,
    };
    states.set(key, fresh);
    return fresh;
  }

  function ask(connection: Connection, state: State<T>): Promise<void> {
    state.loading ??= run(connection, state).finally(() => {
      state.loading = null;
    });
    return state.loading;
  }

  async function run(connection: Connection, state: State<T>): Promise<void> {
    try {
      const list = await load(connection);
      if (state.failures > 0) log.info({ url: connection.url }, 'the provider answers again');
      const print = JSON.stringify(list);
      if (print !== state.print) state.list = list;
      state.print = print;
      state.failures = 0;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (state.failures === 0) log.warn({ url: connection.url, reason }, 'the provider does not list its models');
      state.failures += 1;
    }
    state.askedAt = performance.now();
  }

  /** What a request has to wait for; null: nothing. */
  function due(connection: Connection, refresh: boolean): Promise<unknown> | null {
    const state = stateOf(connection);
    if (refresh) return ask(connection, state);
    const age = performance.now() - state.askedAt;
    if (state.failures > 0) {
      const backoff = Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(state.failures, 6));
      if (age > backoff) void ask(connection, state);
      return null;
    }
    if (state.list === null) return ask(connection, state);
    const limit = maxAgeMs();
    if (limit !== null && age > limit) {
      const asked = ask(connection, state);
      if (age === Number.POSITIVE_INFINITY) return asked;
      if (age > limit + OLD_MS) return Promise.race([asked, pause(PATIENCE_MS, undefined, { ref: false })]);
    }
    return null;
  }

  return {
    async get(connections, refresh = false) {
      const waits = connections.flatMap((connection) => due(connection, refresh) ?? []);
      if (waits.length > 0) await Promise.all(waits);
      return connections.map((connection) => stateOf(connection).list ?? NONE);
    },
    answers: (connection) => stateOf(connection).failures === 0,
    expire() {
      for (const state of states.values()) state.askedAt = Number.NEGATIVE_INFINITY;
    },
  };
}
