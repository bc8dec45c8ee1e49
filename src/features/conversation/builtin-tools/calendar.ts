import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Calendars } from '../../calendars/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { localIso } from './time.ts';
import { countOf, text, tool, whole } from './tool.ts';

const HOUR_NS = 3_600_000_000_000n;
const USUAL_REMINDER = 10;
/** Ends of time for searches that are open on a side. */
const [FIRST, LAST] = [0n, 4_102_444_800_000_000_000n];

const when = (description: string) => ({
  type: 'string',
  description: `${description} (YYYY-MM-DD HH:MM, the user's time)`,
});
const details = {
  end: when('When it ends; default: an hour later'),
  description: { type: 'string', description: 'More about it' },
  calendar_id: { type: 'string', description: 'Which calendar; default: the usual one' },
  all_day: { type: 'boolean', description: 'Whether it takes the whole day', default: false },
  location: { type: 'string', description: 'Where it is' },
  reminder_minutes: { type: 'integer', description: 'Minutes before it at which the user is reminded; -1: never' },
};

/** The user's calendars (plugins note, 4.3). */
export function calendarTools({ user }: Pick<TurnContext, 'user'>, calendars: Calendars): [string, TurnTool][] {
  const id = { type: 'string', description: 'Id of the event' };
  return [
    tool({
      name: 'search_calendar_events',
      description: "Lists the user's events: by words, or within a time.",
      parameters: {
        query: { type: 'string', description: 'Words of title, description or place' },
        start: when('Only events from then on'),
        end: when('Only events until then'),
        count: { type: 'integer', description: 'How many at most', default: 10 },
      },
      run: async (args) => {
        const [start, end] = [optionalTime(args.start, user), optionalTime(args.end, user)];
        const words = text(args.query).trim().toLowerCase();
        const between = await calendars.between(user, start ?? FIRST, end ?? LAST, null);
        const found = between.filter((event) => !event.is_cancelled && mentions(event, words));
        const most = countOf(args.count, 10);
        return { events: found.slice(0, most).map((event) => shown(event, user)), total: found.length };
      },
    }),
    tool({
      name: 'create_calendar_event',
      description: "Puts an event into the user's calendar.",
      parameters: { title: { type: 'string', description: 'What it is' }, start: when('When it begins'), ...details },
      required: ['title', 'start'],
      run: async (args) => {
        const title = text(args.title).trim();
        if (title === '') return { error: 'Give the event a title.' };
        const start = time(args.start, user);
        const end = optionalTime(args.end, user) ?? start + HOUR_NS;
        if (end < start) return { error: 'The end lies before the start.' };
        const event = await calendars.createEvent(user, {
          calendar_id: text(args.calendar_id) || (await usualCalendar(user, calendars)),
          title,
          description: text(args.description) || null,
          start_at: Number(start),
          end_at: Number(end),
          all_day: args.all_day === true,
          rrule: null,
          color: null,
          location: text(args.location) || null,
          data: null,
          meta: { alert_minutes: whole(args.reminder_minutes, USUAL_REMINDER) },
          attendees: null,
        });
        return { status: 'success', ...shown(event, user) };
      },
    }),
    tool({
      name: 'update_calendar_event',
      description: 'Changes an event; what is not given stays.',
      parameters: {
        event_id: id,
        title: { type: 'string', description: 'What it is' },
        start: when('When it begins; the end stays'),
        ...details,
        is_cancelled: { type: 'boolean', description: 'Whether it does not take place' },
      },
      required: ['event_id'],
      run: async (args) => {
        const event = await calendars.openEvent(user, text(args.event_id), 'write');
        if (!event) return ABSENT;
        const [start, end] = [optionalTime(args.start, user), optionalTime(args.end, user)];
        const changed = await calendars.updateEvent(user, event, {
          ...(text(args.title).trim() && { title: text(args.title).trim() }),
          ...(start !== null && { start_at: Number(start) }),
          ...(end !== null && { end_at: Number(end) }),
          ...(typeof args.description === 'string' && { description: args.description }),
          ...(text(args.calendar_id) && { calendar_id: text(args.calendar_id) }),
          ...(typeof args.all_day === 'boolean' && { all_day: args.all_day }),
          ...(typeof args.location === 'string' && { location: args.location }),
          ...(typeof args.is_cancelled === 'boolean' && { is_cancelled: args.is_cancelled }),
          ...(args.reminder_minutes !== undefined && {
            meta: { alert_minutes: whole(args.reminder_minutes, USUAL_REMINDER) },
          }),
        });
        return { status: 'success', ...shown(changed, user) };
      },
    }),
    tool({
      name: 'delete_calendar_event',
      description: 'Deletes an event.',
      parameters: { event_id: id },
      required: ['event_id'],
      run: async (args) => {
        const event = await calendars.openEvent(user, text(args.event_id), 'write');
        if (!event) return ABSENT;
        await calendars.removeEvent(user, event);
        return { status: 'success', message: `"${event.title}" is deleted.` };
      },
    }),
  ];
}

