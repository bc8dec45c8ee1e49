import type { Database } from '../../kernel/database/index.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Realtime } from '../../kernel/realtime/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { EventSink } from '../configuration/index.ts';
import { historyOf, type JsonObject, type Messages, removeMessage, repairHistory } from './document.ts';
import { deleteRows, type MessageFields, writeRows } from './message-rows.ts';
import type { Reading } from './reading.ts';
import type { ChatRuns } from './runs.ts';
import type { EventForm, MessageForm } from './shapes.ts';
import { type ChatHead, lockChat, saveDocument } from './store.ts';
import { upsertMessage } from './writes.ts';

export interface MessagesDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  events: EventSink;
  realtime: Pick<Realtime, 'emit'>;
  reading: Reading;
  runs: Pick<ChatRuns, 'tell'>;
  log: Pick<Log, 'error'>;
}

/** Characters of JSON. */
const VOICE_LIMIT = 100_000;
const PREVIEW = 300;

/** Changing single messages of a chat (chats note, 2.3). */
export function createMessages({ database, events, realtime, reading, runs, log }: MessagesDeps) {
  function emit(chat: ChatHead, messageId: string, data: { type: string; data: unknown }): void {
    const envelope = { chat_id: chat.id, message_id: messageId };
    const own = [`user:${chat.user_id}`];
    realtime.emit({ rooms: own }, 'events', { ...envelope, data });
    if (!SHARED_TYPES.has(data.type)) return;
    const shared = { ...envelope, user_id: chat.user_id, shared: true, data };
    realtime.emit({ rooms: [`chat:${chat.id}`], except: own }, 'events', shared);
  }

  /** Stores what an event tells, and tells it. False when that fails. */
  async function store(chat: ChatHead, messageId: string, { type, data }: EventForm): Promise<boolean> {
    try {
      const sent = await database.transaction(async (tx) => {
        const locked = await lockChat(tx, chat.id);
        const message = locked && historyOf(locked.document).messages[messageId];
        const told = foldEvent(message ?? {}, type, data);
        if (told.fields) await upsertMessage(tx, chat.id, messageId, told.fields, { touch: TOUCHING.has(type) });
        return told.data;
      });
      emit(chat, messageId, { type, data: sent });
      return true;
    } catch (error) {
      log.error({ err: error, chat: chat.id }, 'an event of a message could not be stored');
      return false;
    }
  }

  return {
    async edit(user: User, chat: ChatHead, messageId: string, { content, voice }: MessageForm) {
      if (content === null && voice === null) throw new HttpError(400, 'No message changes supplied');
      if (voice && JSON.stringify(voice).length > VOICE_LIMIT) throw new HttpError(400, 'Voice metadata is too large');
      const fields: MessageFields = {
        ...(content !== null && { content }),
        ...(voice !== null && { meta: { voice } }),
      };
      await database.transaction(async (tx) => {
        if (content === null) {
          const locked = await lockChat(tx, chat.id);
          if (!locked || !historyOf(locked.document).messages[messageId]) throw notFound();
        }
        if (!(await upsertMessage(tx, chat.id, messageId, fields))) throw notFound();
      });
      const only = { chat_id: chat.id, message_id: messageId };
      if (content === null) emit(chat, messageId, { type: 'chat:message:voice', data: { ...only, voice } });
      else emit(chat, messageId, { type: 'chat:message', data: { ...only, content } });
      events.publish('message.updated', {
        actor: user,
        subject: { id: messageId },
        data: { chat_id: chat.id, content_preview: [...(content ?? '')].slice(0, PREVIEW).join('') },
      });
      return reading.whole(chat.id);
    },

    async remove(user: User, chat: ChatHead, messageId: string) {
      await database.transaction(async (tx) => {
        const locked = await lockChat(tx, chat.id);
        if (!locked) throw notFound();
        const history = historyOf(locked.document);
        repairHistory(history);
        const removal = removeMessage(history, messageId);
        await saveDocument(tx, locked.head, locked.document, { touch: removal !== null });
        if (!removal) return;
        await deleteRows(tx, chat.id, removal.removed);
        const moved: Messages = {};
        for (const id of removal.moved) {
          const message = history.messages[id];
          if (message) moved[id] = message;
        }
        await writeRows(tx, locked.head, moved);
      });
      events.publish('message.deleted', { actor: user, subject: { id: messageId }, data: { chat_id: chat.id } });
      return reading.whole(chat.id);
    },

    /** Sends an event as if the reply itself had, and stores what it tells. False when that fails. */
    async send(user: User, chat: ChatHead, messageId: string, { type, data }: EventForm): Promise<boolean> {
      const running = !TOUCHING.has(type) && runs.tell(chat.id, messageId, { type, data });
      if (!running && !(await store(chat, messageId, { type, data }))) return false;
      events.publish('message.event_received', {
        actor: user,
        subject: { id: messageId },
        data: { chat_id: chat.id, event_type: type },
      });
      return true;
    },
  };
}

/** Events that everybody who has the chat open gets; what would change their view of other messages is not among them. */
const SHARED_TYPES = new Set([
  'status',
  'source',
  'citation',
  'files',
  'embeds',
  'chat:message:error',
  'chat:message:follow_ups',
]);

/** Events that move the chat up in the list. */
const TOUCHING = new Set(['message', 'replace']);

interface Told {
  /** The event's data as clients need it: lists they replace are sent whole. */
  data: JsonObject;
  /** What it changes of the message; null: nothing is stored. */
  fields: MessageFields | null;
}

function foldEvent(message: MessageFields, type: string, data: JsonObject): Told {
  const text = typeof data.content === 'string' ? data.content : '';
  switch (type) {
    case 'status':
      return { data, fields: { statusHistory: [...list(message.statusHistory), data] } };
    case 'message':
      return { data, fields: { content: `${typeof message.content === 'string' ? message.content : ''}${text}` } };
    case 'replace':
      return { data, fields: { content: text } };
    case 'files':
    case 'embeds': {
      const kept = type === 'embeds' && data.replace === true ? [] : list(message[type]);
      const all = [...list(data[type]), ...kept];
      return { data: { ...data, [type]: all }, fields: { [type]: all } };
    }
    case 'source':
    case 'citation':
      if (data.type !== undefined && data.type !== null) return { data, fields: null };
      return { data, fields: { sources: [...list(message.sources), data] } };
    default:
      return { data, fields: null };
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
