import { boolean, defaulted, jsonColumn, nanoseconds, required, seconds, table, text, varchar } from '../columns.ts';

export const knowledge = table(
  {
    id: required(text),
    user_id: required(text),
    name: required(text),
    description: text,
    meta: jsonColumn,
    created_at: required(seconds),
    updated_at: seconds,
    data: jsonColumn,
  },
  { key: ['id'] },
);

export const knowledge_file = table(
  {
    id: required(text),
    user_id: required(text),
    knowledge_id: required(text),
    file_id: required(text),
    created_at: required(seconds),
    updated_at: required(seconds),
    directory_id: text,
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_knowledge_file_knowledge_file', on: ['knowledge_id', 'file_id'] }],
    indexes: [
      { name: 'ix_knowledge_file_directory_id', on: ['directory_id'] },
      { name: 'ix_knowledge_file_knowledge_id', on: ['knowledge_id'] },
      { name: 'ix_knowledge_file_user_id', on: ['user_id'] },
      { name: 'ix_knowledge_file_file_id', on: ['file_id'] },
    ],
    foreignKeys: [
      { name: 'knowledge_file_knowledge_id_fkey', on: 'knowledge_id', references: 'knowledge', delete: 'CASCADE' },
      { name: 'knowledge_file_file_id_fkey', on: 'file_id', references: 'file', delete: 'CASCADE' },
      {
        name: 'fk_knowledge_file_directory_id',
        on: 'directory_id',
        references: 'knowledge_directory',
        delete: 'SET NULL',
      },
    ],
  },
);

export const knowledge_directory = table(
  {
    id: required(text),
    knowledge_id: required(text),
    parent_id: text,
    name: required(text),
    user_id: required(text),
    created_at: required(seconds),
    updated_at: required(seconds),
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_knowledge_directory_knowledge_parent_name', on: ['knowledge_id', 'parent_id', 'name'] }],
    indexes: [
      { name: 'ix_knowledge_directory_parent_id', on: ['parent_id'] },
      { name: 'ix_knowledge_directory_knowledge_id', on: ['knowledge_id'] },
    ],
    foreignKeys: [
      { name: 'knowledge_directory_knowledge_id_fkey', on: 'knowledge_id', references: 'knowledge', delete: 'CASCADE' },
      {
        name: 'knowledge_directory_parent_id_fkey',
        on: 'parent_id',
        references: 'knowledge_directory',
        delete: 'CASCADE',
      },
    ],
  },
);

export const document = table(
  {
    collection_name: required(varchar),
    name: varchar,
    title: text,
    filename: text,
    content: text,
    user_id: varchar,
    timestamp: seconds,
  },
  { key: ['collection_name'], unique: [{ name: 'document_name_key', on: ['name'] }] },
);

export const note = table(
  {
    id: required(text),
    user_id: text,
    title: text,
    data: jsonColumn,
    meta: jsonColumn,
    created_at: nanoseconds,
    updated_at: nanoseconds,
  },
  { key: ['id'] },
);

export const pinned_note = table(
  {
    id: required(text),
    user_id: required(text),
    note_id: required(text),
    created_at: required(nanoseconds),
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_pinned_note', on: ['user_id', 'note_id'] }],
    foreignKeys: [{ name: 'pinned_note_note_id_fkey', on: 'note_id', references: 'note', delete: 'CASCADE' }],
  },
);

export const channel = table(
  {
    id: required(text),
    user_id: text,
    name: text,
    description: text,
    data: jsonColumn,
    meta: jsonColumn,
    created_at: nanoseconds,
    updated_at: nanoseconds,
    type: text,
    is_private: boolean,
    archived_at: nanoseconds,
    archived_by: text,
    deleted_at: nanoseconds,
    deleted_by: text,
    updated_by: text,
  },
  { key: ['id'] },
);

export const channel_member = table(
  {
    id: required(text),
    channel_id: required(text),
    user_id: text,
    created_at: nanoseconds,
    status: text,
    is_active: defaulted(boolean, '1'),
    is_channel_muted: defaulted(boolean, '0'),
    is_channel_pinned: defaulted(boolean, '0'),
    data: jsonColumn,
    meta: jsonColumn,
    joined_at: required(nanoseconds),
    left_at: nanoseconds,
    last_read_at: nanoseconds,
    updated_at: nanoseconds,
    role: text,
    invited_by: text,
    invited_at: nanoseconds,
    app_id: text,
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_channel_member_app', on: ['channel_id', 'app_id'] }],
    indexes: [{ name: 'ix_channel_member_app_active', on: ['app_id', 'is_active'] }],
    check: { name: 'ck_channel_member_identity', sql: '(user_id IS NULL) <> (app_id IS NULL)' },
  },
);

