import { Bool, Default, Dict, Int, List, Nullable, Obj, type Static, Str, shape } from '../../kernel/http/shapes.ts';

const object = Nullable(Dict());
const fields = {
  id: Str(),
  user_id: Str(),
  hash: Nullable(Str()),
  filename: Str(),
  data: object,
  created_at: Nullable(Int()),
  updated_at: Nullable(Int()),
};
const FileMeta = shape(
  'FileMeta',
  { name: Nullable(Str()), content_type: Nullable(Str()), size: Nullable(Int()) },
  { extra: 'keep' },
);

export const FileModel = shape('FileModel', { ...fields, path: Nullable(Str()), meta: object });
export const FileModelResponse = shape('FileModelResponse', { ...fields, meta: Nullable(FileMeta) }, { extra: 'keep' });
export const FileListResponse = shape('FileListResponse', { items: List(FileModelResponse), total: Int() });

export const ContentForm = shape('ContentForm', { content: Str() });
export const FileRenameForm = shape('FileRenameForm', { filename: Str() });
export const ContentReply = Obj({ content: Str() });
export const StatusReply = Obj({ status: Str() });
export const MessageReply = Obj({ message: Str() });

const yes = Default(Bool(), true);
const no = Default(Bool(), false);
const skip = Default(Int({ minimum: 0 }), 0);
const limit = (standard: number) => Default(Int({ minimum: 1, maximum: 1_000 }), standard);

export const UploadQuery = Obj({ process: yes, process_in_background: yes });
export type UploadQuery = Static<typeof UploadQuery>;
export const FileListQuery = Obj({ page: Default(Int({ minimum: 1 }), 1), content: yes });
export const FileSearchQuery = Obj({ filename: Str(), content: yes, skip, limit: limit(100) });
export type FileSearchQuery = Static<typeof FileSearchQuery>;
export const OwnFileSearchQuery = Obj({ filename: Default(Str(), '*'), content: no, skip, limit: limit(50) });
export const StatusQuery = Obj({ stream: no });
export const ContentQuery = Obj({ attachment: no });
