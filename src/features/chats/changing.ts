import { createBreath } from '../../kernel/breath.ts';
import type { Database } from '../../kernel/database/index.ts';
import { JsonText } from '../../kernel/http/answer.ts';
import { detail, forbidden, HttpError, notFound, prohibited, wrapped } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { Access } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Folders } from '../folders/index.ts';
import { type ChatDocument, clean, isObject, type JsonObject } from './document.ts';
import { tagsOf } from './figures.ts';
import { writeRows } from './message-rows.ts';
import { presentChat } from './present.ts';
import type { Reading } from './reading.ts';
import { childChats, removeChats } from './removal.ts';
import type { ChatRuns } from './runs.ts';
import type { ChatForm, ChatImportForm } from './shapes.ts';
import { type Chat, type ChatHead, headOf, lockChat, lockHead, saveDocument, selectHeads, setTitle } from './store.ts';
import { ensureTags } from './tags.ts';
import { setLastRead, unreadByFolder } from './unread.ts';
import { namesCurrent, updateDocument } from './update.ts';
import { attribute } from './view.ts';
import { insertChat, type NewChat } from './writes.ts';

export interface ChangingDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  access: Pick<Access, 'permissions' | 'grants'>;
  events: EventSink;
  folders: Folders;
  runs: ChatRuns;
  reading: Reading;
}

export type Changing = ReturnType<typeof createChanging>;

