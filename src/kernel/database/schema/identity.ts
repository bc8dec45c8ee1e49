import {
  boolean,
  date,
  datetime,
  defaulted,
  integer,
  jsonColumn,
  required,
  seconds,
  table,
  text,
  varchar,
  varchar32,
  varchar50,
} from '../columns.ts';

export const user = table(
  {
    id: required(varchar),
    name: varchar,
    email: varchar,
    role: varchar,
    profile_image_url: text,
    last_active_at: seconds,
    updated_at: seconds,
    created_at: seconds,
    username: varchar50,
    bio: text,
    gender: text,
    date_of_birth: date,
    profile_banner_image_url: text,
    timezone: varchar,
    presence_state: varchar,
    status_emoji: varchar,
    status_message: text,
    status_expires_at: seconds,
    oauth: jsonColumn,
    info: jsonColumn,
    settings: jsonColumn,
    scim: jsonColumn,
    variables: jsonColumn,
  },
  {
    key: ['id'],
    indexes: [{ name: 'uq_user_email_lower', on: ['lower(email)'], unique: true, whereNotNull: 'email' }],
  },
);

export const auth = table(
  {
    id: required(varchar),
    email: varchar,
    password: text,
    active: boolean,
    mfa: jsonColumn,
    session_stamp: text,
  },
  { key: ['id'] },
);

export const api_key = table(
  {
    id: required(text),
    user_id: text,
    key: required(text),
    data: jsonColumn,
    expires_at: seconds,
    last_used_at: seconds,
    created_at: required(seconds),
    updated_at: required(seconds),
  },
  {
    key: ['id'],
    unique: [{ name: 'api_key_key_key', on: ['key'] }],
    foreignKeys: [{ name: 'api_key_user_id_fkey', on: 'user_id', references: 'user', delete: 'CASCADE' }],
  },
);

export const oauth_session = table(
  {
    id: required(text),
    user_id: required(text),
    provider: required(text),
    token: required(text),
    expires_at: required(seconds),
    created_at: required(seconds),
    updated_at: required(seconds),
  },
  {
    key: ['id'],
    indexes: [
      { name: 'idx_oauth_session_user_provider', on: ['user_id', 'provider'] },
      { name: 'idx_oauth_session_expires_at', on: ['expires_at'] },
      { name: 'idx_oauth_session_user_id', on: ['user_id'] },
    ],
    foreignKeys: [{ name: 'oauth_session_user_id_fkey', on: 'user_id', references: 'user', delete: 'CASCADE' }],
  },
);

export const group = table(
  {
    id: required(text),
    user_id: text,
    name: text,
    description: text,
    data: jsonColumn,
    meta: jsonColumn,
    permissions: jsonColumn,
    created_at: seconds,
    updated_at: seconds,
    parent_group_id: text,
  },
  {
    key: ['id'],
    indexes: [{ name: 'ix_group_parent_group_id', on: ['parent_group_id'] }],
    foreignKeys: [{ name: 'fk_group_parent', on: 'parent_group_id', references: 'group', delete: 'SET NULL' }],
  },
);

export const group_member = table(
  {
    id: required(text),
    group_id: required(text),
    user_id: required(text),
    created_at: seconds,
    updated_at: seconds,
  },
  {
    key: ['id'],
    unique: [{ name: 'uq_group_member_group_user', on: ['group_id', 'user_id'] }],
    indexes: [{ name: 'ix_group_member_user_id_group_id', on: ['user_id', 'group_id'] }],
    foreignKeys: [
      { name: 'group_member_group_id_fkey', on: 'group_id', references: 'group', delete: 'CASCADE' },
      { name: 'group_member_user_id_fkey', on: 'user_id', references: 'user', delete: 'CASCADE' },
    ],
  },
);

export const access_grant = table(
  {
    id: required(text),
    resource_type: required(text),
    resource_id: required(text),
    principal_type: required(text),
    principal_id: required(text),
    permission: required(text),
    created_at: required(seconds),
  },
  {
    key: ['id'],
    unique: [
      {
        name: 'uq_access_grant_grant',
        on: ['resource_type', 'resource_id', 'principal_type', 'principal_id', 'permission'],
      },
    ],
    indexes: [
      { name: 'idx_access_grant_principal', on: ['principal_type', 'principal_id'] },
      { name: 'idx_access_grant_resource', on: ['resource_type', 'resource_id'] },
    ],
  },
);

export const config = table(
  {
    key: required(text),
    value: required(jsonColumn),
    updated_at: seconds,
  },
  { key: ['key'], keyName: 'config_pkey1' },
);

export const config_old = table(
  {
    id: required(integer),
    data: required(jsonColumn),
    version: required(integer),
    created_at: defaulted(datetime, 'CURRENT_TIMESTAMP'),
    updated_at: { ...datetime, default: 'CURRENT_TIMESTAMP' },
  },
  { key: ['id'], keyName: 'config_pkey' },
);

export const app = table(
  {
    id: required(text),
    slug: required(text),
    name: required(text),
    user_id: text,
    is_active: defaulted(boolean, '0'),
    data: required(jsonColumn),
    api_key: text,
    created_at: required(seconds),
    updated_at: required(seconds),
  },
  { key: ['id'], unique: [{ name: 'app_slug_key', on: ['slug'] }] },
);

export const alembic_version = table(
  {
    version_num: required(varchar32),
  },
  { key: ['version_num'], keyName: 'alembic_version_pkc' },
);
