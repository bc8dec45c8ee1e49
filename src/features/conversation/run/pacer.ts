/** Milliseconds between two sendings of one reply, and how exact that is. */
const EVERY_MS = 40;
const SLOT_MS = 10;

/** Something that collects and is told when to send. */
export interface Paced {
  /** Sends what was collected. */
  flush(): void;
}

interface Entry extends Paced {
  lastAt: number;
  slot: Set<Entry> | null;
}

/** One stream among those of a pacer. */
export interface Pace {
  /** There is something to send: at once after a rest, else when it is due. */
  touch(): void;
  /** It was sent from outside; the next one waits its time. */
  sent(): void;
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

/** Sends the first piece of a stream at once and what follows in regular steps, with one timer for all streams. */
export function createPacer({ everyMs = EVERY_MS, now = () => performance.now() }: PacerOptions = {}): Pacer {
  const slots = Array.from({ length: Math.ceil(everyMs / SLOT_MS) + 2 }, () => new Set<Entry>());
  let waiting = 0;
  let cursor = 0;
  let timer: NodeJS.Timeout | undefined;

  function slotAt(tick: number): Set<Entry> {
    return slots[tick % slots.length] as Set<Entry>;
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

  function tick(): void {
    const time = now();
    const current = Math.floor(time / SLOT_MS);
    const from = Math.max(cursor + 1, current - slots.length + 1);
    cursor = current;
    for (let at = from; at <= current; at += 1) {
      for (const entry of slotAt(at)) {
        take(entry);
        entry.lastAt = time;
        entry.flush();
      }
    }
  }

  function wait(entry: Entry): void {
    if (waiting === 0) {
      cursor = Math.floor(now() / SLOT_MS);
      timer = setInterval(tick, SLOT_MS);
    }
    waiting += 1;
    const due = Math.max(Math.ceil((entry.lastAt + everyMs) / SLOT_MS), cursor + 1);
    entry.slot = slotAt(Math.min(due, cursor + slots.length - 1));
    entry.slot.add(entry);
  }

  return {
    join(paced) {
      const entry: Entry = { flush: () => paced.flush(), lastAt: Number.NEGATIVE_INFINITY, slot: null };
      return {
        touch() {
          if (entry.slot) return;
          const time = now();
          if (time - entry.lastAt < everyMs) return wait(entry);
          entry.lastAt = time;
          entry.flush();
        },
        sent() {
          take(entry);
          entry.lastAt = now();
        },
        end: () => take(entry),
      };
    },
  };
}