/** Creating, changing and removing chats (chats note, 2.1 to 2.5). */
export function createChanging({ database, access, events, folders, runs, reading }: ChangingDeps) {
  const { db } = database;
  const publish = (event: string, actor: User, id: string, data: JsonObject = {}) =>
    events.publish(event, { actor, subject: { id }, data });

  /** 403 where the site wants chats of this user to be temporary. */
  async function checkMayStore(user: User): Promise<void> {
    if (user.role === 'admin') return;
    const enforced =
      (await access.permissions(user, 'chat.temporary')) && (await access.permissions(user, 'chat.temporary_enforced'));
    if (enforced) throw forbidden();
  }

  /** Changes columns of a chat under its lock. */
  async function change(
    id: string,
    columns: (chat: ChatHead) => { pinned?: boolean; archived?: boolean; folder_id?: string | null },
    touch: 'owner' | 'list',
  ): Promise<ChatHead> {
    return database.transaction(async (tx) => {
      const chat = await lockHead(tx, id);
      if (!chat) throw notFound();
      const now = nowSeconds();
      const set = { ...columns(chat), updated_at: now, ...(touch === 'owner' && { last_read_at: now }) };
      await tx.updateTable('chat').set(set).where('id', '=', id).execute();
      if (chat.archived && set.archived === false) await ensureTags(tx, chat.user_id, namesOf(chat));
      return { ...chat, ...set };
    });
  }

  async function update(user: User, chat: ChatHead, form: ChatForm): Promise<JsonText> {
    const submitted: ChatDocument = form.chat;
    attribute(submitted, user);
    const title = await database.transaction(async (tx) => {
      const locked = await lockChat(tx, chat.id);
      if (!locked) throw prohibited();
      const { document, changed, touches } = updateDocument(locked.document, submitted, locked.head.user_id);
      const head = { ...locked.head, title: typeof document.title === 'string' ? locked.head.title : 'New Chat' };
      const saved = await saveDocument(tx, head, document, {
        touch: touches,
        ...(!namesCurrent(submitted) && { currentId: locked.head.current_message_id }),
        ...(form.variables && { variables: form.variables }),
      });
      await writeRows(tx, locked.head, changed);
      return saved.title;
    });
    publish('chat.updated', user, chat.id, { title });
    return reading.whole(chat.id);
  }

  /** Renames a chat that lies in a folder of the caller; all that somebody else than the owner may change. */
  async function renameGuest(user: User, chat: ChatHead, form: ChatForm): Promise<JsonText> {
    const folder = chat.folder_id === null ? null : await folders.find(chat.folder_id);
    const onlyTitle = Object.keys(form.chat).join() === 'title' && form.variables === null && form.folder_id === null;
    if (folder?.user_id !== user.id || !onlyTitle) throw prohibited();
    const title = typeof form.chat.title === 'string' ? form.chat.title.trim() : '';
    if (title === '') throw new HttpError(400, wrapped('Invalid title'));
    await database.transaction((tx) => setTitle(tx, chat.id, title));
    publish('chat.updated', user, chat.id, { title });
    return reading.open(user, chat.id);
  }

  return {
    checkMayStore,
    update: (user: User, chat: ChatHead, form: ChatForm): Promise<JsonText> =>
      chat.user_id === user.id ? update(user, chat, form) : renameGuest(user, chat, form),

    async create(user: User, form: ChatForm) {
      if (form.folder_id !== null && !(await folders.allows(user, form.folder_id, 'write'))) throw notFound();
      await checkMayStore(user);
      const document: ChatDocument = form.chat;
      attribute(document, user);
      const chat = await database.transaction((tx) =>
        insertChat(tx, { userId: user.id, document, variables: form.variables, folderId: form.folder_id }),
      );
      publish('chat.created', user, chat.id, { title: chat.title, folder_id: chat.folder_id });
      return present(chat);
    },

    async importAll(user: User, forms: readonly ChatImportForm[]) {
      await checkMayStore(user);
      const writable = new Map<string, boolean>();
      for (const { folder_id: id } of forms) {
        if (id !== null && !writable.has(id)) writable.set(id, await folders.allows(user, id, 'write'));
      }
      const chats = forms.map((form): NewChat => {
        const document: ChatDocument = form.chat;
        attribute(document, user);
        return {
          userId: user.id,
          document,
          variables: form.variables,
          folderId: form.folder_id !== null && writable.get(form.folder_id) ? form.folder_id : null,
          meta: importedMeta(form.meta),
          pinned: form.pinned ?? false,
          archived: form.archived ?? false,
          currentMessageId: form.current_message_id,
          createdAt: form.created_at,
          updatedAt: form.updated_at,
        };
      });
      const stored = await database.transaction(async (tx) => {
        const all: Chat[] = [];
        const breathe = createBreath();
        for (const chat of chats) {
          await breathe();
          all.push(await insertChat(tx, chat));
        }
        await ensureTags(tx, user.id, new Map(all.flatMap((chat) => [...namesOf(chat)])));
        return all;
      });
      events.publish('chat.imported', {
        actor: user,
        subject: { type: 'chat.import' },
        data: { count: stored.length, chat_ids: stored.map((chat) => chat.id) },
      });
      return listOf(stored);
    },

    async setParams(user: User, chat: ChatHead, params: JsonObject): Promise<JsonObject> {
      const merged = await database.transaction(async (tx) => {
        const locked = await lockChat(tx, chat.id);
        if (!locked) throw prohibited();
        const stored = isObject(locked.document.params) ? locked.document.params : {};
        const all = { ...stored, ...(clean(params) as JsonObject) };
        await saveDocument(
          tx,
          locked.head,
          { ...locked.document, params: all },
          {
            touch: false,
            currentId: locked.head.current_message_id,
          },
        );
        return all;
      });
      publish('chat.updated', user, chat.id, { title: chat.title });
      return merged;
    },

    async togglePin(user: User, chat: ChatHead): Promise<JsonText> {
      const changed = await change(chat.id, ({ pinned }) => ({ pinned: !pinned }), 'owner');
      publish(changed.pinned ? 'chat.pinned' : 'chat.unpinned', user, chat.id);
      return reading.whole(chat.id);
    },

    async toggleArchive(user: User, chat: ChatHead): Promise<JsonText> {
      if (!chat.archived) await runs.stop(chat.id);
      const changed = await change(chat.id, ({ archived }) => ({ archived: !archived, folder_id: null }), 'owner');
      publish(changed.archived ? 'chat.archived' : 'chat.unarchived', user, chat.id);
      return reading.whole(chat.id);
    },

    async archiveAll(user: User): Promise<void> {
      await db.updateTable('chat').set({ archived: true, folder_id: null }).where('user_id', '=', user.id).execute();
      events.publish('chat.archived', { actor: user, subject: { type: 'user', id: user.id }, data: {} });
    },

    async unarchiveAll(user: User): Promise<void> {
      await database.transaction(async (tx) => {
        const rows = await selectHeads(tx).where('user_id', '=', user.id).where('archived', '=', true).execute();
        await tx
          .updateTable('chat')
          .set({ archived: false })
          .where('user_id', '=', user.id)
          .where('archived', '=', true)
          .execute();
        await ensureTags(tx, user.id, new Map(rows.map(headOf).flatMap((chat) => [...namesOf(chat)])));
      });
      events.publish('chat.unarchived', { actor: user, subject: { type: 'user', id: user.id }, data: {} });
    },

    async move(user: User, chat: ChatHead, folderId: string | null): Promise<JsonText> {
      if (folderId !== null && !(await folders.allows(user, folderId, 'write'))) throw notFound();
      const owned = chat.user_id === user.id;
      if (!owned && !(await mayRefile(user, chat, folderId))) throw new HttpError(401, detail.DEFAULT);
      const columns = { folder_id: folderId, pinned: false, ...(folderId !== null && { archived: false }) };
      await change(chat.id, () => columns, owned ? 'owner' : 'list');
      publish('chat.folder_updated', user, chat.id, { folder_id: folderId });
      return owned ? reading.whole(chat.id) : reading.open(user, chat.id);
    },

    async remove(user: User, chat: ChatHead): Promise<void> {
      await runs.stop(chat.id);
      const children = await childChats(db, [chat]);
      for (const child of children) await runs.stop(child.id);
      await database.transaction((tx) => removeChats(tx, access, [chat, ...children]));
      publish('chat.deleted', user, chat.id, { owner_id: chat.user_id });
    },

    async removeAll(user: User): Promise<void> {
      const rows = await selectHeads(db).where('user_id', '=', user.id).execute();
      const chats = rows.map(headOf);
      const active = await runs.active(chats.map((chat) => chat.id));
      for (const id of active) await runs.stop(id);
      await database.transaction((tx) => removeChats(tx, access, chats));
      events.publish('chat.deleted_all', { actor: user, subject: { type: 'user', id: user.id }, data: {} });
    },

    async markUnread(user: User, chat: ChatHead) {
      await setLastRead(db, chat.id, 0);
      return {
        chat_id: chat.id,
        last_read_at: 0,
        folder_id: chat.folder_id,
        folder_unread_counts: await folders.unreadCounts(user.id, await unreadByFolder(db, user.id)),
      };
    },
  };

  /**
   * Whether somebody else's chat may be put elsewhere: within one shared tree all of whose folders on the way are the caller's (chats
   * note, 2.5).
   */
  async function mayRefile(user: User, chat: ChatHead, folderId: string | null): Promise<boolean> {
    if (chat.folder_id === null || folderId === null) return false;
    const [from, to] = [await folders.chain(chat.folder_id), await folders.chain(folderId)];
    if (from.length === 0 || to.length === 0) return false;
    if (![...from, ...to].every((folder) => folder.user_id === user.id)) return false;
    const granted = await folders.granted([...from, ...to]);
    const rootOf = (chain: typeof from) => (chain.findLast((folder) => granted.has(folder.id)) ?? chain.at(-1))?.id;
    return rootOf(from) === rootOf(to);
  }
}

