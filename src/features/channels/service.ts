import { randomUUID } from 'node:crypto';
import type { Database } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Realtime } from '../../kernel/realtime/index.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import {
  type Access,
  allowedGrants,
  listWireGrants,
  memberIds,
  permittedGrants,
  type Right,
  withDescendants,
} from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { presentChannel, presentMember } from './present.ts';
import type { ChannelForm, CreateChannelForm } from './shapes.ts';
import * as store from './store.ts';

export interface ChannelsDeps {
  database: Database;
  access: Access;
  realtime: Pick<Realtime, 'emit' | 'join' | 'leave'>;
  events: EventSink;
}

type Row = store.ChannelRow;

export type Channels = ReturnType<typeof createChannels>;

/** The room of those who watch a channel. */
export const room = (id: string): string => `channel:${id}`;

/** Rules of channels themselves (realtime note, 2): lists, creating, sharing, who reads. */
export function createChannels({ database, access, realtime, events }: ChannelsDeps) {
  const { db } = database;
  const viewerOf = async (user: User) => ({ id: user.id, groupIds: await access.groupIds(user.id) });
  const publish = (event: string, actor: User, id: string, data: JsonObject) =>
    events.publish(event, { actor, subject: { type: 'channel', id }, data });
  const grantsOf = async (id: string) => (await listWireGrants(db, 'channel', [id])).get(id) ?? [];
  const whole = async (row: Row) => presentChannel(row, await grantsOf(row.id));

  async function allows(user: User, row: Row, right: Right): Promise<boolean> {
    if (store.isClosed(row)) {
      const members = await store.membersOf(db, [row.id]);
      return members.some((member) => member.user_id === user.id && member.is_active);
    }
    return user.role === 'admin' || (await access.grants.allows(user, 'channel', row.id, right));
  }

  return {
    allows,
    whole,

    /** The channels of a user. */
    readable: async (user: User): Promise<Row[]> => store.listChannels(db, await viewerOf(user)),

    async list(user: User) {
      const rows = await store.listChannels(db, await viewerOf(user));
      const ids = rows.map((row) => row.id);
      const [grants, members, activity] = await Promise.all([
        listWireGrants(db, 'channel', ids),
        store.membersOf(db, ids),
        store.activity(db, user.id, ids),
      ]);
      return rows.map((row) => {
        const inside = members.filter((member) => member.channel_id === row.id);
        const own = inside.find((member) => member.user_id === user.id);
        const isDirect = row.type === 'dm';
        return {
          ...presentChannel(row, grants.get(row.id) ?? []),
          is_channel_muted: own?.is_channel_muted ?? false,
          user_ids: isDirect ? inside.map((member) => member.user_id ?? '') : null,
          users: isDirect ? inside.filter((member) => member.name !== null).map(presentMember) : null,
          last_message_at: activity.get(row.id)?.last ?? null,
          unread_count: own ? (activity.get(row.id)?.unread ?? 0) : 0,
        };
      });
    },

    /** For administrators the open channels of everybody too; conversations of others are not theirs to list. */
    async listAll(user: User) {
      const own = await store.listChannels(db, await viewerOf(user));
      const open = user.role === 'admin' ? await store.listOpenChannels(db) : [];
      const rows = [...new Map([...own, ...open].map((row) => [row.id, row])).values()];
      const grants = await listWireGrants(
        db,
        'channel',
        rows.map((row) => row.id),
      );
      return rows.map((row) => presentChannel(row, grants.get(row.id) ?? []));
    },

    async create(user: User, form: CreateChannelForm) {
      const type = form.type === '' ? null : form.type;
      const closed = store.isClosed({ type });
      if (!closed && user.role !== 'admin') throw new HttpError(401, detail.UNAUTHORIZED);
      const grants = closed ? [] : await permittedGrants(access.permissions, user, 'channel', form.access_grants);
      const members = closed ? await invited(user, form) : [];
      const known = type === 'dm' ? await findDirect(user, members) : undefined;
      if (known) return reopen(user, known);
      const now = nowNanoseconds();
      const row: Row = {
        id: randomUUID(),
        user_id: user.id,
        name: form.name.toLowerCase(),
        description: form.description,
        data: form.data,
        meta: form.meta,
        created_at: now,
        updated_at: now,
        type,
        is_private: form.is_private,
        archived_at: null,
        archived_by: null,
        deleted_at: null,
        deleted_by: null,
        updated_by: null,
      };
      await database.transaction(async (tx) => {
        await store.insertChannel(tx, { ...row, data: store.encoded(form.data), meta: store.encoded(form.meta) });
        await access.grants.set(tx, 'channel', row.id, grants);
        for (const id of members) await store.ensureMember(tx, row.id, id, user.id);
      });
      if (members.length > 0) invite(row.id, members);
      publish('channel.created', user, row.id, { name: row.name });
      return whole(row);
    },

    /** The conversation with one other person: found, or begun. */
    async direct(user: User, otherId: string) {
      const known = await findDirect(user, [user.id, otherId]);
      if (known) return reopen(user, known);
      return this.create(user, { ...NO_CHANNEL, type: 'dm', user_ids: [otherId] });
    },

    async one(user: User, row: Row) {
      const members = await store.membersOf(db, [row.id]);
      const own = members.find((member) => member.user_id === user.id);
      const closed = store.isClosed(row);
      const unread = (await store.activity(db, user.id, [row.id])).get(row.id)?.unread ?? 0;
      return {
        ...(await whole(row)),
        is_manager:
          user.role === 'admin' || row.user_id === user.id || (own?.is_active === true && own.role === 'manager'),
        write_access: closed || (await allows(user, row, 'write')),
        user_count: closed ? members.length : await countReaders(row),
        is_channel_muted: own?.is_channel_muted ?? false,
        user_ids: closed ? members.map((member) => member.user_id ?? '') : null,
        users: closed ? members.filter((member) => member.name !== null).map(presentMember) : null,
        last_read_at: own?.last_read_at ?? null,
        unread_count: unread,
      };
    },

    async update(user: User, row: Row, form: ChannelForm) {
      const { name, description, is_private, data, meta } = form;
      const changes = { name, description, is_private, updated_at: nowNanoseconds(), updated_by: user.id };
      await store.updateChannel(db, row.id, { ...changes, data: store.encoded(data), meta: store.encoded(meta) });
      publish('channel.updated', user, row.id, { name });
      return whole({ ...row, ...changes, data, meta });
    },

    async share(user: User, row: Row, list: unknown) {
      const grants = await allowedGrants(access.permissions, user, 'channel', list);
      const updated_at = nowNanoseconds();
      await database.transaction(async (tx) => {
        await access.grants.set(tx, 'channel', row.id, grants);
        await store.updateChannel(tx, row.id, { updated_at });
      });
      publish('channel.updated', user, row.id, { name: row.name });
      return whole({ ...row, updated_at });
    },

    async remove(user: User, row: Row): Promise<void> {
      await database.transaction(async (tx) => {
        await access.grants.remove(tx, 'channel', [row.id]);
        await store.deleteChannel(tx, row.id);
      });
      realtime.leave({ rooms: [room(row.id)] }, [room(row.id)]);
      publish('channel.deleted', user, row.id, { name: row.name });
    },
  };

  /** A direct conversation of exactly these people; members whose account is gone do not count. */
  async function findDirect(user: User, people: readonly string[]): Promise<Row | undefined> {
    const rows = await store.listDirect(db, user.id);
    const members = await store.membersOf(
      db,
      rows.map((row) => row.id),
    );
    const wanted = [...new Set(people)].sort().join();
    return rows.find((row) => {
      const present = members.filter((member) => member.channel_id === row.id && member.name !== null);
      return (
        present
          .map((member) => member.user_id)
          .sort()
          .join() === wanted
      );
    });
  }

  /** Shows a conversation again to the one who asks for it. */
  async function reopen(user: User, row: Row) {
    await store.activateMember(db, row.id, user.id);
    invite(
      row.id,
      (await store.membersOf(db, [row.id])).map((member) => member.user_id ?? ''),
    );
    publish('channel.member_active_updated', user, row.id, { is_active: true });
    return whole(row);
  }

  /** Puts the sockets of people into a channel's room and tells them to look at their list. */
  function invite(id: string, people: readonly string[]): void {
    const rooms = people.map((one) => `user:${one}`);
    realtime.join({ rooms }, [room(id)]);
    realtime.emit({ rooms }, 'events:channel', { data: { type: 'channel:created' } });
  }

  /** Who is asked to a new conversation, the one who asks first. */
  async function invited(user: User, form: CreateChannelForm): Promise<string[]> {
    const groups = await access.allGroups();
    const groupIds = (form.group_ids ?? []).flatMap((id) => [...withDescendants(id, groups)]);
    const inGroups = groupIds.length > 0 ? await memberIds(db, groupIds) : [];
    return [...new Set([user.id, ...(form.user_ids ?? []), ...inGroups])];
  }

  /** Accounts in use that may read an open channel. */
  async function countReaders(row: Row): Promise<number> {
    const grants = (await access.grants.list(db, 'channel', [row.id])).get(row.id) ?? [];
    const reading = grants.filter((grant) => grant.permission === 'read');
    const users = db
      .selectFrom('user')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('role', '!=', 'pending');
    if (!reading.some((grant) => grant.principal_type === 'user' && grant.principal_id === '*')) {
      const all = await access.allGroups();
      const groupIds = reading
        .filter((grant) => grant.principal_type === 'group')
        .flatMap((grant) => [...withDescendants(grant.principal_id, all)]);
      const ids = new Set([
        row.user_id ?? '',
        ...reading.filter((grant) => grant.principal_type === 'user').map((grant) => grant.principal_id),
        ...(groupIds.length > 0 ? await memberIds(db, groupIds) : []),
      ]);
      return Number((await users.where('id', 'in', [...ids]).executeTakeFirstOrThrow()).count);
    }
    return Number((await users.executeTakeFirstOrThrow()).count);
  }
}

const NO_CHANNEL: CreateChannelForm = {
  name: '',
  description: null,
  is_private: null,
  data: null,
  meta: null,
  group_ids: null,
  user_ids: null,
  access_grants: null,
  type: null,
};
