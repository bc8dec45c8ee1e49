import { randomUUID } from 'node:crypto';
import { type Database, type Db, type Json, json } from '../../kernel/database/index.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import { type Access, allowedGrants, listWireGrants, permittedGrants, type Right } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { presentCalendar, presentEvent, presentListed } from './present.ts';
import type * as shapes from './shapes.ts';
import * as store from './store.ts';

export interface CalendarsDeps {
  database: Database;
  access: Access;
  config: Pick<Config, 'get'>;
  events: EventSink;
}

/** The calendar in which scheduled tasks show. It has no row. */
const SCHEDULED = { id: '__scheduled_tasks__', name: 'Scheduled Tasks', color: '#8b5cf6' };
const FIRST = { name: 'Personal', color: '#3b82f6' };
const ANSWERS = ['pending', 'accepted', 'declined', 'tentative'];

export type Calendars = ReturnType<typeof createCalendars>;

/** Rules of calendars (realtime note, 4). Rules of recurrence are not evaluated yet and are refused. */
export function createCalendars({ database, access, config, events }: CalendarsDeps) {
  const { db } = database;
  const viewerOf = async (user: User) => ({ id: user.id, groupIds: await access.groupIds(user.id) });
  const publish = (event: string, actor: User, type: string, id: string, data: JsonObject = {}) =>
    events.publish(event, { actor, subject: { type, id }, data });
  const whole = async (id: string, on: Db = db) => {
    const row = await store.findCalendar(on, id);
    if (!row) throw notFound('Calendar not found');
    return presentCalendar(row, (await listWireGrants(on, 'calendar', [id])).get(id) ?? []);
  };
  const wholeEvent = async (id: string) => {
    const row = await store.findEvent(db, id);
    if (!row) throw notFound('Event not found');
    return presentEvent(row, (await store.attendeesOf(db, [id])).get(id) ?? []);
  };
  const hasAutomations = async (user: User) =>
    config.get('automations.enable') &&
    (user.role === 'admin' || (await access.permissions(user, 'features.automations')));

  async function allows(user: User, row: Pick<store.CalendarRow, 'id' | 'user_id'>, right: Right): Promise<boolean> {
    if (row.user_id === user.id || user.role === 'admin') return true;
    return access.grants.allows(user, 'calendar', row.id, right);
  }

  async function checkCalendar(user: User, id: string, right: Right): Promise<void> {
    const row = await store.findCalendar(db, id);
    if (!row) throw notFound('Calendar not found');
    if (!(await allows(user, row, right))) throw new HttpError(403, 'Access denied');
  }

  async function insert(
    user: User,
    form: Pick<shapes.CalendarForm, 'name' | 'color'> & Partial<shapes.CalendarForm>,
    isDefault: boolean,
  ) {
    const grants = await permittedGrants(access.permissions, user, 'calendar', form.access_grants);
    const now = nowNanoseconds();
    const id = randomUUID();
    await database.transaction(async (tx) => {
      await store.insertCalendar(tx, {
        id,
        user_id: user.id,
        name: form.name,
        color: form.color,
        is_default: isDefault,
        data: encoded(form.data),
        meta: encoded(form.meta),
        created_at: now,
        updated_at: now,
      });
      await access.grants.set(tx, 'calendar', id, grants);
    });
    return whole(id);
  }

  async function presentAll(user: User, rows: readonly store.ListedEvent[]) {
    const attendees = await store.attendeesOf(
      db,
      rows.map((row) => row.id),
    );
    return rows.map((row) => presentListed(row, attendees.get(row.id) ?? [], access.people, user));
  }

  return {
    allows,
    checkCalendar,
    whole: (id: string) => whole(id),
    wholeEvent,

    async list(user: User) {
      const rows = await store.listCalendars(db, await viewerOf(user));
      const grants = await listWireGrants(
        db,
        'calendar',
        rows.map((row) => row.id),
      );
      const found = rows.map((row) => presentCalendar(row, grants.get(row.id) ?? []));
      if (found.length === 0) found.push(await insert(user, FIRST, true));
      if (!(await hasAutomations(user))) return found;
      const now = nowNanoseconds();
      const times = { created_at: now, updated_at: now };
      const rest = { user_id: user.id, is_default: false, is_system: true, data: null, meta: null, access_grants: [] };
      return [...found, { ...SCHEDULED, ...rest, ...times }];
    },

    async create(user: User, form: shapes.CalendarForm) {
      const made = await insert(user, form, false);
      publish('calendar.created', user, 'calendar', made.id, { name: made.name });
      return made;
    },

    async update(user: User, { id }: store.CalendarRow, form: shapes.CalendarUpdateForm) {
      await database.transaction(async (tx) => {
        await store.updateCalendar(tx, id, {});
        const row = await store.findCalendar(tx, id);
        if (!row) throw notFound('Calendar not found');
        await store.updateCalendar(tx, id, {
          ...(typeof form.name === 'string' && { name: form.name }),
          ...(form.color !== undefined && { color: form.color }),
          ...merged(row, form),
        });
      });
      publish('calendar.updated', user, 'calendar', id);
      return whole(id);
    },

    async share(user: User, row: store.CalendarRow, list: unknown) {
      if (row.user_id !== user.id && user.role !== 'admin') throw new HttpError(403, 'Only owner can manage sharing');
      const grants = await allowedGrants(access.permissions, user, 'calendar', list);
      await database.transaction(async (tx) => {
        await access.grants.set(tx, 'calendar', row.id, grants);
        await store.updateCalendar(tx, row.id, {});
      });
      publish('calendar.updated', user, 'calendar', row.id);
      return whole(row.id);
    },

    async remove(user: User, row: store.CalendarRow): Promise<void> {
      if (row.user_id !== user.id && user.role !== 'admin') throw new HttpError(403, 'Only owner can delete calendar');
      if (row.is_default) throw new HttpError(400, 'Default calendar cannot be deleted');
      await database.transaction(async (tx) => {
        await access.grants.remove(tx, 'calendar', [row.id]);
        await store.deleteCalendar(tx, row.id);
      });
      publish('calendar.deleted', user, 'calendar', row.id, { name: row.name });
    },

    async makeDefault(user: User, id: string) {
      await database.transaction(async (tx) => {
        const row = await store.findCalendar(tx, id);
        if (!row || row.user_id !== user.id) throw notFound('Calendar not found');
        await store.setDefault(tx, id, user.id);
      });
      publish('calendar.default_updated', user, 'calendar', id);
      return whole(id);
    },

    async between(user: User, start: bigint, end: bigint, calendarIds: readonly string[] | null) {
      return presentAll(user, await store.eventsBetween(db, await viewerOf(user), { start, end, calendarIds }));
    },

    async search(user: User, query: string | null, offset: number, limit: number) {
      const { items, total } = await store.searchEvents(db, await viewerOf(user), query, offset, limit);
      return { items: await presentAll(user, items), total };
    },

    async createEvent(user: User, form: shapes.EventForm) {
      await checkCalendar(user, form.calendar_id, 'write');
      checkRule(form.rrule);
      const { attendees, data, meta, start_at, end_at, ...rest } = form;
      const now = nowNanoseconds();
      const id = randomUUID();
      await database.transaction(async (tx) => {
        await store.insertEvent(tx, {
          ...rest,
          id,
          user_id: user.id,
          start_at: BigInt(start_at),
          end_at: end_at === null ? null : BigInt(end_at),
          data: encoded(data),
          meta: encoded(meta),
          is_cancelled: false,
          created_at: now,
          updated_at: now,
        });
        await store.setAttendees(tx, id, attendees ?? []);
      });
      publish('calendar.event.created', user, 'calendar.event', id, { title: form.title });
      return wholeEvent(id);
    },

    async updateEvent(user: User, event: store.EventRow, form: shapes.EventUpdateForm) {
      const target = form.calendar_id;
      if (typeof target === 'string' && target !== event.calendar_id) await checkCalendar(user, target, 'write');
      if (form.rrule !== event.rrule) checkRule(form.rrule ?? null);
      await database.transaction(async (tx) => {
        await store.updateEvent(tx, event.id, {});
        const row = await store.findEvent(tx, event.id);
        if (!row) throw notFound('Event not found');
        await store.updateEvent(tx, event.id, { ...columnsOf(form), ...merged(row, form) });
        if (form.attendees) await store.setAttendees(tx, event.id, form.attendees);
      });
      publish('calendar.event.updated', user, 'calendar.event', event.id);
      return wholeEvent(event.id);
    },

    /** An event with the right asked for; null: there is none, or it is not the user's. */
    async openEvent(user: User, id: string, right: Right): Promise<store.EventRow | null> {
      const event = await store.findEvent(db, id);
      const calendar = event && (await store.findCalendar(db, event.calendar_id));
      return event && calendar && (await allows(user, calendar, right)) ? event : null;
    },

    async removeEvent(user: User, event: store.EventRow): Promise<void> {
      await database.transaction((tx) => store.deleteEvent(tx, event.id));
      publish('calendar.event.deleted', user, 'calendar.event', event.id, { title: event.title });
    },

    async answer(user: User, eventId: string, status: string): Promise<void> {
      if (!ANSWERS.includes(status)) throw new HttpError(400, 'Invalid status');
      if (!(await store.answerInvitation(db, eventId, user.id, status))) {
        throw notFound('Not an attendee of this event');
      }
      publish('calendar.event.rsvp_updated', user, 'calendar.event', eventId, { status });
    },
  };
}

