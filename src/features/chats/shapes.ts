import {
  Bool,
  Default,
  Dict,
  Int,
  Json,
  List,
  Nullable,
  Num,
  OneOf,
  Optional,
  type Static,
  Str,
  shape,
} from '../../kernel/http/shapes.ts';

const text = Default(Nullable(Str()), null);
const object = Nullable(Dict());
const mode = Optional(Nullable(OneOf('continue')));

export const ChatForm = shape('ChatForm', {
  chat: Dict(),
  variables: Default(object, null),
  folder_id: text,
});
export type ChatForm = Static<typeof ChatForm>;

export const ChatImportForm = shape('ChatImportForm', {
  chat: Dict(),
  variables: Default(object, null),
  folder_id: text,
  meta: Default(object, {}),
  pinned: Default(Nullable(Bool()), false),
  archived: Default(Nullable(Bool()), false),
  current_message_id: text,
  created_at: Default(Nullable(Int()), null),
  updated_at: Default(Nullable(Int()), null),
});
export type ChatImportForm = Static<typeof ChatImportForm>;
export const ChatsImportForm = shape('ChatsImportForm', { chats: List(ChatImportForm) });

export const TagForm = shape('TagForm', { name: Str() });
export const TagFilterForm = shape('TagFilterForm', {
  name: Str(),
  skip: Default(Nullable(Int()), 0),
  limit: Default(Nullable(Int()), 50),
});
export type TagFilterForm = Static<typeof TagFilterForm>;

export const MessageForm = shape('MessageForm', { content: text, voice: Default(object, null) });
export type MessageForm = Static<typeof MessageForm>;
export const EventForm = shape('EventForm', { type: Str(), data: Dict() });
export type EventForm = Static<typeof EventForm>;
export const ChatFolderIdForm = shape('ChatFolderIdForm', { folder_id: text });
export const CloneForm = shape('CloneForm', { title: text });
export const ForkForm = Default(Nullable(shape('ForkForm', { message_id: text })), null);
export const CompactChatForm = Default(Nullable(shape('CompactChatForm', { model: text })), null);
export const ShareChatForm = Default(Nullable(shape('ShareChatForm', { share_mode: mode })), null);
export const ChatAccessGrantsForm = shape('ChatAccessGrantsForm', { access_grants: List(Dict()), share_mode: mode });
export type ChatAccessGrantsForm = Static<typeof ChatAccessGrantsForm>;

export const ChatConfigForm = shape('ChatConfigForm', {
  CONTEXT_COMPACTION_MODEL: Default(Nullable(Str()), ''),
  ENABLE_CONTEXT_COMPACTION: Bool(),
  CONTEXT_COMPACTION_TOKEN_THRESHOLD: Default(Nullable(Int()), null),
  CONTEXT_COMPACTION_TOKEN_CAP: Default(Nullable(Int()), null),
  CONTEXT_COMPACTION_RETENTION_PERCENTAGE: Default(Nullable(Int()), null),
  CONTEXT_COMPACTION_PROMPT_TEMPLATE: Str(),
  ENABLE_TOOL_PERMISSIONS: Default(Bool(), false),
  ENABLE_TOOL_SEARCH: Default(Bool(), false),
  TOOL_SEARCH_DEFER_THRESHOLD: Default(Int(), 400),
  TOOL_SEARCH_ALWAYS_LOADED: Default(List(Str()), []),
  TOOL_SEARCH_DEFER_BUILTIN_TOOLS: Default(Bool(), true),
});
export type ChatConfigForm = Static<typeof ChatConfigForm>;

const page = Default(Nullable(Int()), null);

export const ChatListQuery = shape('ChatListQuery', {
  page,
  include_pinned: Default(Nullable(Bool()), false),
  include_folders: Default(Nullable(Bool()), false),
  sort_by: Default(Str(), 'updated_at'),
  sort_dir: Default(Str(), 'desc'),
});
export type ChatListQuery = Static<typeof ChatListQuery>;
export const FolderChatsQuery = shape('FolderChatsQuery', {
  page: Default(Nullable(Int()), 1),
  sort_by: Default(Str(), 'unread_updated_at'),
  sort_dir: Default(Str(), 'desc'),
});
export const OrderedQuery = shape('OrderedChatsQuery', { page, query: text, order_by: text, direction: text });
export type OrderedQuery = Static<typeof OrderedQuery>;
export const SearchQueryForm = shape('ChatSearchQuery', { text: Str(), page });
export const UsageQuery = shape('ChatUsageQuery', {
  items_per_page: Default(Nullable(Int()), 50),
  page: Default(Nullable(Int()), 1),
});
export const StatsQuery = shape('ChatStatsQuery', {
  updated_at: Default(Nullable(Int()), null),
  page: Default(Nullable(Int()), 1),
  stream: Default(Bool(), false),
});
export type StatsQuery = Static<typeof StatsQuery>;

export const ChatResponse = shape('ChatResponse', {
  id: Str(),
  user_id: Str(),
  title: Str(),
  chat: Dict(),
  updated_at: Int(),
  created_at: Int(),
  share_id: Nullable(Str()),
  archived: Bool(),
  pinned: Nullable(Bool()),
  meta: Dict(),
  variables: Dict(),
  folder_id: Nullable(Str()),
  tasks: Nullable(List(Json())),
  summary: Nullable(Str()),
  current_message_id: Nullable(Str()),
  context_usage: object,
});
export const ChatTitleIdResponse = shape('ChatTitleIdResponse', {
  id: Str(),
  title: Str(),
  updated_at: Int(),
  created_at: Int(),
  last_read_at: Nullable(Int()),
  snippet: Nullable(Str()),
  active: Bool(),
  archived: Bool(),
});
export const SharedChatResponse = shape('SharedChatResponse', {
  id: Str(),
  chat_id: Str(),
  title: Str(),
  share_id: Nullable(Str()),
  updated_at: Int(),
  created_at: Int(),
});
export const TagModel = shape('TagModel', { id: Str(), name: Str(), user_id: Str(), meta: object });

const figures = {
  models: Dict(),
  message_count: Int(),
  history_models: Dict(),
  history_message_count: Int(),
  history_user_message_count: Int(),
  history_assistant_message_count: Int(),
  average_response_time: Num(),
  average_user_message_content_length: Num(),
  average_assistant_message_content_length: Num(),
};
export const ChatUsageStatsListResponse = shape('ChatUsageStatsListResponse', {
  items: List(
    shape('ChatUsageStatsResponse', {
      id: Str(),
      ...figures,
      tags: List(Str()),
      last_message_at: Nullable(Int()),
      updated_at: Int(),
      created_at: Int(),
    }),
  ),
  total: Int(),
});
export const ChatStatsExport = shape('ChatStatsExport', {
  id: Str(),
  user_id: Str(),
  created_at: Int(),
  updated_at: Int(),
  tags: List(Str()),
  stats: shape('AggregateChatStats', figures),
  chat: Dict(),
});
