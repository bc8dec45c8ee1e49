import { both, may, on, type Access as Policy, resource, whileOn } from '../../kernel/http/access.ts';
import { detail, forbidden, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List, Obj, Str } from '../../kernel/http/shapes.ts';
import { type Calendars, type CalendarsDeps, createCalendars } from './service.ts';
import * as shapes from './shapes.ts';
import { type CalendarRow, type EventRow, findCalendar, findEvent } from './store.ts';

const base = '/api/v1/calendars/';
const done = Obj({ status: Bool() });
const denied = () => forbidden('Access denied');

/** Calendars, their events and who comes (realtime note, 4). */
export function calendarRoutes(deps: CalendarsDeps): Route[] {
  const { database, config } = deps;
  const calendars = createCalendars(deps);
  const user = whileOn(
    () => config.get('calendar.enable'),
    () => forbidden(detail.UNAUTHORIZED),
    may('features.calendar', { status: 403, detail: detail.UNAUTHORIZED }),
  );
  const calendar = resource<CalendarRow>({
    name: 'calendar',
    load: (id) => findCalendar(database.db, id),
    allows: (who, row, right) => calendars.allows(who, row, right === 'write' ? 'write' : 'read'),
    missing: () => notFound('Calendar not found'),
    denied,
  });
  const event = resource<EventRow>({
    name: 'calendar event',
    load: (id) => findEvent(database.db, id),
    allows: async (who, row, right) => {
      await calendars.checkCalendar(who, row.calendar_id, right === 'write' ? 'write' : 'read');
      return true;
    },
    missing: () => notFound('Event not found'),
    denied,
  });
  const of = <T>(policy: Policy<User, T>) => both(user, policy);
  return [
    ...eventRoutes(calendars, user, of(on(event, 'read')), of(on(event, 'write'))),
    ...calendarOnes(calendars, user, of(on(calendar, 'read')), of(on(calendar, 'write'))),
  ];
}

function calendarOnes(
  calendars: Calendars,
  user: Policy<User, undefined>,
  reader: Policy<User, CalendarRow>,
  writer: Policy<User, CalendarRow>,
): Route[] {
  return [
    route({
      method: 'GET',
      url: base,
      access: user,
      reply: List(shapes.CalendarModel),
      handler: ({ user }) => calendars.list(user),
    }),
    route({
      method: 'POST',
      url: `${base}create`,
      access: user,
      body: shapes.CalendarForm,
      reply: shapes.CalendarModel,
      handler: ({ user, body }) => calendars.create(user, body),
    }),
    route({
      method: 'GET',
      url: `${base}:id`,
      access: reader,
      reply: shapes.CalendarModel,
      handler: ({ target }) => calendars.whole(target.id),
    }),
    route({
      method: 'POST',
      url: `${base}:id/update`,
      access: writer,
      body: shapes.CalendarUpdateForm,
      reply: shapes.CalendarModel,
      handler: ({ user, target, body }) => calendars.update(user, target, body),
    }),
    route({
      method: 'POST',
      url: `${base}:id/access/update`,
      access: reader,
      body: shapes.CalendarAccessForm,
      reply: shapes.CalendarModel,
      handler: ({ user, target, body }) => calendars.share(user, target, body.access_grants),
    }),
    route({
      method: 'DELETE',
      url: `${base}:id/delete`,
      access: removable(reader),
      reply: done,
      handler: async ({ user, target }) => {
        await calendars.remove(user, target);
        return { status: true };
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/default`,
      access: user,
      reply: shapes.CalendarModel,
      handler: ({ user, params }) => calendars.makeDefault(user, params.id ?? ''),
    }),
  ];
}

/** The calendar of scheduled tasks has no row, and an answer of its own. */
function removable(policy: Policy<User, CalendarRow>): Policy<User, CalendarRow> {
  return {
    ...policy,
    async check(input) {
      if (input.params.id === '__scheduled_tasks__') throw new HttpError(400, 'System calendars cannot be deleted');
      return (await policy.check?.(input)) as CalendarRow;
    },
  };
}

function eventRoutes(
  calendars: Calendars,
  user: Policy<User, undefined>,
  reader: Policy<User, EventRow>,
  writer: Policy<User, EventRow>,
): Route[] {
  const url = `${base}events`;
  return [
    route({
      method: 'GET',
      url,
      access: user,
      query: shapes.RangeQuery,
      reply: List(shapes.EventUserResponse),
      handler: ({ user, query }) => {
        const ids =
          query.calendar_ids
            ?.split(',')
            .map((id) => id.trim())
            .filter((id) => id !== '') ?? null;
        return calendars.between(user, readTime(query.start), readTime(query.end), ids?.length ? ids : null);
      },
    }),
    route({
      method: 'POST',
      url: `${url}/create`,
      access: user,
      body: shapes.EventForm,
      reply: shapes.EventModel,
      handler: ({ user, body }) => calendars.createEvent(user, body),
    }),
    route({
      method: 'GET',
      url: `${url}/search`,
      access: user,
      query: shapes.SearchQuery,
      reply: shapes.EventListResponse,
      handler: ({ user, query }) =>
        calendars.search(user, query.query, Math.max(0, query.skip), Math.max(0, query.limit)),
    }),
    route({
      method: 'GET',
      url: `${url}/:id`,
      access: reader,
      reply: shapes.EventModel,
      handler: ({ target }) => calendars.wholeEvent(target.id),
    }),
    route({
      method: 'POST',
      url: `${url}/:id/update`,
      access: writer,
      body: shapes.EventUpdateForm,
      reply: shapes.EventModel,
      handler: ({ user, target, body }) => calendars.updateEvent(user, target, body),
    }),
    route({
      method: 'DELETE',
      url: `${url}/:id/delete`,
      access: writer,
      reply: done,
      handler: async ({ user, target }) => {
        await calendars.removeEvent(user, target);
        return { status: true };
      },
    }),
    route({
      method: 'POST',
      url: `${url}/:id/rsvp`,
      access: user,
      body: shapes.RsvpForm,
      reply: Obj({ status: Bool(), rsvp: Str() }),
      handler: async ({ user, params, body }) => {
        await calendars.answer(user, params.id ?? '', body.status);
        return { status: true, rsvp: body.status };
      },
    }),
  ];
}

const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** ISO 8601 as nanoseconds; without an offset the server's own time counts. */
function readTime(text: string): bigint {
  const milliseconds = ISO.test(text) ? new Date(text.length === 10 ? `${text}T00:00` : text).getTime() : Number.NaN;
  if (Number.isNaN(milliseconds)) {
    throw new HttpError(400, 'Invalid date format. Use ISO 8601 (e.g. 2026-04-01T00:00:00)');
  }
  return BigInt(milliseconds) * 1_000_000n;
}
