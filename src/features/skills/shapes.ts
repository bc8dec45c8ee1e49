import {
  Bool,
  Default,
  Dict,
  Int,
  List,
  Nullable,
  Obj,
  OneOf,
  Optional,
  type Static,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';

const text = Default(Nullable(Str()), null);
const SkillMeta = shape('SkillMeta', {
  i18n: Default(Nullable(Dict()), null),
  tags: Default(Nullable(List(Str())), []),
});
const SkillFile = shape(
  'SkillFile',
  { path: Str(), content: Str(), encoding: Optional(Nullable(OneOf('base64'))) },
  { extra: 'forbid' },
);
const SkillOperation = shape('SkillOperation', {
  op: OneOf('put', 'move', 'delete'),
  path: Str(),
  content: text,
  encoding: Default(Nullable(OneOf('base64')), null),
  destination: text,
});
const files = Optional(Nullable(List(SkillFile)));
const fields = {
  id: Str(),
  name: Str(),
  description: Optional(Nullable(Str())),
  content: Optional(Nullable(Str())),
  files,
  data: Optional(Nullable(Obj({ files }))),
  operations: Optional(Nullable(List(SkillOperation))),
  expected_version_id: Optional(Nullable(Str())),
  commit_message: text,
  access_grants: Default(Nullable(List(Dict())), null),
};
export const SkillForm = shape('SkillForm', {
  ...fields,
  meta: Default(SkillMeta, { i18n: null, tags: [] }),
  is_active: Default(Bool(), true),
});
export type SkillForm = Static<typeof SkillForm>;
/** Only what is in the body counts. */
export const SkillUpdateForm = shape('SkillForm', {
  ...fields,
  id: Optional(Str()),
  name: Optional(Str()),
  meta: Optional(SkillMeta),
  is_active: Optional(Bool()),
});
export type SkillUpdateForm = Static<typeof SkillUpdateForm>;
export const SkillAccessGrantsForm = shape('SkillAccessGrantsForm', { access_grants: List(Dict()) });
export const SkillsQuery = Obj({ query: text });
export const SkillListQuery = Obj({
  query: text,
  view_option: text,
  order_by: text,
  direction: text,
  page: Default(Nullable(Int()), 1),
});
export type SkillListQuery = Static<typeof SkillListQuery>;

const Person = shape('UserResponse', { id: Str(), name: Str(), role: Str(), email: Str() });
const head = {
  id: Str(),
  user_id: Str(),
  name: Str(),
  description: Nullable(Str()),
  version_id: Nullable(Str()),
  meta: SkillMeta,
  is_active: Bool(),
  access_grants: List(Dict()),
  updated_at: Int(),
  created_at: Int(),
};
export const SkillResponse = shape('SkillResponse', head);
export const SkillUserResponse = shape('SkillUserResponse', { ...head, user: Nullable(Person) });
const listed = { ...head, user: Nullable(Person), write_access: Bool() };
export const SkillListResponse = shape('SkillListResponse', {
  items: List(shape('SkillAccessResponse', listed)),
  total: Int(),
});
export const SkillDetailResponse = shape('SkillDetailResponse', { ...listed, content: Str() });
export const SkillModel = shape('SkillModel', { ...head, content: Str(), data: Dict() });
