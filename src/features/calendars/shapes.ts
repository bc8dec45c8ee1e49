import {
  Bool,
  Default,
  Dict,
  Int,
  List,
  Nullable,
  Obj,
  Optional,
  type Static,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';

const object = Nullable(Dict());
const text = Nullable(Str());

export const CalendarForm = shape('CalendarForm', {
  name: Str(),
  color: Default(text, null),
  data: Default(object, null),
  meta: Default(object, null),
  access_grants: Default(Nullable(List(Dict())), null),
});
export type CalendarForm = Static<typeof CalendarForm>;
export const CalendarUpdateForm = shape('CalendarUpdateForm', {
  name: Optional(text),
  color: Optional(text),
  data: Optional(object),
  meta: Optional(object),
});
export type CalendarUpdateForm = Static<typeof CalendarUpdateForm>;
export const CalendarAccessForm = shape('CalendarAccessForm', { access_grants: List(Dict()) });

const AttendeeForm = shape('CalendarEventAttendeeForm', { user_id: Str(), meta: Default(object, null) });
export const EventForm = shape('CalendarEventForm', {
  calendar_id: Str(),
  title: Str(),
  description: Default(text, null),
  start_at: Int(),
  end_at: Default(Nullable(Int()), null),
  all_day: Default(Bool(), false),
  rrule: Default(text, null),
  color: Default(text, null),
  location: Default(text, null),
  data: Default(object, null),
  meta: Default(object, null),
  attendees: Default(Nullable(List(AttendeeForm)), null),
});
export type EventForm = Static<typeof EventForm>;
export const EventUpdateForm = shape('CalendarEventUpdateForm', {
  calendar_id: Optional(text),
  title: Optional(text),
  description: Optional(text),
  start_at: Optional(Nullable(Int())),
  end_at: Optional(Nullable(Int())),
  all_day: Optional(Nullable(Bool())),
  rrule: Optional(text),
  color: Optional(text),
  location: Optional(text),
  data: Optional(object),
  meta: Optional(object),
  is_cancelled: Optional(Nullable(Bool())),
  attendees: Optional(Nullable(List(AttendeeForm))),
});
export type EventUpdateForm = Static<typeof EventUpdateForm>;
export const RsvpForm = shape('RSVPForm', { status: Str() });
export const RangeQuery = Obj({ start: Str(), end: Str(), calendar_ids: Default(text, null) });
export const SearchQuery = Obj({ query: Default(text, null), skip: Default(Int(), 0), limit: Default(Int(), 30) });

const Person = shape('UserResponse', { id: Str(), name: Str(), role: Str(), email: Str() });
export const CalendarModel = shape('CalendarModel', {
  id: Str(),
  user_id: Str(),
  name: Str(),
  color: text,
  is_default: Bool(),
  is_system: Bool(),
  data: object,
  meta: object,
  access_grants: List(Dict()),
  created_at: Int(),
  updated_at: Int(),
});
const eventFields = {
  id: Str(),
  calendar_id: Str(),
  user_id: Str(),
  title: Str(),
  description: text,
  start_at: Int(),
  end_at: Nullable(Int()),
  all_day: Bool(),
  rrule: text,
  color: text,
  location: text,
  data: object,
  meta: object,
  is_cancelled: Bool(),
  attendees: List(Dict()),
  created_at: Int(),
  updated_at: Int(),
};
export const EventModel = shape('CalendarEventModel', eventFields, { extra: 'keep' });
export const EventUserResponse = shape(
  'CalendarEventUserResponse',
  { ...eventFields, user: Nullable(Person) },
  { extra: 'keep' },
);
export const EventListResponse = shape('CalendarEventListResponse', { items: List(EventUserResponse), total: Int() });
