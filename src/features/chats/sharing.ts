import type { Database } from '../../kernel/database/index.ts';
import type { JsonText } from '../../kernel/http/answer.ts';
import { detail, HttpError, notFound, prohibited } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Access, allowedGrants } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { ChatGuard } from './access.ts';
import { type ChatDocument, historyOf, repairHistory } from './document.ts';
import { loadChat } from './load.ts';
import { answerChat } from './present.ts';
import { type Reading, viewDocument } from './reading.ts';
import type { ChatAccessGrantsForm } from './shapes.ts';
import { deleteShares, findShare, insertShare, listShares, type Share, type ShareMode, updateShare } from './shares.ts';
import { type Chat, type ChatHead, findChat, headOf, lockChat, selectHeads } from './store.ts';

export interface SharingDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  access: Pick<Access, 'permissions' | 'grants'>;
  events: EventSink;
  guard: ChatGuard;
  reading: Reading;
  /** Asks again who may read a chat whose grants changed. */
  refreshAccess(chatId: string): void;
}

export type Sharing = ReturnType<typeof createSharing>;

const TYPE = 'shared_chat';

/** What a link leads to: the chat itself for those who reply in it, else its snapshot. */
export type Opened = { kind: 'live'; chat: Chat } | { kind: 'snapshot'; share: Share; owner: ChatHead };

