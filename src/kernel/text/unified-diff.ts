/** A stretch that both sides share: `size` lines from `a` on the left and `b` on the right. */
interface Match {
  a: number;
  b: number;
  size: number;
}

interface Change {
  equal: boolean;
  a0: number;
  a1: number;
  b0: number;
  b1: number;
}

const CONTEXT = 3;
/** From this many lines on, lines that make up more than 1 % of the right side start no match: they are noise. */
const MANY_LINES = 200;

/** A unified diff of two lists of lines, without line ends; empty when they are equal. */
export function unifiedDiff(before: string[], after: string[], names: { from: string; to: string }): string[] {
  const hunks = hunksOf(changes(before, after));
  if (hunks.length === 0) return [];
  const out = [`--- ${names.from}`, `+++ ${names.to}`];
  for (const hunk of hunks) {
    const [first, last] = [hunk[0], hunk.at(-1)];
    if (!first || !last) continue;
    out.push(`@@ -${range(first.a0, last.a1)} +${range(first.b0, last.b1)} @@`);
    for (const { equal, a0, a1, b0, b1 } of hunk) {
      if (equal) out.push(...before.slice(a0, a1).map((line) => ` ${line}`));
      else {
        out.push(...before.slice(a0, a1).map((line) => `-${line}`));
        out.push(...after.slice(b0, b1).map((line) => `+${line}`));
      }
    }
  }
  return out;
}

/** `start,length` as unified diffs count: from 1, the length left out when 1, an empty range named by the line before it. */
function range(start: number, end: number): string {
  const length = end - start;
  if (length === 1) return `${start + 1}`;
  return `${length === 0 ? start : start + 1},${length}`;
}

/** Groups changes with their context; equal stretches longer than two contexts part groups. */
function hunksOf(all: Change[]): Change[][] {
  if (all.every((change) => change.equal)) return [];
  const hunks: Change[][] = [];
  let hunk: Change[] = [];
  all.forEach((change, at) => {
    const { a0, a1, b0, b1 } = change;
    const size = a1 - a0;
    const [first, last] = [at === 0, at === all.length - 1];
    const tail = { equal: true, a0, a1: Math.min(a1, a0 + CONTEXT), b0, b1: Math.min(b1, b0 + CONTEXT) };
    const head = { equal: true, a0: Math.max(a0, a1 - CONTEXT), a1, b0: Math.max(b0, b1 - CONTEXT), b1 };
    if (!change.equal) hunk.push(change);
    else if (first) hunk.push(head);
    else if (last) hunk.push(tail);
    else if (size > 2 * CONTEXT) {
      hunk.push(tail);
      hunks.push(hunk);
      hunk = [head];
    } else hunk.push(change);
  });
  hunks.push(hunk);
  return hunks;
}

function changes(before: string[], after: string[]): Change[] {
  const result: Change[] = [];
  let [a, b] = [0, 0];
  for (const match of [...matches(before, after), { a: before.length, b: after.length, size: 0 }]) {
    if (a < match.a || b < match.b) result.push({ equal: false, a0: a, a1: match.a, b0: b, b1: match.b });
    [a, b] = [match.a + match.size, match.b + match.size];
    if (match.size > 0) result.push({ equal: true, a0: match.a, a1: a, b0: match.b, b1: b });
  }
  return result;
}

/** The longest shared stretch, then the same to its left and right; neighbours are joined. */
function matches(before: string[], after: string[]): Match[] {
  const places = placesOf(after);
  const found: Match[] = [];
  const open: [number, number, number, number][] = [[0, before.length, 0, after.length]];
  for (let area = open.pop(); area; area = open.pop()) {
    const [a0, a1, b0, b1] = area;
    const match = longest(before, after, places, area);
    if (match.size === 0) continue;
    found.push(match);
    if (a0 < match.a && b0 < match.b) open.push([a0, match.a, b0, match.b]);
    if (match.a + match.size < a1 && match.b + match.size < b1) {
      open.push([match.a + match.size, a1, match.b + match.size, b1]);
    }
  }
  found.sort((x, y) => x.a - y.a || x.b - y.b);
  const joined: Match[] = [];
  for (const match of found) {
    const last = joined.at(-1);
    if (last && last.a + last.size === match.a && last.b + last.size === match.b) last.size += match.size;
    else joined.push({ ...match });
  }
  return joined;
}

function placesOf(lines: string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  lines.forEach((line, at) => {
    const list = places.get(line);
    if (list) list.push(at);
    else places.set(line, [at]);
  });
  if (lines.length >= MANY_LINES) {
    const most = Math.floor(lines.length / 100) + 1;
    for (const [line, list] of places) if (list.length > most) places.delete(line);
  }
  return places;
}

/** The longest stretch within the area, the earliest on the left and then on the right; widened by lines too common to start one. */
function longest(
  before: string[],
  after: string[],
  places: Map<string, number[]>,
  [a0, a1, b0, b1]: [number, number, number, number],
): Match {
  let [a, b, size] = [a0, b0, 0];
  let endingAt = new Map<number, number>();
  for (let i = a0; i < a1; i += 1) {
    const next = new Map<number, number>();
    for (const j of places.get(before[i] ?? '') ?? []) {
      if (j < b0) continue;
      if (j >= b1) break;
      const run = (endingAt.get(j - 1) ?? 0) + 1;
      next.set(j, run);
      if (run > size) [a, b, size] = [i - run + 1, j - run + 1, run];
    }
    endingAt = next;
  }
  while (a > a0 && b > b0 && before[a - 1] === after[b - 1]) [a, b, size] = [a - 1, b - 1, size + 1];
  while (a + size < a1 && b + size < b1 && before[a + size] === after[b + size]) size += 1;
  return { a, b, size };
}
