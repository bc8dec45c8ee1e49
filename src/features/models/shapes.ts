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

const text = Default(Nullable(Str()), null);
const object = Nullable(Dict());

/** Read further by `readMetaForm`. */
export const ModelMeta = shape(
  'ModelMeta',
  {
    profile_image_url: Optional(Nullable(Str())),
    background_image_url: Optional(Nullable(Str())),
    description: Optional(Nullable(Str())),
    i18n: Optional(object),
    capabilities: Optional(object),
    knowledge: Optional(Nullable(List(Json()))),
    voice: Optional(object),
    voice_avatar: Optional(object),
  },
  { extra: 'keep' },
);
/** Read further by `readParamsForm`. */
export const ModelParams = shape('ModelParams', { model_controls: Optional(Dict()) }, { extra: 'keep' });

const ModelId = Str({ pattern: '^\\S+$' });
export const ModelForm = shape('ModelForm', {
  commit_message: text,
  id: ModelId,
  base_model_id: Optional(Nullable(Str())),
  name: Str(),
  meta: ModelMeta,
  params: ModelParams,
  access_grants: Default(Nullable(List(Dict())), null),
  is_active: Optional(Bool()),
});
export type ModelForm = Static<typeof ModelForm>;

export const ModelIdForm = shape('ModelIdForm', { id: Str() });
export const ModelIdQuery = shape('ModelIdQuery', { id: Str() });
export const ModelAccessGrantsForm = shape('ModelAccessGrantsForm', {
  id: ModelId,
  name: text,
  access_grants: List(Dict()),
});
export type ModelAccessGrantsForm = Static<typeof ModelAccessGrantsForm>;
export const ModelsImportForm = shape('ModelsImportForm', { models: List(Dict()) });
const AccessGrantModel = shape(
  'AccessGrantModel',
  { principal_type: Str(), principal_id: Str(), permission: Str() },
  { extra: 'keep' },
);
const modelFields = {
  id: Str(),
  user_id: Str(),
  name: Str(),
  params: ModelParams,
  meta: ModelMeta,
  is_active: Bool(),
  updated_at: Int(),
  created_at: Int(),
};
export const SyncModelsForm = shape('SyncModelsForm', {
  models: List(
    shape('ModelModel', {
      ...modelFields,
      version_id: text,
      base_model_id: text,
      access_grants: Default(List(AccessGrantModel), []),
    }),
  ),
});
export type SyncModelsForm = Static<typeof SyncModelsForm>;
export const ModelVersionForm = shape('ModelVersionForm', { version_id: Str() });

export const ModelListQuery = shape('WorkspaceModelListQuery', {
  query: text,
  view_option: text,
  tag: text,
  order_by: text,
  direction: text,
  page: Default(Nullable(Int()), 1),
});
export type ModelListQuery = Static<typeof ModelListQuery>;
export const BaseQuery = shape('BaseModelQuery', { tag: text });
export const ExportQuery = shape('ModelExportQuery', { ids: Optional(List(Str())) });
export const HistoryQuery = shape('ModelHistoryQuery', { id: Str(), page: Default(Int(), 1) });

const answerFields = {
  ...modelFields,
  version_id: Nullable(Str()),
  base_model_id: Nullable(Str()),
  access_grants: List(Dict()),
};
export const ModelModel = shape('ModelModel', answerFields);
const itemFields = { ...answerFields, user: object, write_access: Bool() };
export const ModelAccessResponse = shape('ModelAccessResponse', itemFields);
export const ModelAccessListResponse = shape('ModelAccessListResponse', {
  items: List(ModelAccessResponse),
  total: Int(),
});
const historyFields = {
  id: Str(),
  model_id: Str(),
  parent_id: Nullable(Str()),
  user_id: Str(),
  commit_message: Nullable(Str()),
  created_at: Int(),
  user: object,
};
export const ModelHistoryResponse = shape('ModelHistoryResponse', historyFields);
export const ModelHistoryEntry = shape('ModelHistoryEntry', { ...historyFields, snapshot: Dict() });
export const ModelExportResponse = shape('ModelExportResponse', {
  ...answerFields,
  background_image_data: Nullable(Str()),
});