export const channel_file = table(
  {
    id: required(text),
    user_id: required(text),
    channel_id: required(text),
    file_id: required(text),
    created_at: required(seconds),
    updated_at: required(seconds),
    message_id: text,
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_channel_file_channel_file', on: ['channel_id', 'file_id'] }],
    indexes: [
      { name: 'ix_channel_file_channel_id', on: ['channel_id'] },
      { name: 'ix_channel_file_user_id', on: ['user_id'] },
      { name: 'ix_channel_file_file_id', on: ['file_id'] },
    ],
    foreignKeys: [
      { name: 'channel_file_channel_id_fkey', on: 'channel_id', references: 'channel', delete: 'CASCADE' },
      { name: 'channel_file_file_id_fkey', on: 'file_id', references: 'file', delete: 'CASCADE' },
      { name: 'fk_channel_file_message_id', on: 'message_id', references: 'message', delete: 'CASCADE' },
    ],
  },
);

export const channel_webhook = table(
  {
    id: required(text),
    user_id: required(text),
    channel_id: required(text),
    name: required(text),
    profile_image_url: text,
    token: required(text),
    last_used_at: nanoseconds,
    created_at: required(nanoseconds),
    updated_at: required(nanoseconds),
  },
  {
    key: ['id'],
    foreignKeys: [
      { name: 'channel_webhook_channel_id_fkey', on: 'channel_id', references: 'channel', delete: 'CASCADE' },
    ],
  },
);

export const message = table(
  {
    id: required(text),
    user_id: text,
    channel_id: text,
    content: text,
    data: jsonColumn,
    meta: jsonColumn,
    created_at: nanoseconds,
    updated_at: nanoseconds,
    parent_id: text,
    reply_to_id: text,
    is_pinned: defaulted(boolean, '0'),
    pinned_at: nanoseconds,
    pinned_by: text,
    app_id: text,
  },
  { key: ['id'], indexes: [{ name: 'ix_message_app', on: ['app_id'] }] },
);

export const message_reaction = table(
  {
    id: required(text),
    user_id: required(text),
    message_id: required(text),
    name: required(text),
    created_at: nanoseconds,
  },
  { key: ['id'] },
);

export const calendar = table(
  {
    id: required(text),
    user_id: required(text),
    name: required(text),
    color: text,
    is_default: required(boolean),
    data: jsonColumn,
    meta: jsonColumn,
    created_at: required(nanoseconds),
    updated_at: required(nanoseconds),
  },
  { key: ['id'], indexes: [{ name: 'ix_calendar_user', on: ['user_id'] }] },
);

export const calendar_event = table(
  {
    id: required(text),
    calendar_id: required(text),
    user_id: required(text),
    title: required(text),
    description: text,
    start_at: required(nanoseconds),
    end_at: nanoseconds,
    all_day: required(boolean),
    rrule: text,
    color: text,
    location: text,
    data: jsonColumn,
    meta: jsonColumn,
    is_cancelled: required(boolean),
    created_at: required(nanoseconds),
    updated_at: required(nanoseconds),
  },
  {
    key: ['id'],
    indexes: [
      { name: 'ix_calendar_event_user_date', on: ['user_id', 'start_at'] },
      { name: 'ix_calendar_event_calendar', on: ['calendar_id', 'start_at'] },
    ],
  },
);

export const calendar_event_attendee = table(
  {
    id: required(text),
    event_id: required(text),
    user_id: required(text),
    status: required(text),
    meta: jsonColumn,
    created_at: required(nanoseconds),
    updated_at: required(nanoseconds),
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_event_attendee', on: ['event_id', 'user_id'] }],
    indexes: [{ name: 'ix_calendar_event_attendee_user', on: ['user_id', 'status'] }],
  },
);

export const automation = table(
  {
    id: required(text),
    user_id: required(text),
    name: required(text),
    data: required(jsonColumn),
    meta: jsonColumn,
    is_active: required(boolean),
    last_run_at: nanoseconds,
    next_run_at: nanoseconds,
    created_at: required(nanoseconds),
    updated_at: required(nanoseconds),
    folder_id: text,
  },
  {
    key: ['id'],
    indexes: [
      { name: 'ix_automation_user_folder', on: ['user_id', 'folder_id'] },
      { name: 'ix_automation_next_run', on: ['next_run_at'] },
    ],
  },
);

export const automation_run = table(
  {
    id: required(text),
    automation_id: required(text),
    chat_id: text,
    status: required(text),
    error: text,
    created_at: required(nanoseconds),
  },
  { key: ['id'], indexes: [{ name: 'ix_automation_run_automation_id', on: ['automation_id'] }] },
);
