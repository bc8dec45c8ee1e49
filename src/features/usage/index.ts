import { setImmediate } from 'node:timers/promises';
import type { Database } from '../../kernel/database/index.ts';
import { verified } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Default, Int, Nullable, Obj } from '../../kernel/http/shapes.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { countChats, messagesOf } from './store.ts';
import { type Period, Tally } from './tally.ts';

const DAY = 86_400;
const DAYS = 730;
/** A heat map has an entry for each day; ten years of them are enough. */
const MAX_DAYS = 3_660;

const UsageQuery = Obj({
  days: Default(Int({ minimum: 7, maximum: 732 }), DAYS),
  start_date: Default(Nullable(Int()), null),
  end_date: Default(Nullable(Int()), null),
});

/** What users see of their own use of the site (identity note, 11.3). */
export function usageRoutes({ database: { db } }: { database: Database }): Route[] {
  return [
    route({
      method: 'GET',
      url: '/api/v1/users/usage',
      access: verified,
      query: UsageQuery,
      async handler({ user, query, signal }) {
        const tally = new Tally(periodOf(query), user.timezone);
        for await (const messages of messagesOf(db, user.id)) {
          if (signal.aborted) break;
          for (const message of messages) tally.add(message);
          // SQLite answers at once: others get their turn between two batches.
          await setImmediate();
        }
        return tally.result(await countChats(db, user.id));
      },
    }),
  ];
}

function periodOf(query: { days: number; start_date: number | null; end_date: number | null }): Period {
  const end = query.end_date ?? nowSeconds();
  const start = query.start_date ?? end - (query.days - 1) * DAY;
  if (start > end) throw new HttpError(400, 'start_date must be before end_date');
  if (Math.abs(end) > 8_640_000_000_000 || end - start > MAX_DAYS * DAY) {
    throw new HttpError(400, `The period must not be longer than ${MAX_DAYS} days.`);
  }
  return { start, end, days: query.days };
}
