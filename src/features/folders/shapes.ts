import {
  Bool,
  Default,
  Dict,
  Int,
  List,
  Nullable,
  OneOf,
  Optional,
  type Static,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';

const object = Nullable(Dict());

export const FolderForm = shape(
  'FolderForm',
  {
    name: Str(),
    data: Default(object, null),
    meta: Default(object, null),
    parent_id: Default(Nullable(Str()), null),
  },
  { extra: 'forbid' },
);
export type FolderForm = Static<typeof FolderForm>;

export const FolderUpdateForm = shape(
  'FolderUpdateForm',
  { name: Optional(Nullable(Str())), data: Optional(object), meta: Optional(object) },
  { extra: 'forbid' },
);
export type FolderUpdateForm = Static<typeof FolderUpdateForm>;

export const FolderParentIdForm = shape('FolderParentIdForm', { parent_id: Default(Nullable(Str()), null) });
export const FolderIsExpandedForm = shape('FolderIsExpandedForm', { is_expanded: Bool() });
export const FolderAccessGrantsForm = shape('FolderAccessGrantsForm', {
  access_grants: List(Dict()),
  share_mode: Optional(Nullable(OneOf('continue'))),
});
export type FolderAccessGrantsForm = Static<typeof FolderAccessGrantsForm>;

export const FolderDeleteQuery = shape('FolderDeleteQuery', { delete_contents: Default(Bool(), true) });
export const SharedChatsQuery = shape('SharedFolderChatsQuery', {
  page: Default(Nullable(Int({ minimum: 1 })), null),
  sort_by: Default(Str(), 'unread_updated_at'),
  sort_dir: Default(Str(), 'desc'),
});
export type SharedChatsQuery = Static<typeof SharedChatsQuery>;

const fields = {
  id: Str(),
  parent_id: Nullable(Str()),
  user_id: Str(),
  name: Str(),
  items: object,
  meta: object,
  data: object,
  is_expanded: Bool(),
  created_at: Int(),
  updated_at: Int(),
};
export const FolderModel = shape('FolderModel', fields);
export const FolderResponse = shape('FolderResponse', {
  ...fields,
  access_grants: List(Dict()),
  write_access: Bool(),
});
export const FolderNameIdResponse = shape('FolderNameIdResponse', {
  id: Str(),
  name: Str(),
  meta: Nullable(shape('FolderMetadataResponse', { icon: Nullable(Str()) })),
  parent_id: Nullable(Str()),
  is_expanded: Bool(),
  unread_count: Int(),
  created_at: Int(),
  updated_at: Int(),
});
