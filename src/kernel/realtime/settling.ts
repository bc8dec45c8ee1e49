import type { Bus } from './bus.ts';

interface SettlingDeps {
  bus: Pick<Bus, 'publish' | 'send' | 'subscribe'>;
  /** Resolves when handlers that were called until now are done. */
  handled(): Promise<void>;
}

export interface Settling {
  /** Something was published that whoever caused it waits for. */
  note(): void;
  /** A message came from this process. */
  heard(processId: string): void;
  settled(): Promise<void> | null;
  close(): void;
}

const MARK = 'bus:mark';
const SEEN = 'bus:seen';
const BYE = 'bus:bye';
/** How long a process may take to say that it has seen something. */
const PATIENCE_MS = 500;
/** Processes say something every few seconds; who was silent for so long is gone. */
const SILENT_MS = 35_000;

interface Wait {
  number: number;
  missing: Set<string>;
  promise: Promise<void>;
  done(): void;
}

/**
 * Tells when all other processes have dealt with what was published: messages of one process stay in order, so a mark that
 * follows them is seen after them. A process that does not answer in time is not waited for until it is heard of again.
 */
export function createSettling({ bus, handled }: SettlingDeps): Settling {
  const heardAt = new Map<string, number>();
  let number = 0;
  let noted = false;
  let last: Wait | null = null;
  const open = new Set<Wait>();

  function others(): Set<string> {
    const since = performance.now() - SILENT_MS;
    for (const [id, at] of heardAt) if (at < since) heardAt.delete(id);
    return new Set(heardAt.keys());
  }
  function wait(missing: Set<string>): Wait {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      for (const id of missing) heardAt.delete(id);
      one.done();
    }, PATIENCE_MS);
    const one: Wait = {
      number,
      missing,
      promise,
      done() {
        clearTimeout(timer);
        open.delete(one);
        if (last === one) last = null;
        resolve();
      },
    };
    open.add(one);
    return one;
  }
  function seen(processId: string, upTo: number): void {
    for (const one of open) {
      if (one.number <= upTo && one.missing.delete(processId) && one.missing.size === 0) one.done();
    }
  }
  function gone(processId: string): void {
    heardAt.delete(processId);
    seen(processId, number);
  }

  const stop = [
    bus.subscribe(MARK, (mark, from) => {
      void handled().then(() => bus.send(from, SEEN, mark));
    }),
    bus.subscribe(SEEN, (mark, from) => seen(from, Number(mark))),
    bus.subscribe(BYE, (_message, from) => gone(from)),
  ];
  return {
    note() {
      noted = true;
    },
    heard: (processId) => void heardAt.set(processId, performance.now()),
    settled() {
      if (!noted) return last?.promise ?? null;
      noted = false;
      const missing = others();
      if (missing.size === 0) return last?.promise ?? null;
      number += 1;
      last = wait(missing);
      bus.publish(MARK, number);
      return last.promise;
    },
    close() {
      bus.publish(BYE, null);
      for (const one of stop) one();
      for (const one of open) one.done();
    },
  };
}