/** Links to chats and who may use them (chats note, 2.7). */
export function createSharing(deps: SharingDeps) {
  const { database, access, events, guard, reading } = deps;
  const { db } = database;

  /** Renews or makes the chat's link. */
  async function snapshot(chatId: string, mode: ShareMode | undefined): Promise<{ id: string; updated: boolean }> {
    return database.transaction(async (tx) => {
      const locked = await lockChat(tx, chatId);
      if (!locked) throw prohibited();
      const { head, document } = locked;
      const known = head.share_id === null ? null : await findShare(tx, head.share_id);
      const content = { title: head.title, document };
      if (known) {
        await updateShare(tx, known.id, { ...content, mode: mode === undefined ? known.mode : mode });
        return { id: known.id, updated: true };
      }
      const id = await insertShare(tx, head, { ...content, mode: mode ?? null });
      await tx.updateTable('chat').set({ share_id: id }).where('id', '=', chatId).execute();
      return { id, updated: false };
    });
  }

  async function isOpen(chatId: string): Promise<boolean> {
    const grants = await access.grants.list(db, TYPE, [chatId]);
    return (grants.get(chatId) ?? []).some((grant) => grant.principal_type === 'anyone' && grant.permission === 'read');
  }

  async function mayOpen(user: User | null, share: Share): Promise<boolean> {
    if (await isOpen(share.chat_id)) return true;
    if (!user) return false;
    if (guard.oversees(user) || share.user_id === user.id) return true;
    return access.grants.allows(user, TYPE, share.chat_id, 'read');
  }

  /**
   * What a link leads to for somebody. An administrator who sees all chats may pass a chat's id in its place. `denied` answers who may
   * not open it.
   */
  async function resolve(user: User | null, id: string, denied: () => HttpError): Promise<Opened> {
    const share = await findShare(db, id);
    if (!share) {
      const chat = user && guard.oversees(user) ? await loadChat(db, id) : null;
      if (!chat) throw new HttpError(401, detail.NOT_FOUND, { code: 'share.unknown' });
      return { kind: 'live', chat };
    }
    if (!(await mayOpen(user, share))) throw denied();
    const owner = await findChat(db, share.chat_id);
    if (!owner) throw new HttpError(401, detail.NOT_FOUND, { code: 'share.unknown' });
    if (share.mode === 'continue' && user && (await guard.rights(user, owner)).write) {
      const chat = await loadChat(db, owner.id);
      if (chat) return { kind: 'live', chat };
    }
    return { kind: 'snapshot', share, owner };
  }

  return {
    resolve,
    list: (user: User, query: Parameters<typeof listShares>[2]) => listShares(db, user.id, query),

    async share(user: User, chat: ChatHead, mode: ShareMode | undefined): Promise<JsonText> {
      const { id, updated } = await snapshot(chat.id, mode);
      events.publish('chat.shared', {
        actor: user,
        subject: { id: chat.id },
        data: { share_id: id, ...(updated && { updated: true }) },
      });
      return reading.whole(chat.id);
    },

    async unshare(user: User, chat: ChatHead): Promise<void> {
      if (chat.share_id === null) return;
      await database.transaction(async (tx) => {
        await deleteShares(tx, [chat.id]);
        await access.grants.remove(tx, TYPE, [chat.id]);
      });
      events.publish('chat.unshared', { actor: user, subject: { id: chat.id }, data: { share_id: chat.share_id } });
    },

    async unshareAll(user: User): Promise<void> {
      const rows = await selectHeads(db).where('user_id', '=', user.id).where('share_id', 'is not', null).execute();
      const ids = rows.map((row) => headOf(row).id);
      if (ids.length === 0) return;
      await database.transaction(async (tx) => {
        for (let at = 0; at < ids.length; at += SLICE) await deleteShares(tx, ids.slice(at, at + SLICE));
        await access.grants.remove(tx, TYPE, ids);
      });
      events.publish('chat.unshared', {
        actor: user,
        subject: { type: 'user', id: user.id },
        data: { count: ids.length, chat_ids: ids },
      });
    },

    async grants(chat: ChatHead) {
      const grants = (await access.grants.list(db, TYPE, [chat.id])).get(chat.id) ?? [];
      return grants.map(({ id, principal_type, principal_id, permission }) => ({
        id,
        principal_type,
        principal_id,
        permission,
      }));
    },

    async setGrants(user: User, chat: ChatHead, form: ChatAccessGrantsForm): Promise<JsonText> {
      const grants = await allowedGrants(access.permissions, user, TYPE, form.access_grants);
      await database.transaction(async (tx) => {
        await access.grants.set(tx, TYPE, chat.id, grants);
        const locked = await lockChat(tx, chat.id);
        if (!locked) throw notFound();
        const { head, document } = locked;
        const share = head.share_id === null ? null : await findShare(tx, head.share_id);
        if (!share || !('share_mode' in form)) return;
        const mode = form.share_mode ?? null;
        const ends = share.mode === 'continue' && mode === null;
        const content = ends ? { title: head.title, document } : { title: share.title, document: share.document };
        await updateShare(tx, share.id, { ...content, mode });
      });
      deps.refreshAccess(chat.id);
      return reading.whole(chat.id);
    },

    async open(user: User | null, id: string): Promise<JsonText> {
      const denied = () =>
        user ? prohibited() : new HttpError(401, detail.INVALID_TOKEN, { code: 'share.anonymous' });
      const opened = await resolve(user, id, denied);
      const viewer = user?.id ?? null;
      if (opened.kind === 'live') {
        const { document, ...head } = opened.chat;
        const writable = user !== null && (await guard.rights(user, head)).write !== null;
        document.share_mode = writable ? 'continue' : null;
        await viewDocument(db, document, head.user_id, viewer);
        return answerChat(
          head,
          [Buffer.from(JSON.stringify(document))],
          viewer === head.user_id ? {} : { variables: {} },
        );
      }
      const { share } = opened;
      const document = snapshotDocument(share);
      document.share_mode = null;
      await viewDocument(db, document, share.user_id, viewer);
      return answerChat(snapshotHead(share), [Buffer.from(JSON.stringify(document))]);
    },
  };
}

const SLICE = 200;

function snapshotDocument(share: Share): ChatDocument {
  const document = { ...share.document };
  repairHistory(historyOf(document));
  return document;
}

/** A snapshot in the place of a chat: its link is its id. */
function snapshotHead(share: Share): ChatHead {
  return {
    id: share.id,
    user_id: share.user_id,
    title: share.title,
    created_at: share.created_at,
    updated_at: share.updated_at,
    last_read_at: null,
    share_id: share.id,
    archived: false,
    pinned: false,
    meta: {},
    variables: {},
    folder_id: null,
    tasks: null,
    summary: null,
    current_message_id: null,
    timer_at: null,
  };
}
