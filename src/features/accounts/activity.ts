import { nowSeconds } from '../../kernel/time.ts';

/** Seconds after which a user no longer counts as active. */
export const ACTIVE_SECONDS = 180;

export interface Activity {
  /** Notes that the user did something, or that the key was used; written with others, at most once in an interval. */
  touch(id: string): void;
  /** Writes what is waiting. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

interface ActivityDeps {
  /** Writes the time, in seconds, at these. */
  write: (ids: readonly string[], now: number) => Promise<void>;
  /** Seconds between two writes for one id; 0 or less writes at every batch. */
  interval: number;
  onError: (error: unknown) => void;
}

const BATCH_MS = 1_000;
const IDS_KEPT = 50_000;

/** Collects when ids were last seen into one write a second, so that no request waits for it. */
export function createActivity({ write: writeAll, interval, onError }: ActivityDeps): Activity {
  const written = new Map<string, number>();
  let waiting = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const ids = [...waiting];
    if (ids.length === 0) return;
    waiting = new Set();
    try {
      await writeAll(ids, nowSeconds());
    } catch (error) {
      for (const id of ids) written.delete(id);
      onError(error);
    }
  }
  const flush = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };

  return {
    touch(id) {
      const now = performance.now() / 1_000;
      const last = written.get(id);
      if (last !== undefined && now - last < interval) return;
      if (written.size >= IDS_KEPT) written.clear();
      written.set(id, now);
      waiting.add(id);
      timer ??= setTimeout(() => void flush(), BATCH_MS);
    },
    flush,
    close: flush,
  };
}
