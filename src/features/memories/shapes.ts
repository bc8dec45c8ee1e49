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

const text = Default(Nullable(Str()), null);
const kind = Default(OneOf('user', 'context', 'all'), 'all');

export const AddMemoryForm = shape('AddMemoryForm', {
  content: Str(),
  type: Default(OneOf('user', 'context'), 'context'),
  path: text,
});
const MemoryOperation = shape('MemoryOperationModel', {
  action: OneOf('add', 'replace', 'remove', 'move'),
  id: text,
  content: text,
  type: Default(Nullable(OneOf('user', 'context')), null),
  path: Optional(Nullable(Str())),
});
export type MemoryOperation = Static<typeof MemoryOperation>;
export const UpdateMemoriesForm = shape('UpdateMemoriesForm', {
  operations: List(MemoryOperation),
  source: Default(Nullable(OneOf('tool', 'background_review')), null),
});
export const QueryMemoryForm = shape('QueryMemoryForm', { content: Str(), k: Default(Nullable(Int()), 1) });
export const SearchMemoriesForm = shape('SearchMemoriesForm', {
  query: text,
  type: kind,
  path: text,
  memory_id: text,
  limit: Default(Int(), 20),
});
export type SearchMemoriesForm = Static<typeof SearchMemoriesForm>;
export const ListMemoryPathsForm = shape('ListMemoryPathsForm', {
  query: text,
  type: kind,
  limit: Default(Int(), 100),
});
export type ListMemoryPathsForm = Static<typeof ListMemoryPathsForm>;
export const ReadMemoryPathForm = shape('ReadMemoryPathForm', {
  path: Str(),
  type: kind,
  include_children: Default(Bool(), true),
  limit: Default(Int(), 50),
});
export type ReadMemoryPathForm = Static<typeof ReadMemoryPathForm>;
export const MemoryUpdateModel = shape('MemoryUpdateModel', {
  content: text,
  type: Default(Nullable(OneOf('user', 'context')), null),
  path: text,
});
export type MemoryUpdateModel = Static<typeof MemoryUpdateModel>;
export const MemoryModel = shape('MemoryModel', {
  id: Str(),
  user_id: Str(),
  type: OneOf('user', 'context'),
  path: Nullable(Str()),
  content: Str(),
  meta: Nullable(Dict()),
  updated_at: Int(),
  created_at: Int(),
});
