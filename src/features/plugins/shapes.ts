import {
  Bool,
  Default,
  Dict,
  Int,
  Json,
  List,
  Nullable,
  Obj,
  Optional,
  type Static,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';

const text = Default(Nullable(Str()), null);
const ToolMeta = shape(
  'ToolMeta',
  {
    i18n: Default(Nullable(Dict()), null),
    description: text,
    manifest: Default(Nullable(Dict()), {}),
    has_user_valves: Default(Bool(), false),
  },
  { extra: 'keep' },
);
const FunctionMeta = shape(
  'FunctionMeta',
  { description: text, manifest: Default(Nullable(Dict()), {}) },
  { extra: 'keep' },
);

export const ToolForm = shape('ToolForm', {
  commit_message: text,
  id: Str(),
  name: Str(),
  content: Str(),
  meta: ToolMeta,
  access_grants: Default(Nullable(List(Dict())), null),
});
export type ToolForm = Static<typeof ToolForm>;
export const FunctionForm = shape('FunctionForm', {
  commit_message: text,
  id: Str(),
  name: Str(),
  content: Str(),
  meta: FunctionMeta,
});
export type FunctionForm = Static<typeof FunctionForm>;
export const ToolAccessGrantsForm = shape('ToolAccessGrantsForm', { access_grants: List(Dict()) });
export const VersionForm = shape('ToolVersionForm', { version_id: Str() });
export const LoadUrlForm = shape('LoadUrlForm', { url: Str({ minLength: 1, maxLength: 2083 }) });
export const Valves = Dict();

export const ToolListQuery = Obj({ query: text });
export const ExportQuery = Obj({ include_valves: Default(Bool(), false) });
export const HistoryQuery = Obj({ page: Default(Int(), 1) });
export const DiffQuery = Obj({ from_id: Str(), to_id: Str() });

const Person = shape('UserResponse', { id: Str(), name: Str(), role: Str(), email: Str() });
const toolFields = {
  version_id: Nullable(Str()),
  id: Str(),
  user_id: Nullable(Str()),
  name: Str(),
  meta: ToolMeta,
  access_grants: List(Dict()),
  updated_at: Int(),
  created_at: Int(),
};
export const ToolModel = shape('ToolModel', { ...toolFields, content: Nullable(Str()), specs: List(Dict()) });
export const ToolUserResponse = shape('ToolUserResponse', { ...toolFields, user: Nullable(Person) }, { extra: 'keep' });
export const ToolAccessResponse = shape(
  'ToolAccessResponse',
  { ...toolFields, user: Nullable(Person), write_access: Bool() },
  { extra: 'keep' },
);
const functionFields = {
  version_id: Nullable(Str()),
  id: Str(),
  user_id: Nullable(Str()),
  type: Str(),
  name: Str(),
  meta: FunctionMeta,
  is_active: Bool(),
  is_global: Bool(),
  updated_at: Int(),
  created_at: Int(),
};
export const FunctionResponse = shape('FunctionResponse', functionFields);
export const FunctionUserResponse = shape('FunctionUserResponse', { ...functionFields, user: Nullable(Person) });
export const FunctionModel = shape('FunctionModel', { ...functionFields, content: Str() });
const FunctionWithValves = shape('FunctionWithValvesModel', {
  ...functionFields,
  content: Str(),
  valves: Optional(Nullable(Dict())),
});
export const FunctionExport = List(FunctionWithValves);
export const SyncFunctionsForm = shape('SyncFunctionsForm', { functions: Default(List(Json()), []) });

const historyFields = {
  id: Str(),
  parent_id: Nullable(Str()),
  user_id: Str(),
  commit_message: Nullable(Str()),
  created_at: Int(),
  user: Nullable(Obj({ name: Str() })),
};
export const HistoryItem = Obj(historyFields, { extra: 'keep' });
export const HistoryEntry = Obj({ ...historyFields, snapshot: Dict() }, { extra: 'keep' });
export const HistoryDiff = Obj({
  from_id: Str(),
  to_id: Str(),
  metadata: Dict(),
  content_diff: Str(),
  line_endings_only: Bool(),
});
