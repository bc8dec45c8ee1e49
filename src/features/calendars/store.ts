import { randomUUID } from 'node:crypto';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import { type Db, escapeLike, type Json, json, likeFold, type Tables } from '../../kernel/database/index.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import { grantedTo, OWNER } from '../access/index.ts';

export type CalendarRow = Selectable<Tables['calendar']>;
export type EventRow = Selectable<Tables['calendar_event']>;
export type AttendeeRow = Selectable<Tables['calendar_event_attendee']>;
type Encoded<T> = Omit<T, 'data' | 'meta'> & { data: Json | null; meta: Json | null };

export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
}

function readable(viewer: Viewer): RawBuilder<boolean> {
  const granted = grantedTo({
    type: 'calendar',
    right: 'read',
    id: 'calendar.id',
    userId: viewer.id,
    groupIds: viewer.groupIds,
  });
  return sql<boolean>`(calendar.user_id = ${viewer.id} OR ${granted})`;
}

/** Own and readable calendars, oldest first. */
export function listCalendars(db: Db, viewer: Viewer): Promise<CalendarRow[]> {
  return db.selectFrom('calendar').selectAll().where(readable(viewer)).orderBy('created_at').orderBy('id').execute();
}

export function findCalendar(db: Db, id: string): Promise<CalendarRow | undefined> {
  return db.selectFrom('calendar').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertCalendar(db: Db, row: Encoded<CalendarRow>): Promise<void> {
  await db.insertInto('calendar').values(row).execute();
}

export async function updateCalendar(db: Db, id: string, changes: Partial<Encoded<CalendarRow>>): Promise<void> {
  await db
    .updateTable('calendar')
    .set({ ...changes, updated_at: nowNanoseconds() })
    .where('id', '=', id)
    .execute();
}

/** Makes one of a user's calendars the default one. */
export async function setDefault(tx: Db, id: string, userId: string): Promise<void> {
  await tx
    .updateTable('calendar')
    .set({ is_default: false })
    .where('user_id', '=', userId)
    .where('is_default', '=', true)
    .execute();
  await updateCalendar(tx, id, { is_default: true });
}

/** Removes a calendar with its events and who was asked to them. */
export async function deleteCalendar(tx: Db, id: string): Promise<void> {
  await tx
    .deleteFrom('calendar_event_attendee')
    .where('event_id', 'in', (eb) => eb.selectFrom('calendar_event').select('id').where('calendar_id', '=', id))
    .execute();
  await tx.deleteFrom('calendar_event').where('calendar_id', '=', id).execute();
  await tx.deleteFrom('calendar').where('id', '=', id).execute();
}

export function findEvent(db: Db, id: string): Promise<EventRow | undefined> {
  return db.selectFrom('calendar_event').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertEvent(db: Db, row: Encoded<EventRow>): Promise<void> {
  await db.insertInto('calendar_event').values(row).execute();
}

export async function updateEvent(db: Db, id: string, changes: Partial<Encoded<EventRow>>): Promise<void> {
  await db
    .updateTable('calendar_event')
    .set({ ...changes, updated_at: nowNanoseconds() })
    .where('id', '=', id)
    .execute();
}

export async function deleteEvent(tx: Db, id: string): Promise<void> {
  await tx.deleteFrom('calendar_event_attendee').where('event_id', '=', id).execute();
  await tx.deleteFrom('calendar_event').where('id', '=', id).execute();
}

function events(db: Db) {
  return db
    .selectFrom('calendar_event as event')
    .innerJoin('calendar', 'calendar.id', 'event.calendar_id')
    .leftJoin('user', 'user.id', 'event.user_id')
    .selectAll('event')
    .select(OWNER)
    .where('event.is_cancelled', '=', false);
}

export type ListedEvent = Awaited<ReturnType<ReturnType<typeof events>['execute']>>[number];

interface Range {
  /** Nanoseconds. */
  start: bigint;
  end: bigint;
  /** Only these calendars; what the viewer was asked to shows anyway. */
  calendarIds: readonly string[] | null;
}

/** Events within a time, in order: of readable calendars and those the viewer was asked to and has not declined. */
export function eventsBetween(db: Db, viewer: Viewer, { start, end, calendarIds }: Range): Promise<ListedEvent[]> {
  const asked = sql<boolean>`EXISTS (SELECT 1 FROM calendar_event_attendee a WHERE a.event_id = event.id
    AND a.user_id = ${viewer.id} AND a.status <> 'declined')`;
  const wanted =
    calendarIds === null
      ? readable(viewer)
      : calendarIds.length === 0
        ? sql<boolean>`1 = 0`
        : sql<boolean>`(${readable(viewer)} AND calendar.id IN (${sql.join(calendarIds)}))`;
  return events(db)
    .where(sql<boolean>`(${wanted} OR ${asked})`)
    .where(
      sql<boolean>`((event.rrule IS NOT NULL AND event.rrule <> '') OR (event.start_at < ${end}
        AND (event.start_at >= ${start} OR event.end_at > ${start})))`,
    )
    .orderBy('event.start_at')
    .orderBy('event.id')
    .execute();
}

/** Events of readable calendars by their words, latest start first. */
export async function searchEvents(db: Db, viewer: Viewer, query: string | null, offset: number, limit: number) {
  let matching = events(db).where(readable(viewer));
  if (query) {
    const pattern = `%${escapeLike(query)}%`;
    const columns = ['event.title', 'event.description', 'event.location'];
    matching = matching.where(
      sql<boolean>`(${sql.join(
        columns.map((column) => likeFold(db, column, pattern)),
        sql` OR `,
      )})`,
    );
  }
  const [items, counted] = await Promise.all([
    matching.orderBy('event.start_at', 'desc').orderBy('event.id').limit(limit).offset(offset).execute(),
    matching
      .clearSelect()
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}

/** Who was asked to these events. */
export async function attendeesOf(db: Db, eventIds: readonly string[]): Promise<Map<string, AttendeeRow[]>> {
  const found = new Map<string, AttendeeRow[]>(eventIds.map((id) => [id, []]));
  for (let at = 0; at < eventIds.length; at += 500) {
    const rows = await db
      .selectFrom('calendar_event_attendee')
      .selectAll()
      .where('event_id', 'in', eventIds.slice(at, at + 500))
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    for (const row of rows) found.get(row.event_id)?.push(row);
  }
  return found;
}

/** Replaces who is asked to an event; whoever stays keeps the answer given. Accounts that do not exist are left out. */
export async function setAttendees(
  tx: Db,
  eventId: string,
  wanted: readonly { user_id: string; meta: unknown }[],
): Promise<void> {
  const before = new Map(((await attendeesOf(tx, [eventId])).get(eventId) ?? []).map((row) => [row.user_id, row]));
  await tx.deleteFrom('calendar_event_attendee').where('event_id', '=', eventId).execute();
  const asked = new Map(wanted.map((one) => [one.user_id, one]));
  if (asked.size === 0) return;
  const known = await tx
    .selectFrom('user')
    .select('id')
    .where('id', 'in', [...asked.keys()])
    .execute();
  const now = nowNanoseconds();
  const rows = known.map(({ id: userId }) => ({
    id: randomUUID(),
    event_id: eventId,
    user_id: userId,
    status: before.get(userId)?.status ?? 'pending',
    meta: json(asked.get(userId)?.meta ?? null),
    created_at: before.get(userId)?.created_at ?? now,
    updated_at: now,
  }));
  if (rows.length > 0) await tx.insertInto('calendar_event_attendee').values(rows).execute();
}

/** False when the user was not asked. */
export async function answerInvitation(db: Db, eventId: string, userId: string, status: string): Promise<boolean> {
  const result = await db
    .updateTable('calendar_event_attendee')
    .set({ status, updated_at: nowNanoseconds() })
    .where('event_id', '=', eventId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
