import type { JsonObject } from '../../../kernel/json.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { tool, whole } from './tool.ts';

/** What time it is, and what time it was so long ago (plugins note, 4.2). */
export function timeTools({ user }: Pick<TurnContext, 'user'>): [string, TurnTool][] {
  const ago = (unit: string) => ({ type: 'integer', description: `Number of ${unit} to go back`, default: 0 });
  return [
    tool({
      name: 'get_current_timestamp',
      description:
        'Tells the current date and time, as seconds since 1970 and as ISO 8601, also in the zone of the user.',
      run: async () => now(new Date(), user.timezone),
    }),
    tool({
      name: 'calculate_timestamp',
      description: 'Tells the date and time that lies so many days, weeks, months and years before now.',
      parameters: {
        days_ago: ago('days'),
        weeks_ago: ago('weeks'),
        months_ago: ago('months'),
        years_ago: ago('years'),
      },
      run: async (args) => {
        const date = new Date();
        return { ...now(date, user.timezone), ...calculated(goBack(date, args), user.timezone) };
      },
    }),
  ];
}

function now(date: Date, zone: string | null): JsonObject {
  const local = localIso(date, zone);
  return {
    current_timestamp: Math.floor(date.getTime() / 1_000),
    current_iso: date.toISOString(),
    ...(local !== null && { user_local_iso: local, user_timezone: zone }),
  };
}

function calculated(date: Date, zone: string | null): JsonObject {
  const local = localIso(date, zone);
  return {
    calculated_timestamp: Math.floor(date.getTime() / 1_000),
    calculated_iso: date.toISOString(),
    ...(local !== null && { calculated_local_iso: local }),
  };
}

/** Months and years by the calendar: from the 31st to the last day of a shorter month. */
export function goBack(date: Date, args: JsonObject): Date {
  const months = whole(args.months_ago, 0) + 12 * whole(args.years_ago, 0);
  const moved = new Date(date);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() - months);
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(date.getUTCDate(), lastDay));
  moved.setUTCDate(moved.getUTCDate() - whole(args.days_ago, 0) - 7 * whole(args.weeks_ago, 0));
  if (Number.isNaN(moved.getTime())) throw new RangeError('That lies too far back.');
  return moved;
}

/** ISO 8601 with the offset of an IANA zone; null where the zone is none. */
export function localIso(date: Date, zone: string | null): string | null {
  if (!zone) return null;
  try {
    const parts = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
    }).formatToParts(date);
    const of = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
    const offset = of('timeZoneName').replace('GMT', '') || '+00:00';
    return `${of('year')}-${of('month')}-${of('day')}T${of('hour')}:${of('minute')}:${of('second')}${offset}`;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
