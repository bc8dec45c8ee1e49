import type { Database } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { writeActivity } from './account-store.ts';

/** Seconds after which a user no longer counts as active. */
export const ACTIVE_SECONDS = 180;

export interface Activity {
  /** Notes that the user did something; written with others, at most once per user and interval. */
  touch(userId: string): void;
  /** Writes what is waiting. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

interface ActivityDeps {
  database: Pick<Database, 'db'>;
  /** Seconds between two writes for one user; 0 or less writes at every batch. */
  interval: number;
  onError: (error: unknown) => void;
}

const BATCH_MS = 1_000;
const USERS_KEPT = 50_000;

/** Collects `last_active_at` into one write a second, so that no request waits for it. */
export function createActivity({ database, interval, onError }: ActivityDeps): Activity {
  const written = new Map<string, number>();
  let waiting = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const users = [...waiting];
    if (users.length === 0) return;
    waiting = new Set();
    try {
      await writeActivity(database.db, users, nowSeconds());
    } catch (error) {
      for (const id of users) written.delete(id);
      onError(error);
    }
  }
  const flush = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };

  return {
    touch(userId) {
      const now = performance.now() / 1_000;
      const last = written.get(userId);
      if (last !== undefined && now - last < interval) return;
      if (written.size >= USERS_KEPT) written.clear();
      written.set(userId, now);
      waiting.add(userId);
      timer ??= setTimeout(() => void flush(), BATCH_MS);
    },
    flush,
    close: flush,
  };
}
