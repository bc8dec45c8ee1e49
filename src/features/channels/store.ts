import { randomUUID } from 'node:crypto';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import { type Db, type Json, json, type Tables } from '../../kernel/database/index.ts';
import type { JsonObject } from '../../kernel/json.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import { grantedTo } from '../access/index.ts';

export type ChannelRow = Selectable<Tables['channel']>;
export type MessageRow = Selectable<Tables['message']>;
type Encoded<T> = Omit<T, 'data' | 'meta'> & { data: Json | null; meta: Json | null };

export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
}

/** Whether membership decides who reads: groups and direct messages. */
export function isClosed({ type }: Pick<ChannelRow, 'type'>): boolean {
  return type === 'group' || type === 'dm';
}

/** SQL condition: the row of `channel` is one the user belongs to. */
function belongs(viewer: Viewer): RawBuilder<boolean> {
  const { id: userId, groupIds } = viewer;
  return sql<boolean>`(channel.archived_at IS NULL AND channel.deleted_at IS NULL AND CASE
    WHEN channel.type IN ('group', 'dm') THEN EXISTS (SELECT 1 FROM channel_member m WHERE m.channel_id = channel.id
      AND m.user_id = ${userId} AND m.is_active)
    ELSE channel.user_id = ${userId}
      OR ${grantedTo({ type: 'channel', right: 'read', id: 'channel.id', userId, groupIds })} END)`;
}

