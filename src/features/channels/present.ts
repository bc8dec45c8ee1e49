import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { WireGrant } from '../access/index.ts';
import type { ChannelRow, Member, MessageRow } from './store.ts';

/** A row as ChannelModel. */
export function presentChannel(row: ChannelRow, grants: WireGrant[]) {
  return {
    id: row.id,
    user_id: row.user_id ?? '',
    type: row.type,
    name: row.name ?? '',
    description: row.description,
    is_private: row.is_private,
    data: isObject(row.data) ? row.data : null,
    meta: isObject(row.meta) ? row.meta : null,
    access_grants: grants,
    created_at: row.created_at,
    updated_at: row.updated_at,
    updated_by: row.updated_by,
    archived_at: row.archived_at,
    archived_by: row.archived_by,
    deleted_at: row.deleted_at,
    deleted_by: row.deleted_by,
  };
}

/** Seconds since the last sign of life within which a user counts as active. */
const ACTIVE_SECONDS = 180;

/** A member as UserIdNameStatus. */
export function presentMember(member: Member) {
  return {
    id: member.user_id ?? '',
    name: member.name ?? '',
    status_emoji: member.status_emoji,
    status_message: member.status_message,
    status_expires_at: member.status_expires_at,
    is_active: (member.last_active_at ?? 0) >= nowSeconds() - ACTIVE_SECONDS,
  };
}

/** A row as MessageModel. */
export function presentMessage(row: MessageRow) {
  return {
    id: row.id,
    user_id: row.user_id,
    app_id: row.app_id,
    channel_id: row.channel_id,
    reply_to_id: row.reply_to_id,
    parent_id: row.parent_id,
    is_pinned: row.is_pinned,
    pinned_by: row.pinned_by,
    pinned_at: row.pinned_at,
    content: row.content ?? '',
    data: isObject(row.data) ? row.data : null,
    meta: isObject(row.meta) ? row.meta : null,
    created_at: row.created_at,
    updated_at: row.updated_at,
    etag: String(row.updated_at ?? 0n),
  };
}

/** What lists say of `data`: that there is some; all of it where an app wrote the message. */
export function slimData(row: MessageRow): unknown {
  const { data } = row;
  if (!isObject(data)) return false;
  if (row.app_id !== null) return data;
  return Object.values(data).some(
    (value) => Boolean(value) && (typeof value !== 'object' || value === null || Object.keys(value).length > 0),
  );
}
