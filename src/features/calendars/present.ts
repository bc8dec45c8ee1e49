import { isObject } from '../../kernel/json.ts';
import type { People, Reader, WireGrant } from '../access/index.ts';
import type { AttendeeRow, CalendarRow, EventRow, ListedEvent } from './store.ts';

/** A row as CalendarModel. */
export function presentCalendar(row: CalendarRow, grants: WireGrant[]) {
  const { id, user_id, name, color, is_default, data, meta, created_at, updated_at } = row;
  return {
    id,
    user_id,
    name,
    color,
    is_default,
    is_system: false,
    data: isObject(data) ? data : null,
    meta: isObject(meta) ? meta : null,
    access_grants: grants,
    created_at,
    updated_at,
  };
}

/** A row as CalendarEventModel. */
export function presentEvent(row: EventRow, attendees: AttendeeRow[]) {
  return {
    id: row.id,
    calendar_id: row.calendar_id,
    user_id: row.user_id,
    title: row.title,
    description: row.description,
    start_at: row.start_at,
    end_at: row.end_at,
    all_day: row.all_day,
    rrule: row.rrule,
    color: row.color,
    location: row.location,
    data: isObject(row.data) ? row.data : null,
    meta: isObject(row.meta) ? row.meta : null,
    is_cancelled: row.is_cancelled,
    attendees,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

/** A row of a list as CalendarEventUserResponse. */
export function presentListed(row: ListedEvent, attendees: AttendeeRow[], people: People, reader: Reader) {
  return { ...presentEvent(row, attendees), user: people.owner(reader, row) };
}
