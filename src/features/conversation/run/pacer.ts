/** Milliseconds between two sendings of one reply, and how exact that is. */
const EVERY_MS = 40;
const SLOT_MS = 10;

/** Sendings in a second of all replies together; with more of them at once each waits longer, up to so many milliseconds. */
const SENDINGS_PER_SECOND = 3_000;
const LONGEST_MS = 250;

/** Something that collects and is told when to send. */
export interface Paced {
  /** Sends what was collected. */
  flush(): void;
}

interface Entry extends Paced {
  lastAt: number;
  slot: Set<Entry> | null;
  /** Something waits to be sent. */
  touched: boolean;
  /** Somebody waits until it may be sent. */
  waiter: PromiseWithResolvers<void> | null;
}

/** One stream among those of a pacer. */
export interface Pace {
  /** There is something to send: at once after a rest, else when it is due. */
  touch(): void;
  /** It was sent from outside; the next one waits its time. */
  sent(): void;
  /**
   * Resolves when something would be sent at once. Who reads no sooner than that finds in one piece what came meanwhile, and
   * has one thing to do for many tokens.
   */
  due(): Promise<void>;
  end(): void;
}

export interface Pacer {
  join(paced: Paced): Pace;
}

interface PacerOptions {
  everyMs?: number;
  /** Milliseconds on a clock that never goes back. */
  now?: () => number;
}

const NOW = Promise.resolve();

/** Sends the first piece of a stream at once and what follows in regular steps, with one timer for all streams. */
export function createPacer({ everyMs = EVERY_MS, now = () => performance.now() }: PacerOptions = {}): Pacer {
  const slots = Array.from({ length: Math.ceil(Math.max(everyMs, LONGEST_MS) / SLOT_MS) + 2 }, () => new Set<Entry>());
  let streams = 0;
  let waiting = 0;
  let cursor = 0;
  let timer: NodeJS.Timeout | undefined;

  function slotAt(tick: number): Set<Entry> {
    return slots[tick % slots.length] as Set<Entry>;
  }

  /** When the entry may send again, on the clock. */
  function dueAt(entry: Entry): number {
    return entry.lastAt + Math.max(everyMs, Math.min((streams * 1_000) / SENDINGS_PER_SECOND, LONGEST_MS));
  }

  function take(entry: Entry): void {
    if (!entry.slot) return;
    entry.slot.delete(entry);
    entry.slot = null;
    waiting -= 1;
    if (waiting === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  function wake(entry: Entry): void {
    const { waiter } = entry;
    entry.waiter = null;
    waiter?.resolve();
  }

  function send(entry: Entry, time: number): void {
    entry.touched = false;
    entry.lastAt = time;
    entry.flush();
  }

  function tick(): void {
    const time = now();
    const current = Math.floor(time / SLOT_MS);
    const from = Math.max(cursor + 1, current - slots.length + 1);
    cursor = current;
    for (let at = from; at <= current; at += 1) {
      for (const entry of slotAt(at)) {
        take(entry);
        if (entry.touched) send(entry, time);
        wake(entry);
      }
    }
  }

  function wait(entry: Entry): void {
    if (entry.slot) return;
    if (waiting === 0) {
      cursor = Math.floor(now() / SLOT_MS);
      timer = setInterval(tick, SLOT_MS);
    }
    waiting += 1;
    const due = Math.max(Math.ceil(dueAt(entry) / SLOT_MS), cursor + 1);
    entry.slot = slotAt(Math.min(due, cursor + slots.length - 1));
    entry.slot.add(entry);
  }

  return {
    join(paced) {
      const entry: Entry = {
        flush: () => paced.flush(),
        lastAt: Number.NEGATIVE_INFINITY,
        slot: null,
        touched: false,
        waiter: null,
      };
      let ended = false;
      streams += 1;
      return {
        touch() {
          if (entry.touched) return;
          const time = now();
          if (time >= dueAt(entry)) return send(entry, time);
          entry.touched = true;
          wait(entry);
        },
        sent() {
          entry.touched = false;
          entry.lastAt = now();
          if (!entry.waiter) take(entry);
        },
        due() {
          if (ended || now() >= dueAt(entry)) return NOW;
          entry.waiter ??= Promise.withResolvers();
          wait(entry);
          return entry.waiter.promise;
        },
        end() {
          if (ended) return;
          ended = true;
          streams -= 1;
          entry.touched = false;
          take(entry);
          wake(entry);
        },
      };
    },
  };
}
