import type { Db } from '../../kernel/database/index.ts';
import { addDay, localDay } from '../../kernel/text/days.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type DayResult, resultsPerDay } from './leaderboard.ts';
import { ratingsOf } from './store.ts';

/**
 * Results of a model per day up to today: of the last `days` days, or since the first result when `days` is 0. The first
 * day of `days` full ones is `back` days ago.
 */
export async function modelHistory(db: Db, modelId: string, days: number, back = days): Promise<DayResult[]> {
  const now = nowSeconds();
  const today = localDay(now);
  const rows = await ratingsOf(db, modelId, days > 0 ? now - days * 86_400 : null);
  return resultsPerDay(rows, days > 0 ? addDay(today, -back) : null, today);
}
