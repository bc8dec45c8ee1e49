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
const object = Nullable(Dict());
const page = Default(Nullable(Int()), 1);

export const KnowledgeForm = shape('KnowledgeForm', {
  name: Str(),
  description: Str(),
  access_grants: Default(Nullable(List(Dict())), null),
});
export type KnowledgeForm = Static<typeof KnowledgeForm>;
export const KnowledgeAccessGrantsForm = shape('KnowledgeAccessGrantsForm', { access_grants: List(Dict()) });
export const KnowledgeFileIdForm = shape('KnowledgeFileIdForm', { file_id: Str(), directory_id: text });
export type KnowledgeFileIdForm = Static<typeof KnowledgeFileIdForm>;
export const KnowledgeFileIdForms = List(KnowledgeFileIdForm);
export const KnowledgeFileMoveForm = shape('KnowledgeFileMoveForm', { file_id: Str(), directory_id: text });
export const KnowledgeDirectoryCreateForm = shape('KnowledgeDirectoryCreateForm', { name: Str(), parent_id: text });
export const KnowledgeDirectoryUpdateForm = shape('KnowledgeDirectoryUpdateForm', {
  name: text,
  parent_id: Optional(Nullable(Str())),
});
export type KnowledgeDirectoryUpdateForm = Static<typeof KnowledgeDirectoryUpdateForm>;
const FileManifestEntry = shape('FileManifestEntry', { filename: Str(), path: Str(), checksum: Str(), size: Int() });
export const SyncDiffForm = shape('SyncDiffForm', { manifest: List(FileManifestEntry) });
export type SyncDiffForm = Static<typeof SyncDiffForm>;
export const SyncCleanupForm = shape('SyncCleanupForm', { file_ids: List(Str()), dir_ids: Default(List(Str()), []) });
export type SyncCleanupForm = Static<typeof SyncCleanupForm>;

export const PageQuery = Obj({ page });
export const SearchQuery = Obj({
  query: text,
  view_option: text,
  source: text,
  page,
  order_by: text,
  direction: text,
});
export type SearchQuery = Static<typeof SearchQuery>;
export const FileSearchQuery = Obj({ query: text, include_content: Default(Bool(), false), page });
export const FileListQuery = Obj({
  query: text,
  include_content: Default(Bool(), false),
  view_option: text,
  order_by: text,
  direction: text,
  directory_id: text,
  page,
  limit: Default(Nullable(Int()), null),
});
export type FileListQuery = Static<typeof FileListQuery>;
export const PendingQuery = Obj({ stream: Default(Bool(), false) });
export const RemoveQuery = Obj({ delete_file: Optional(Bool()) });
export const ResetQuery = Obj({ include_directories: Default(Bool(), true) });
export const DirectoryDeleteQuery = Obj({ move_files: Default(Bool(), true) });

const Person = shape('UserResponse', { id: Str(), name: Str(), role: Str(), email: Str() });
const fields = {
  id: Str(),
  user_id: Str(),
  name: Str(),
  description: Str(),
  meta: object,
  access_grants: List(Dict()),
  created_at: Int(),
  updated_at: Int(),
};
const FileMetadataResponse = shape('FileMetadataResponse', {
  id: Str(),
  hash: Nullable(Str()),
  meta: object,
  created_at: Int(),
  updated_at: Int(),
});
const files = Nullable(List(FileMetadataResponse));
export const KnowledgeResponse = shape('KnowledgeResponse', { ...fields, files });
export const KnowledgeFilesResponse = shape('KnowledgeFilesResponse', { ...fields, files, write_access: Bool() });
export const KnowledgeAccessListResponse = shape('KnowledgeAccessListResponse', {
  items: List(
    shape('KnowledgeAccessResponse', {
      ...fields,
      user: Nullable(Person),
      file_count: Nullable(Int()),
      write_access: Bool(),
    }),
  ),
  total: Int(),
});
export const KnowledgeDirectoryModel = shape('KnowledgeDirectoryModel', {
  id: Str(),
  knowledge_id: Str(),
  parent_id: Nullable(Str()),
  name: Str(),
  user_id: Str(),
  created_at: Int(),
  updated_at: Int(),
});
export const KnowledgeFileListResponse = shape('KnowledgeFileListResponse', {
  items: List(Json()),
  directories: List(KnowledgeDirectoryModel),
  breadcrumbs: List(KnowledgeDirectoryModel),
  total: Int(),
});
export const SyncDiffResponse = shape('SyncDiffResponse', {
  added: List(Dict()),
  modified: List(Dict()),
  deleted: List(Dict()),
  mkdir: List(Str()),
  rmdir: List(Str()),
  unmodified_count: Int(),
  directory_map: Dict(Str()),
});
