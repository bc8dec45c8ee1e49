/** What was counted within five minutes for one model; `at` is the start in seconds. */
export interface Slot {
  at: number;
  model: string;
  value: number;
}

/** Seconds of a slot: every zone's offset is a multiple of it, so that slots fall whole into local buckets. */
export const SLOT = 300;

const MINUTES = { '10m': 10, hourly: 60, '3h': 180, '6h': 360, daily: 1_440 } as const;
export type Granularity = keyof typeof MINUTES;

export interface Bucket {
  date: string;
  models: Record<string, number>;
  start: string | null;
  end: string | null;
  previous: { models: Record<string, number>; start: string; end: string } | null;
}

interface Range {
  start: number;
  end: number;
}

/** Slots summed in local buckets; with a range every bucket of it is there (chats note, 7). */
export function bucketsOf(slots: readonly Slot[], granularity: Granularity, range: Range | null): Bucket[] {
  return [...sums(slots, granularity, range)].sort(byKey).map(([date, models]) => ({
    date,
    models,
    start: null,
    end: null,
    previous: null,
  }));
}

/** The same beside the time of equal length before: bucket for bucket. */
export function compared(
  slots: readonly Slot[],
  before: readonly Slot[],
  granularity: Granularity,
  range: Range,
): Bucket[] {
  const length = range.end - range.start + 1;
  const shifted = before.map((slot) => ({ ...slot, at: slot.at + length }));
  const previous = sums(shifted, granularity, range);
  return [...sums(slots, granularity, range)].sort(byKey).map(([date, models]) => {
    const from = Math.max(range.start, startOf(date));
    const to = Math.min(range.end + 1, nextStart(date, granularity));
    return {
      date,
      models,
      start: localTime(from),
      end: localTime(to),
      previous: {
        models: previous.get(date) ?? {},
        start: localTime(from - length),
        end: localTime(to - length),
      },
    };
  });
}

function sums(slots: readonly Slot[], granularity: Granularity, range: Range | null) {
  const found = new Map<string, Record<string, number>>();
  if (range) {
    for (let at = startOf(keyOf(range.start, granularity)); at <= range.end; ) {
      const key = keyOf(at, granularity);
      found.set(key, {});
      at = nextStart(key, granularity);
    }
  }
  for (const { at, model, value } of slots) {
    // The first slot of a range may begin before it.
    const key = keyOf(range ? Math.max(at, range.start) : at, granularity);
    const models = found.get(key) ?? {};
    models[model] = (models[model] ?? 0) + value;
    found.set(key, models);
  }
  return found;
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const two = (value: number): string => String(value).padStart(2, '0');

function keyOf(seconds: number, granularity: Granularity): string {
  const date = new Date(seconds * 1_000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  if (granularity === 'daily') return day;
  const minutes = date.getHours() * 60 + date.getMinutes();
  const floored = minutes - (minutes % MINUTES[granularity]);
  return `${day} ${two(Math.floor(floored / 60))}:${two(floored % 60)}`;
}

/** Seconds at which a bucket begins. */
function startOf(key: string): number {
  return Math.floor(new Date(key.includes(' ') ? key.replace(' ', 'T') : `${key}T00:00`).getTime() / 1_000);
}

/** By the clock: days and hours may be longer or shorter where the zone changes its offset. */
function nextStart(key: string, granularity: Granularity): number {
  const date = new Date(startOf(key) * 1_000);
  date.setMinutes(date.getMinutes() + MINUTES[granularity]);
  let next = Math.floor(date.getTime() / 1_000);
  while (keyOf(next, granularity) === key) next += 60 * MINUTES['10m'];
  return next;
}

function localTime(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}` +
    `T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  );
}
