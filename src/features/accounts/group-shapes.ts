import {
  Bool,
  Default,
  Dict,
  Int,
  Json,
  List,
  Nullable,
  Obj,
  OneOf,
  Optional,
  type Static,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import { BUILT_IN, SECTIONS } from '../access/index.ts';
import { invalidMember } from './auth-route.ts';

export const GroupForm = shape('GroupForm', {
  parent_group_id: Optional(Nullable(Str())),
  name: Str(),
  description: Str(),
  permissions: Default(Nullable(Dict()), null),
  data: Default(Nullable(Dict()), null),
});

/** The form with its default models trimmed and without repeats. Throws 422 where `data` is not as it must be. */
export function readGroupForm(form: Static<typeof GroupForm>): Static<typeof GroupForm> {
  const { data } = form;
  if (!data || !Object.hasOwn(data, 'config') || data.config === null) return form;
  if (!isObject(data.config)) throw invalidMember('data', 'Group config must be an object.', data);
  const { default_models: models } = data.config;
  if (models === undefined || models === null) return form;
  const ids = Array.isArray(models) ? models.map((id) => (typeof id === 'string' ? id.trim() : '')) : [''];
  if (ids.includes('')) {
    throw invalidMember('data', 'Default models must be a list of non-empty model IDs.', data);
  }
  return { ...form, data: { ...data, config: { ...data.config, default_models: [...new Set(ids)] } } };
}

export const UserIdsForm = shape('UserIdsForm', { user_ids: Default(Nullable(List(Str())), null) });

const group = {
  parent_group_id: Nullable(Str()),
  id: Str(),
  user_id: Str(),
  name: Str(),
  description: Str(),
  data: Nullable(Json()),
  meta: Nullable(Json()),
  permissions: Nullable(Json()),
  created_at: Int(),
  updated_at: Int(),
};
export const GroupResponse = shape('GroupResponse', { ...group, member_count: Nullable(Int()) });
export const GroupExportResponse = shape('GroupExportResponse', {
  ...group,
  member_count: Nullable(Int()),
  user_ids: List(Str()),
});

export const MembersQuery = Obj({
  membership: Default(OneOf('direct', 'inherited', 'effective'), 'effective'),
  query: Default(Str(), ''),
  page: Default(Int({ minimum: 1 }), 1),
});

/** The whole tree: every section is needed, a switch that is left out has its built-in value. */
export const UserPermissions = shape(
  'UserPermissions',
  Object.fromEntries(
    SECTIONS.map((section) => {
      const switches = Object.entries(BUILT_IN[section]).map(([key, value]) => [key, Default(Bool(), value)]);
      return [section, Obj(Object.fromEntries(switches) as Record<string, ReturnType<typeof Bool>>)];
    }),
  ),
);
