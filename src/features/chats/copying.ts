import type { Database } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Folders } from '../folders/index.ts';
import type { ChatGuard } from './access.ts';
import { forkDocument } from './branches.ts';
import { allMessagesOf, type ChatDocument, historyOf, type Messages, messagesOf } from './document.ts';
import { tagsOf } from './figures.ts';
import { loadChat } from './load.ts';
import { loadMessages } from './message-rows.ts';
import { presentChat } from './present.ts';
import { viewDocument } from './reading.ts';
import type { ChatRuns } from './runs.ts';
import type { Sharing } from './sharing.ts';
import type { Chat, ChatHead } from './store.ts';
import { ensureTags } from './tags.ts';
import { everyMessage } from './view.ts';
import { insertChat, type NewChat } from './writes.ts';

export interface CopyingDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  events: EventSink;
  folders: Pick<Folders, 'allows'>;
  guard: ChatGuard;
  runs: ChatRuns;
  sharing: Pick<Sharing, 'resolve'>;
}

/** Clones and forks (chats note, 2.8). */
export function createCopying({ database, events, folders, guard, runs, sharing }: CopyingDeps) {
  const { db } = database;

  async function store(chat: NewChat) {
    const stored = await database.transaction(async (tx) => {
      const made = await insertChat(tx, chat);
      await ensureTags(tx, made.user_id, new Map(tagsOf(made.meta).map((id) => [id, id])));
      return made;
    });
    const { document, ...head } = stored;
    return { stored, answer: presentChat(head, document) };
  }

  /** A document for somebody else: without what is its owner's, whose messages become the viewer's. */
  async function takeOver(document: ChatDocument, ownerId: string, user: User): Promise<ChatDocument> {
    if (ownerId === user.id) return document;
    await viewDocument(db, document, ownerId, user.id);
    for (const message of everyMessage(document)) {
      if ((message.user_id ?? ownerId) !== ownerId) continue;
      message.user_id = user.id;
      if (message.role === 'user') message.user = { id: user.id, name: user.name };
    }
    return document;
  }

  /** The chat or link a fork starts from, as far as the caller may see it. */
  async function source(user: User, id: string): Promise<{ chat: Chat; live: boolean }> {
    const chat = await loadChat(db, id);
    if (chat && (await guard.rights(user, chat)).read) return { chat, live: true };
    const opened = await sharing.resolve(user, id, () => new HttpError(401, detail.ACCESS_PROHIBITED));
    if (opened.kind === 'live') return { chat: opened.chat, live: true };
    const { share, owner } = opened;
    const current_message_id = historyOf({ ...share.document }).currentId;
    const head: ChatHead = {
      ...owner,
      title: share.title,
      meta: {},
      variables: {},
      folder_id: null,
      current_message_id,
    };
    return { chat: { ...head, id: share.id, document: share.document }, live: false };
  }

  return {
    async clone(user: User, chat: ChatHead, title: string | null) {
      const whole = await loadChat(db, chat.id);
      if (!whole) throw new HttpError(401, detail.DEFAULT);
      const { stored, answer } = await store({
        userId: user.id,
        document: cloned(whole, title ?? `Clone of ${whole.title}`),
        variables: whole.variables,
        folderId: whole.folder_id,
        meta: whole.meta,
        pinned: whole.pinned ?? false,
      });
      events.publish('chat.cloned', { actor: user, subject: { id: stored.id }, data: { original_chat_id: chat.id } });
      return answer;
    },

    async cloneShared(user: User, shareId: string) {
      const opened = await sharing.resolve(user, shareId, () => new HttpError(401, detail.ACCESS_PROHIBITED));
      const chat: Pick<Chat, 'id' | 'title' | 'user_id' | 'document' | 'pinned' | 'meta'> =
        opened.kind === 'live'
          ? opened.chat
          : {
              ...opened.owner,
              id: opened.share.id,
              title: opened.share.title,
              document: opened.share.document,
              pinned: false,
              meta: {},
            };
      const document = await takeOver(cloned(chat, `Clone of ${chat.title}`), chat.user_id, user);
      document.share_mode = null;
      const own = chat.user_id === user.id;
      const { answer } = await store({
        userId: user.id,
        document,
        variables: {},
        folderId: null,
        meta: own ? chat.meta : {},
        pinned: chat.pinned ?? false,
      });
      return answer;
    },

    async fork(user: User, id: string, messageId: string | null) {
      const { chat, live } = await source(user, id);
      if (live && (await runs.active([chat.id])).has(chat.id)) {
        throw new HttpError(409, 'Wait for the current response to finish before forking.');
      }
      const from = messageId || chat.current_message_id || historyOf({ ...chat.document }).currentId;
      const messages = live ? await liveMessages(chat) : allMessagesOf(chat.document);
      const owned = chat.user_id === user.id;
      const forked = forkDocument({ id: chat.id, title: chat.title, document: chat.document, messages, from });
      const document = await takeOver(forked.document, chat.user_id, user);
      const keepsFolder = owned && chat.folder_id !== null && (await folders.allows(user, chat.folder_id, 'write'));
      const marks = { forked_from: chat.id, forked_from_message_id: forked.from };
      const { stored, answer } = await store({
        userId: user.id,
        document,
        variables: owned ? chat.variables : {},
        folderId: keepsFolder ? chat.folder_id : null,
        meta: { ...(owned ? chat.meta : {}), ...marks },
        pinned: owned && (chat.pinned ?? false),
      });
      events.publish('chat.cloned', {
        actor: user,
        subject: { id: stored.id },
        data: { original_chat_id: chat.id, forked_from_message_id: forked.from },
      });
      return answer;
    },
  };

  /** Messages by their rows, with what only the document keeps of them. */
  async function liveMessages(chat: Chat): Promise<Messages> {
    const told = messagesOf(chat.document);
    const messages: Messages = {};
    for (const [id, row] of Object.entries(await loadMessages(db, chat.id))) {
      messages[id] = told[id] ? { ...told[id], ...row, childrenIds: row.childrenIds ?? [] } : row;
    }
    return messages;
  }
}

function cloned(chat: Pick<Chat, 'id' | 'document'>, title: string): ChatDocument {
  const document: ChatDocument = structuredClone(chat.document);
  return { ...document, originalChatId: chat.id, branchPointMessageId: historyOf(document).currentId, title };
}
