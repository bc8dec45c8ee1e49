import type { Database } from '../../../kernel/database/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { isGone, thisProcess } from './process-identity.ts';
import { deleteProcess, insertProcess, otherProcesses, type ProcessRow, touchProcess } from './process-store.ts';

const HEARTBEAT_MS = 5_000;
/** Seconds of silence after which a process that cannot be looked at counts as dead. */
const SILENCE = 30;

/** The processes that share the database: this one says that it lives, and knows which others do. */
export interface Processes {
  readonly id: string;
  /** Whether another process may have runs of its own, as it was last seen. */
  readonly others: boolean;
  /** Whether another process serves now. */
  hasOthers(): Promise<boolean>;
  /** Registers this process and begins to tell that it lives; `swept` runs after each look at the others. */
  start(swept: (alive: readonly string[]) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

interface ProcessesDeps {
  database: Pick<Database, 'db'>;
  log: Pick<Log, 'error' | 'warn'>;
}

export function createProcesses({ database: { db }, log }: ProcessesDeps): Processes {
  const self = thisProcess();
  let alive: readonly ProcessRow[] = [];
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();
  let closed = false;

  async function look(): Promise<void> {
    const others = await otherProcesses(db, self.id);
    const dead = others.filter(isDead);
    alive = others.filter((one) => !dead.includes(one));
    // Its runs are found by its absence: the row may go first.
    for (const { id } of dead) await deleteProcess(db, id);
  }

  function isDead(row: ProcessRow): boolean {
    return isGone(row, self.place) || nowSeconds() - row.seen_at > SILENCE;
  }

  async function beat(swept: (alive: readonly string[]) => Promise<void>): Promise<void> {
    try {
      if (!(await touchProcess(db, self.id))) await insertProcess(db, self);
      await look();
      await swept([self.id, ...alive.map(({ id }) => id)]);
    } catch (error) {
      log.warn({ err: error }, 'this process could not tell the others that it lives');
    }
  }

  return {
    id: self.id,
    get others() {
      return alive.length > 0;
    },
    async hasOthers() {
      await look().catch((error: unknown) => {
        log.warn({ err: error }, 'this process could not look for others');
      });
      return alive.length > 0;
    },
    async start(swept) {
      await insertProcess(db, self);
      await look();
      await swept([self.id, ...alive.map(({ id }) => id)]);
      const next = () => {
        timer = setTimeout(() => {
          beating = beat(swept).finally(() => {
            if (!closed) next();
          });
        }, HEARTBEAT_MS);
        timer.unref();
      };
      next();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await beating;
      await deleteProcess(db, self.id).catch((error: unknown) => {
        log.warn({ err: error }, 'this process could not say that it ends');
      });
    },
  };
}
