import {
  Bool,
  Default,
  Dict,
  Int,
  Json,
  List,
  Nullable,
  Optional,
  type Static,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';

const object = Nullable(Dict());
const text = Default(Nullable(Str()), null);

export const NoteForm = shape('NoteForm', {
  title: Str(),
  /** What is no object becomes the text of the note. */
  data: Default(Json(), null),
  meta: Default(object, null),
  access_grants: Default(Nullable(List(Dict())), null),
});
export type NoteForm = Static<typeof NoteForm>;

export const NoteUpdateForm = shape('NoteUpdateForm', {
  title: Optional(Nullable(Str())),
  data: Optional(object),
  meta: Optional(object),
});
export type NoteUpdateForm = Static<typeof NoteUpdateForm>;

export const NoteAccessGrantsForm = shape('NoteAccessGrantsForm', { access_grants: List(Dict()) });

export const NoteListQuery = shape('NoteListQuery', { page: Default(Nullable(Int()), null) });
export const NoteSearchQuery = shape('NoteSearchQuery', {
  query: text,
  view_option: text,
  permission: text,
  order_by: text,
  direction: text,
  page: Default(Nullable(Int()), 1),
});
export type NoteSearchQuery = Static<typeof NoteSearchQuery>;

const Owner = shape('NoteOwner', { id: Str(), name: Str(), role: Str(), email: Str() });
const noteFields = {
  id: Str(),
  user_id: Str(),
  title: Str(),
  data: object,
  meta: object,
  is_pinned: Nullable(Bool()),
  access_grants: List(Dict()),
  created_at: Int(),
  updated_at: Int(),
};
export const NoteModel = shape('NoteModel', noteFields);
export const NoteResponse = shape('NoteResponse', { ...noteFields, write_access: Bool() });
export const NoteItemResponse = shape('NoteItemResponse', {
  id: Str(),
  title: Str(),
  data: object,
  is_pinned: Nullable(Bool()),
  updated_at: Int(),
  created_at: Int(),
  user: Nullable(Owner),
});
export const NoteListResponse = shape('NoteListResponse', {
  items: List(shape('NoteUserResponse', { ...noteFields, user: Nullable(Owner) })),
  total: Int(),
});