/** The channels of a user: those by membership first. */
export function listChannels(db: Db, viewer: Viewer): Promise<ChannelRow[]> {
  return db
    .selectFrom('channel')
    .selectAll()
    .where(belongs(viewer))
    .orderBy(sql`CASE WHEN channel.type IN ('group', 'dm') THEN 0 ELSE 1 END`)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** Open channels, whoever they are for. */
export function listOpenChannels(db: Db): Promise<ChannelRow[]> {
  return db
    .selectFrom('channel')
    .selectAll()
    .where((eb) => eb.or([eb('type', 'is', null), eb('type', 'not in', ['group', 'dm'])]))
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

export function findChannel(db: Db, id: string): Promise<ChannelRow | undefined> {
  return db.selectFrom('channel').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertChannel(db: Db, row: Encoded<ChannelRow>): Promise<void> {
  await db.insertInto('channel').values(row).execute();
}

export async function updateChannel(db: Db, id: string, changes: Partial<Encoded<ChannelRow>>): Promise<void> {
  await db.updateTable('channel').set(changes).where('id', '=', id).execute();
}

/** Removes a channel with everything in it. */
export async function deleteChannel(tx: Db, id: string): Promise<void> {
  await tx
    .deleteFrom('message_reaction')
    .where('message_id', 'in', (eb) => eb.selectFrom('message').select('id').where('channel_id', '=', id))
    .execute();
  for (const table of ['channel_file', 'channel_webhook', 'channel_member', 'message'] as const) {
    await tx.deleteFrom(table).where('channel_id', '=', id).execute();
  }
  await tx.deleteFrom('channel').where('id', '=', id).execute();
}

/** Members with the names of their accounts, of several channels. */
export function membersOf(db: Db, channelIds: readonly string[]) {
  if (channelIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('channel_member as member')
    .leftJoin('user', 'user.id', 'member.user_id')
    .select([
      'member.channel_id',
      'member.user_id',
      'member.role',
      'member.is_active',
      'member.is_channel_muted',
      'member.last_read_at',
      'user.name',
      'user.status_emoji',
      'user.status_message',
      'user.status_expires_at',
      'user.last_active_at',
    ])
    .where('member.channel_id', 'in', channelIds)
    .where('member.user_id', 'is not', null)
    .orderBy('member.joined_at')
    .orderBy('member.id')
    .execute();
}

export type Member = Awaited<ReturnType<typeof membersOf>>[number];

/** Makes a user a member; one who is stays as they are. */
export async function ensureMember(tx: Db, channelId: string, userId: string, invitedBy: string | null): Promise<void> {
  const present = await tx
    .selectFrom('channel_member')
    .select('id')
    .where('channel_id', '=', channelId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  if (present) return;
  const now = nowNanoseconds();
  const times = { created_at: now, updated_at: now, joined_at: now, invited_at: now, last_read_at: now };
  await tx
    .insertInto('channel_member')
    .values({
      id: randomUUID(),
      channel_id: channelId,
      user_id: userId,
      status: 'joined',
      invited_by: invitedBy,
      ...times,
    })
    .execute();
}

/** Direct conversations a user is a member of, hidden ones too. */
export function listDirect(db: Db, userId: string): Promise<ChannelRow[]> {
  return db
    .selectFrom('channel')
    .selectAll()
    .where('type', '=', 'dm')
    .where('deleted_at', 'is', null)
    .where('archived_at', 'is', null)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('channel_member as m')
          .select('m.id')
          .whereRef('m.channel_id', '=', 'channel.id')
          .where('m.user_id', '=', userId),
      ),
    )
    .orderBy('created_at')
    .execute();
}

export async function activateMember(db: Db, channelId: string, userId: string): Promise<void> {
  await db
    .updateTable('channel_member')
    .set({ is_active: true, updated_at: nowNanoseconds() })
    .where('channel_id', '=', channelId)
    .where('user_id', '=', userId)
    .execute();
}

/** Hidden conversations come back when something is said in them. */
export async function activateMembers(tx: Db, channelId: string): Promise<void> {
  await tx
    .updateTable('channel_member')
    .set({ is_active: true })
    .where('channel_id', '=', channelId)
    .where('is_active', '=', false)
    .where('left_at', 'is', null)
    .execute();
}

/** Time of the last message, replies too, and what a user has not read: by channel. */
export async function activity(db: Db, userId: string, channelIds: readonly string[]) {
  if (channelIds.length === 0) return new Map<string, { last: bigint | null; unread: number }>();
  const rows = await db
    .selectFrom('message')
    .leftJoin('channel_member as member', (join) =>
      join.onRef('member.channel_id', '=', 'message.channel_id').on('member.user_id', '=', userId),
    )
    .select((eb) => ['message.channel_id', eb.fn.max('message.created_at').as('last')])
    .select(
      sql<number>`SUM(CASE WHEN message.parent_id IS NULL AND (message.user_id IS NULL OR message.user_id <> ${userId})
        AND message.created_at > COALESCE(member.last_read_at, 0) THEN 1 ELSE 0 END)`.as('unread'),
    )
    .where('message.channel_id', 'in', channelIds)
    .groupBy('message.channel_id')
    .execute();
  return new Map(
    rows.map((row) => [
      row.channel_id ?? '',
      { last: row.last === null ? null : BigInt(row.last), unread: Number(row.unread) },
    ]),
  );
}

export async function insertMessage(db: Db, row: Encoded<MessageRow>): Promise<void> {
  await db.insertInto('message').values(row).execute();
}

export function findMessage(db: Db, id: string): Promise<MessageRow | undefined> {
  return db.selectFrom('message').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Messages that answer none, newest first. */
export function listRoots(db: Db, channelId: string, offset: number, limit: number): Promise<MessageRow[]> {
  return db
    .selectFrom('message')
    .selectAll()
    .where('channel_id', '=', channelId)
    .where('parent_id', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .offset(offset)
    .execute();
}

/** Names of accounts by id; those that are gone are missing. */
export async function userNamesOf(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) return new Map();
  const rows = await db.selectFrom('user').select(['id', 'name']).where('id', 'in', wanted).execute();
  return new Map(rows.map(({ id, name }) => [id, name ?? '']));
}

export function findMessages(db: Db, ids: readonly string[]): Promise<MessageRow[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db.selectFrom('message').selectAll().where('id', 'in', ids).execute();
}

/** Number and newest time of answers, by message. */
export async function repliesTo(db: Db, ids: readonly string[]) {
  if (ids.length === 0) return new Map<string, { count: number; latest: bigint | null }>();
  const rows = await db
    .selectFrom('message')
    .select((eb) => ['parent_id', eb.fn.countAll<number>().as('count'), eb.fn.max('created_at').as('latest')])
    .where('parent_id', 'in', ids)
    .groupBy('parent_id')
    .execute();
  return new Map(
    rows.map((row) => [
      row.parent_id ?? '',
      { count: Number(row.count), latest: row.latest === null ? null : BigInt(row.latest) },
    ]),
  );
}

/** Reactions of people who still exist, in the order they came. */
export function reactionsTo(db: Db, ids: readonly string[]) {
  if (ids.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('message_reaction as reaction')
    .innerJoin('user', 'user.id', 'reaction.user_id')
    .select(['reaction.message_id', 'reaction.name', 'user.id as user_id', 'user.name as user_name'])
    .where('reaction.message_id', 'in', ids)
    .orderBy('reaction.created_at')
    .orderBy('reaction.id')
    .execute();
}

/** Links the files of a message that lie in the channel to it. */
export async function linkFiles(tx: Db, channelId: string, messageId: string, fileIds: readonly string[]) {
  if (fileIds.length === 0) return;
  await tx
    .updateTable('channel_file')
    .set({ message_id: messageId })
    .where('channel_id', '=', channelId)
    .where('file_id', 'in', fileIds)
    .execute();
}

/** A JSON column as it is written. */
export function encoded(value: JsonObject | null): Json | null {
  return value === null ? null : json(value);
}