function present(chat: Chat) {
  const { document, ...head } = chat;
  return presentChat(head, document);
}

/** Stored chats as an answer, written one by one. */
async function listOf(stored: readonly Chat[]): Promise<JsonText> {
  const parts: Buffer[] = [];
  const breathe = createBreath();
  for (const chat of stored) {
    await breathe();
    parts.push(Buffer.from(`${parts.length === 0 ? '[' : ','}${JSON.stringify(present(chat))}`));
  }
  parts.push(Buffer.from(parts.length === 0 ? '[]' : ']'));
  return new JsonText(parts);
}

/** The tags of a chat as rows are named where nobody typed a name. */
function namesOf(chat: Pick<ChatHead, 'meta'>): Map<string, string> {
  return new Map(tagsOf(chat.meta).map((id) => [id, id]));
}

/** Keys of `meta` that the server alone may set: they hide chats and drive timers. */
const SERVER_META = [
  'internal',
  'type',
  'status',
  'parent_chat_id',
  'parent_message_id',
  'delegation_id',
  'mode',
  'note_id',
  'timer_at',
  'cancel_on',
  'run',
];

export function importedMeta(meta: JsonObject | null): JsonObject {
  const kept = { ...meta };
  for (const key of SERVER_META) delete kept[key];
  return kept;
}