function encoded(value: JsonObject | null | undefined): Json | null {
  return value === null || value === undefined ? null : json(value);
}

/** Members that were sent, laid over those that are stored; null changes nothing. */
function merged(row: { data: unknown; meta: unknown }, form: { data?: JsonObject | null; meta?: JsonObject | null }) {
  const over = (old: unknown, sent: JsonObject) => json({ ...(isObject(old) ? old : {}), ...sent });
  return {
    ...(form.data && { data: over(row.data, form.data) }),
    ...(form.meta && { meta: over(row.meta, form.meta) }),
  };
}

function columnsOf(form: shapes.EventUpdateForm) {
  const { title, calendar_id, description, start_at, end_at, all_day, rrule, color, location, is_cancelled } = form;
  return {
    ...(typeof calendar_id === 'string' && { calendar_id }),
    ...(typeof title === 'string' && { title }),
    ...(typeof start_at === 'number' && { start_at: BigInt(start_at) }),
    ...(typeof all_day === 'boolean' && { all_day }),
    ...(typeof is_cancelled === 'boolean' && { is_cancelled }),
    ...(end_at !== undefined && { end_at: end_at === null ? null : BigInt(end_at) }),
    ...(description !== undefined && { description }),
    ...(rrule !== undefined && { rrule }),
    ...(color !== undefined && { color }),
    ...(location !== undefined && { location }),
  };
}

function checkRule(rule: string | null): void {
  if (rule) throw new HttpError(422, 'This server does not evaluate recurrence rules');
}
