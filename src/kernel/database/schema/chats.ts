import { boolean, defaulted, jsonColumn, nanoseconds, required, seconds, table, text, varchar } from '../columns.ts';

export const chat = table(
  {
    id: required(varchar),
    user_id: varchar,
    title: text,
    created_at: seconds,
    updated_at: seconds,
    share_id: text,
    archived: boolean,
    chat: jsonColumn,
    pinned: boolean,
    meta: defaulted(jsonColumn, "'{}'"),
    folder_id: text,
    tasks: jsonColumn,
    summary: text,
    last_read_at: seconds,
    current_message_id: text,
    variables: jsonColumn,
    timer_at: nanoseconds,
  },
  {
    key: ['id'],
    unique: [{ name: 'chat_share_id_key', on: ['share_id'] }],
    indexes: [
      {
        name: 'user_id_folder_unread_idx',
        on: ['user_id', 'folder_id', 'archived', 'updated_at', 'last_read_at', 'id'],
      },
      { name: 'user_id_timer_at_idx', on: ['user_id', 'timer_at'], whereNotNull: 'timer_at' },
      { name: 'user_id_updated_at_id_idx', on: ['user_id', '-updated_at', 'id'] },
      { name: 'timer_at_idx', on: ['timer_at'], whereNotNull: 'timer_at' },
      { name: 'folder_id_user_id_idx', on: ['folder_id', 'user_id'] },
      { name: 'updated_at_user_id_idx', on: ['updated_at', 'user_id'] },
      { name: 'user_id_archived_idx', on: ['user_id', 'archived'] },
      { name: 'user_id_pinned_idx', on: ['user_id', 'pinned'] },
      { name: 'folder_id_idx', on: ['folder_id'] },
    ],
  },
);

export const chat_message = table(
  {
    id: required(text),
    chat_id: required(text),
    user_id: text,
    role: required(text),
    parent_id: text,
    content: jsonColumn,
    output: jsonColumn,
    model_id: text,
    files: jsonColumn,
    sources: jsonColumn,
    embeds: jsonColumn,
    done: boolean,
    status_history: jsonColumn,
    error: jsonColumn,
    usage: jsonColumn,
    created_at: seconds,
    updated_at: seconds,
    context_summary: text,
    meta: jsonColumn,
  },
  {
    key: ['id'],
    indexes: [
      { name: 'chat_message_chat_role_done_idx', on: ['chat_id', 'role', 'done'] },
      { name: 'chat_message_user_created_idx', on: ['user_id', 'created_at'] },
      { name: 'chat_message_model_created_idx', on: ['model_id', 'created_at'] },
      { name: 'chat_message_chat_parent_idx', on: ['chat_id', 'parent_id'] },
      { name: 'ix_chat_message_model_id', on: ['model_id'] },
      { name: 'ix_chat_message_user_id', on: ['user_id'] },
      { name: 'ix_chat_message_chat_id', on: ['chat_id'] },
      { name: 'ix_chat_message_created_at', on: ['created_at'] },
    ],
    foreignKeys: [{ name: 'chat_message_chat_id_fkey', on: 'chat_id', references: 'chat', delete: 'CASCADE' }],
  },
);

export const chat_file = table(
  {
    id: required(text),
    user_id: required(text),
    chat_id: required(text),
    file_id: required(text),
    message_id: text,
    created_at: required(seconds),
    updated_at: required(seconds),
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_chat_file_chat_file', on: ['chat_id', 'file_id'] }],
    indexes: [
      { name: 'ix_chat_file_file_id', on: ['file_id'] },
      { name: 'ix_chat_file_user_id', on: ['user_id'] },
      { name: 'ix_chat_file_chat_id', on: ['chat_id'] },
      { name: 'ix_chat_file_message_id', on: ['message_id'] },
    ],
    foreignKeys: [
      { name: 'chat_file_chat_id_fkey', on: 'chat_id', references: 'chat', delete: 'CASCADE' },
      { name: 'chat_file_file_id_fkey', on: 'file_id', references: 'file', delete: 'CASCADE' },
    ],
  },
);

export const shared_chat = table(
  {
    id: required(text),
    chat_id: required(text),
    user_id: required(text),
    title: text,
    chat: jsonColumn,
    created_at: seconds,
    updated_at: seconds,
  },
  {
    key: ['id'],
    foreignKeys: [{ name: 'shared_chat_chat_id_fkey', on: 'chat_id', references: 'chat', delete: 'CASCADE' }],
  },
);

export const chatidtag = table(
  {
    id: required(varchar),
    tag_name: varchar,
    chat_id: varchar,
    user_id: varchar,
    timestamp: seconds,
  },
  { key: ['id'] },
);

export const tag = table(
  {
    id: required(varchar),
    name: varchar,
    user_id: varchar,
    meta: jsonColumn,
  },
  { key: ['id', 'user_id'], keyName: 'pk_id_user_id', indexes: [{ name: 'user_id_idx', on: ['user_id'] }] },
);

export const folder = table(
  {
    id: required(text),
    parent_id: text,
    user_id: required(text),
    name: required(text),
    items: jsonColumn,
    meta: jsonColumn,
    is_expanded: required(boolean),
    created_at: required(seconds),
    updated_at: required(seconds),
    data: jsonColumn,
  },
  { key: ['id', 'user_id'] },
);

export const file = table(
  {
    id: required(varchar),
    user_id: varchar,
    filename: text,
    meta: jsonColumn,
    created_at: seconds,
    hash: text,
    data: jsonColumn,
    updated_at: seconds,
    path: text,
  },
  { key: ['id'] },
);

export const feedback = table(
  {
    id: required(text),
    user_id: text,
    version: seconds,
    type: text,
    data: jsonColumn,
    meta: jsonColumn,
    snapshot: jsonColumn,
    created_at: required(seconds),
    updated_at: required(seconds),
  },
  { key: ['id'] },
);

export const memory = table(
  {
    id: required(varchar),
    user_id: varchar,
    content: text,
    updated_at: seconds,
    created_at: seconds,
    type: defaulted(varchar, "'context'"),
    path: text,
    meta: jsonColumn,
  },
  {
    key: ['id'],
    indexes: [
      { name: 'ix_memory_id_user_id', on: ['id', 'user_id'] },
      { name: 'ix_memory_type', on: ['type'] },
      { name: 'ix_memory_user_id', on: ['user_id'] },
    ],
  },
);
