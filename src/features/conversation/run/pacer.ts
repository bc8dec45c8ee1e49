/**
 * Milliseconds between two sendings of one reply. All replies send in the same moments, so the process wakes up once for many of
 * them.
 */
const EVERY_MS = 44;

/** So many replies share a moment; more of them are spread over the steps of this many milliseconds. */
const TOGETHER = 40;
const STEP_MS = 11;

/** Sendings in a second of all replies together; with more of them at once each waits longer, up to so many milliseconds. */
const SENDINGS_PER_SECOND = 3_000;
const LONGEST_MS = 220;

/** Something that collects and is told when to send. */
export interface Paced {
  /** Sends what was collected. */
  flush(): void;
}

interface Entry extends Paced {
  readonly number: number;
  /** The step in which it was sent last. */
  last: number;
  /** Something waits to be sent. */
  touched: boolean;
  /** Somebody waits until it may be sent. */
  waiter: PromiseWithResolvers<void> | null;
  /** The step in which a reader was told that it may read: what it brings goes out, though something went just before. */
  wokenAt: number;
  /** The step it waits for. */
  due: number | null;
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
  /** Milliseconds on a clock that never goes back. */
  now?: () => number;
}

const NOW = Promise.resolve();

/** Sends the first piece of a stream at once and what follows in regular steps, with one timer for all streams. */
export function createPacer({ now = () => performance.now() }: PacerOptions = {}): Pacer {
  const waiting = new Map<number, Set<Entry>>();
  let streams = 0;
  let joined = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerStep = Number.POSITIVE_INFINITY;

  const step = () => Math.floor(now() / STEP_MS);

  /** The first step after its last sending in which the entry may send again. */
  function nextStep({ last, number }: Entry): number {
    if (last < 0) return 0;
    const every = Math.max(EVERY_MS, Math.min((streams * 1_000) / SENDINGS_PER_SECOND, LONGEST_MS));
    const period = Math.ceil(every / STEP_MS);
    const home = streams <= TOGETHER ? 0 : number % period;
    return last + period - ((((last - home) % period) + period) % period);
  }

  function leave(entry: Entry): void {
    if (entry.due === null) return;
    const group = waiting.get(entry.due);
    group?.delete(entry);
    if (group?.size === 0) waiting.delete(entry.due);
    entry.due = null;
  }

  function wake(entry: Entry, at: number): void {
    const { waiter } = entry;
    if (!waiter) return;
    entry.waiter = null;
    entry.wokenAt = at;
    waiter.resolve();
  }

  function send(entry: Entry, at: number): void {
    entry.touched = false;
    entry.last = at;
    entry.wokenAt = Number.NEGATIVE_INFINITY;
    entry.flush();
  }

  function tick(): void {
    timerStep = Number.POSITIVE_INFINITY;
    const at = step();
    for (const [due, group] of [...waiting]) {
      if (due > at) continue;
      for (const entry of group) {
        leave(entry);
        if (entry.touched) send(entry, at);
        wake(entry, at);
      }
    }
    arm();
  }

  function arm(): void {
    let first = Number.POSITIVE_INFINITY;
    for (const due of waiting.keys()) first = Math.min(first, due);
    if (first === timerStep) return;
    clearTimeout(timer);
    timerStep = first;
    if (first < Number.POSITIVE_INFINITY) timer = setTimeout(tick, Math.max(1, Math.ceil(first * STEP_MS - now())));
  }

  function wait(entry: Entry): void {
    if (entry.due !== null) return;
    const due = Math.max(nextStep(entry), step() + 1);
    const group = waiting.get(due) ?? new Set();
    waiting.set(due, group.add(entry));
    entry.due = due;
    if (due < timerStep) arm();
  }

  return {
    join(paced) {
      const entry: Entry = {
        flush: () => paced.flush(),
        number: joined,
        last: -1,
        touched: false,
        waiter: null,
        wokenAt: Number.NEGATIVE_INFINITY,
        due: null,
      };
      let ended = false;
      streams += 1;
      joined += 1;
      return {
        touch() {
          if (entry.touched) return;
          const at = step();
          if (at >= nextStep(entry) || at <= entry.wokenAt + 1) return send(entry, at);
          entry.touched = true;
          wait(entry);
        },
        sent() {
          entry.touched = false;
          entry.last = step();
        },
        due() {
          if (ended || step() >= nextStep(entry)) return NOW;
          entry.waiter ??= Promise.withResolvers();
          wait(entry);
          return entry.waiter.promise;
        },
        end() {
          if (ended) return;
          ended = true;
          streams -= 1;
          entry.touched = false;
          leave(entry);
          wake(entry, step());
          arm();
        },
      };
    },
  };
}
