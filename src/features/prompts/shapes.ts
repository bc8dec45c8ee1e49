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
const text = Default(Nullable(Str()), null);
const tags = Nullable(List(Str()));
const grants = Nullable(List(Dict()));

export const PromptForm = shape('PromptForm', {
  command: Str(),
  name: Str(),
  content: Str(),
  data: Default(object, null),
  meta: Default(object, null),
  tags: Default(tags, null),
  access_grants: Default(grants, null),
  version_id: Optional(Nullable(Str())),
  commit_message: text,
  is_production: Default(Nullable(Bool()), true),
});
export type PromptForm = Static<typeof PromptForm>;
export const PromptMetadataForm = shape('PromptMetadataForm', {
  name: Str(),
  command: Str(),
  tags: Default(tags, null),
});
export type PromptMetadataForm = Static<typeof PromptMetadataForm>;
export const PromptVersionUpdateForm = shape('PromptVersionUpdateForm', { version_id: Str() });
export const PromptAccessGrantsForm = shape('PromptAccessGrantsForm', { access_grants: List(Dict()) });

export const PromptListQuery = Obj({
  query: text,
  view_option: text,
  tag: text,
  order_by: text,
  direction: text,
  page: Default(Nullable(Int()), 1),
});
export type PromptListQuery = Static<typeof PromptListQuery>;
export const HistoryQuery = Obj({ page: Default(Int(), 0) });
export const DiffQuery = Obj({ from_id: Str(), to_id: Str() });

const Person = shape('UserResponse', { id: Str(), name: Str(), role: Str(), email: Str() });
const fields = {
  id: Str(),
  command: Str(),
  user_id: Str(),
  name: Str(),
  content: Str(),
  data: object,
  meta: object,
  tags,
  is_active: Nullable(Bool()),
  version_id: Nullable(Str()),
  created_at: Int(),
  updated_at: Int(),
  access_grants: List(Dict()),
};
export const PromptModel = shape('PromptModel', fields);
export const PromptAccessResponse = shape('PromptAccessResponse', {
  ...fields,
  user: Nullable(Person),
  write_access: Bool(),
});
export const PromptAccessListResponse = shape('PromptAccessListResponse', {
  items: List(PromptAccessResponse),
  total: Int(),
});
const historyFields = {
  id: Str(),
  prompt_id: Str(),
  parent_id: Nullable(Str()),
  snapshot: Dict(),
  user_id: Str(),
  commit_message: Nullable(Str()),
  created_at: Int(),
};
export const PromptHistoryModel = shape('PromptHistoryModel', historyFields);
export const PromptHistoryResponse = shape('PromptHistoryResponse', { ...historyFields, user: Nullable(Person) });
export const PromptDiff = shape('PromptDiffResponse', {
  from_id: Str(),
  to_id: Str(),
  from_snapshot: Dict(),
  to_snapshot: Dict(),
  content_diff: List(Str()),
  line_endings_only: Bool(),
  name_changed: Bool(),
});