const ABSENT = { error: 'There is no such event, or it is not the user’s to change.' };

async function usualCalendar(user: User, calendars: Calendars): Promise<string> {
  const own = (await calendars.list(user)).filter(({ is_system }) => !is_system);
  const usual = own.find((one) => one.user_id === user.id && one.is_default) ?? own[0];
  if (!usual) throw new Error('The user has no calendar.');
  return usual.id;
}

type Event = Awaited<ReturnType<Calendars['wholeEvent']>>;

function mentions({ title, description, location }: Event, words: string): boolean {
  return words === '' || `${title}\n${description ?? ''}\n${location ?? ''}`.toLowerCase().includes(words);
}

function shown(event: Event, user: User): JsonObject {
  const { id, calendar_id, title, description, start_at, end_at, all_day, location, color, is_cancelled, meta } = event;
  const minutes = isObject(meta) && typeof meta.alert_minutes === 'number' ? meta.alert_minutes : USUAL_REMINDER;
  const at = { start: wallTime(start_at, user), end: end_at === null ? null : wallTime(end_at, user) };
  return {
    id,
    calendar_id,
    title,
    description,
    ...at,
    all_day,
    location,
    reminder_minutes: minutes,
    color,
    is_cancelled,
  };
}

/** `YYYY-MM-DD HH:MM` in the user's zone. */
function wallTime(ns: bigint | number | null, { timezone }: User): string {
  const date = new Date(Number(BigInt(ns ?? 0) / 1_000_000n));
  return (localIso(date, timezone) ?? date.toISOString()).slice(0, 16).replace('T', ' ');
}

const WALL = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::\d\d)?)?$/;

function optionalTime(value: unknown, user: User): bigint | null {
  return text(value).trim() === '' ? null : time(value, user);
}

/** Nanoseconds; a time without a zone is the user's. Throws what the model is told. */
function time(value: unknown, user: User): bigint {
  const given = text(value).trim();
  const parts = WALL.exec(given);
  const ms = parts ? fromWall(parts, user.timezone) : Date.parse(given);
  if (Number.isNaN(ms)) throw new HttpError(400, `"${given}" is no time; write YYYY-MM-DD HH:MM.`);
  return BigInt(ms) * 1_000_000n;
}

/** The moment at which clocks of the zone show this; in the hour that is skipped or comes twice, one of those next to it. */
function fromWall([, year, month, day, hour = '0', minute = '0']: RegExpExecArray, zone: string | null): number {
  const utc = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  const offset = (at: number) => {
    const found = /([+-])(\d\d):(\d\d)$/.exec(localIso(new Date(at), zone) ?? '');
    return found ? (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3])) * 60_000 : 0;
  };
  return utc - offset(utc - offset(utc));
}
