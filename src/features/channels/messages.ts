import { randomUUID } from 'node:crypto';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import { presentMessages } from './message-view.ts';
import { type presentChannel, presentMessage } from './present.ts';
import { type Channels, type ChannelsDeps, room } from './service.ts';
import type { MessageForm } from './shapes.ts';
import * as store from './store.ts';

type Row = store.ChannelRow;

/** Reading and posting in a channel (realtime note, 2). */
export function createChannelMessages(
  { database, access, realtime, events }: ChannelsDeps,
  channels: Pick<Channels, 'whole'>,
) {
  const { db } = database;

  return {
    async list(user: User, row: Row, offset: number, limit: number) {
      if (!store.isClosed(row)) await database.transaction((tx) => store.ensureMember(tx, row.id, user.id, null));
      return presentMessages(db, access.people, await store.listRoots(db, row.id, offset, limit), true);
    },

    async one(row: Row, id: string): Promise<store.MessageRow> {
      const message = await store.findMessage(db, id);
      if (!message) throw new HttpError(404, detail.NOT_FOUND);
      if (message.channel_id !== row.id) throw new HttpError(400, detail.DEFAULT);
      return message;
    },

    full: async (message: store.MessageRow) => (await presentMessages(db, access.people, [message], false))[0],

    async post(user: User, row: Row, form: MessageForm) {
      for (const id of [form.parent_id, form.reply_to_id]) {
        if (id !== null && (await store.findMessage(db, id))?.channel_id !== row.id) {
          throw new HttpError(400, detail.DEFAULT);
        }
      }
      const now = nowNanoseconds();
      const message: store.MessageRow = {
        id: randomUUID(),
        user_id: user.id,
        channel_id: row.id,
        content: form.content,
        data: form.data,
        meta: null,
        created_at: now,
        updated_at: now,
        parent_id: form.parent_id,
        reply_to_id: form.reply_to_id,
        is_pinned: false,
        pinned_at: null,
        pinned_by: null,
        app_id: null,
      };
      await database.transaction(async (tx) => {
        await store.ensureMember(tx, row.id, user.id, null);
        await store.insertMessage(tx, { ...message, data: store.encoded(form.data), meta: null });
        if (store.isClosed(row)) await store.activateMembers(tx, row.id);
        await store.linkFiles(tx, row.id, message.id, fileIds(form.data));
      });
      const channel = await channels.whole(row);
      await tell(user, channel, message, 'message', { temp_id: form.temp_id });
      const parent = form.parent_id === null ? undefined : await store.findMessage(db, form.parent_id);
      if (parent) await tell(user, channel, parent, 'message:reply', {});
      const data = { channel_id: row.id, content_preview: form.content.slice(0, 300) };
      events.publish('message.created', { actor: user, subject: { type: 'message', id: message.id }, data });
      return presentMessage(message);
    },
  };

  async function tell(
    user: User,
    channel: ReturnType<typeof presentChannel>,
    message: store.MessageRow,
    type: string,
    extra: JsonObject,
  ): Promise<void> {
    const [data] = await presentMessages(db, access.people, [message], false);
    realtime.emit({ rooms: [room(channel.id)] }, 'events:channel', {
      channel_id: channel.id,
      message_id: message.id,
      data: { type, data: { ...extra, ...data } },
      user: access.people.shown(null, { id: user.id, name: user.name, role: user.role }),
      channel,
    });
  }
}

function fileIds(data: JsonObject | null): string[] {
  const files = data?.files;
  if (!Array.isArray(files)) return [];
  return files.flatMap((file) => (isObject(file) && typeof file.id === 'string' ? [file.id] : []));
}
