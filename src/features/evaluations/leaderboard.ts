import { addDay, localDay } from '../../kernel/text/days.ts';

/** One rating as stored; anything may be missing. */
interface Rating {
  model_id?: unknown;
  rating?: unknown;
  sibling_model_ids?: unknown;
  tags?: unknown;
}

export interface LeaderboardEntry {
  model_id: string;
  rating: number;
  won: number;
  lost: number;
  count: number;
  top_tags: { tag: string; count: number }[];
}

interface Standing {
  rating: number;
  won: number;
  lost: number;
}

const START = 1_000;
/** How far one result moves a rating. */
const STEP = 32;
const TAGS = 5;

/** Elo ratings of the models that were compared, best first (chats note, 6.4). */
export function leaderboard(rows: readonly { data: unknown }[]): LeaderboardEntry[] {
  const standings = new Map<string, Standing>();
  const tags = new Map<string, Map<string, number>>();
  for (const { data } of rows) {
    if (typeof data !== 'object' || data === null) continue;
    const rating = data as Rating;
    if (typeof rating.model_id !== 'string' || rating.model_id === '') continue;
    countTags(tags, rating.model_id, rating.tags);
    const won = outcome(rating.rating);
    if (won === null) continue;
    for (const opponent of textsOf(rating.sibling_model_ids)) play(standings, rating.model_id, opponent, won);
  }
  return [...standings]
    .map(([model_id, { rating, won, lost }]) => ({
      model_id,
      rating: roundHalfEven(rating),
      won,
      lost,
      count: won + lost,
      top_tags: topTags(tags.get(model_id)),
    }))
    .sort((a, b) => b.rating - a.rating);
}

/** Whether a stored rating is a win, a loss or neither. */
export function outcome(rating: unknown): boolean | null {
  const text = String(rating);
  return text === '1' ? true : text === '-1' ? false : null;
}

function play(standings: Map<string, Standing>, model: string, opponent: string, won: boolean): void {
  const mine = standingOf(standings, model);
  const theirs = standingOf(standings, opponent);
  const expected = 1 / (1 + 10 ** ((theirs.rating - mine.rating) / 400));
  const change = STEP * ((won ? 1 : 0) - expected);
  mine.rating += change;
  theirs.rating -= change;
  mine.won += won ? 1 : 0;
  mine.lost += won ? 0 : 1;
  theirs.won += won ? 0 : 1;
  theirs.lost += won ? 1 : 0;
}

function standingOf(standings: Map<string, Standing>, model: string): Standing {
  let standing = standings.get(model);
  if (!standing) {
    standing = { rating: START, won: 0, lost: 0 };
    standings.set(model, standing);
  }
  return standing;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

function countTags(tags: Map<string, Map<string, number>>, model: string, given: unknown): void {
  const counts = tags.get(model) ?? new Map<string, number>();
  for (const tag of textsOf(given)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  tags.set(model, counts);
}

function topTags(counts: Map<string, number> = new Map()): { tag: string; count: number }[] {
  return [...counts]
    .map(([tag, count]) => ({ tag, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, TAGS);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

export interface DayResult {
  /** `YYYY-MM-DD` in the server's zone. */
  date: string;
  won: number;
  lost: number;
}

/** Wins and losses per day: every day from `first` to `last`, or from the first day with a result when `first` is null. */
export function resultsPerDay(
  rows: readonly { created_at: number; rating: unknown }[],
  first: string | null,
  last: string,
): DayResult[] {
  const days = new Map<string, DayResult>();
  for (const { created_at, rating } of rows) {
    const won = outcome(rating);
    if (won === null) continue;
    const date = localDay(created_at);
    const day = days.get(date) ?? { date, won: 0, lost: 0 };
    if (won) day.won += 1;
    else day.lost += 1;
    days.set(date, day);
  }
  const start = first ?? [...days.keys()].sort()[0];
  if (start === undefined) return [];
  const result: DayResult[] = [];
  for (let date = start; date <= last; date = addDay(date)) result.push(days.get(date) ?? { date, won: 0, lost: 0 });
  return result;
}
