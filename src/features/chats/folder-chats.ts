import { sql } from 'kysely';
import { type Db, jsonText } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Access } from '../access/index.ts';
import type { FolderChats, SharedPage } from '../folders/index.ts';
import { type ChatDocument, parseDocument } from './document.ts';
import { PAGE, sorted, unfinishedIn } from './lists.ts';
import { headsById, removeChats } from './removal.ts';
import type { ChatRuns } from './runs.ts';
import { userNames } from './store.ts';
import { notInternal } from './tags.ts';
import { isUnread, markChatsRead, unreadByFolder } from './unread.ts';
import { authorOf, everyMessage } from './view.ts';

const SHARED_PAGE = 10;

/** What folders ask of the chats in them (chats note, 4.4). */
export function createFolderChats(db: Db, access: Pick<Access, 'grants'>, runs: ChatRuns): FolderChats {
  const inFolder = (folderId: string) =>
    db
      .selectFrom('chat')
      .where('chat.folder_id', '=', folderId)
      .where(sql<boolean>`COALESCE(chat.archived, ${sql.lit(false)}) = ${sql.lit(false)}`)
      .where(sql<boolean>`COALESCE(chat.pinned, ${sql.lit(false)}) = ${sql.lit(false)}`)
      .where(notInternal(db));

  return {
    unread: (userId) => unreadByFolder(db, userId),
    markRead: (userId, folderIds) => markChatsRead(db, userId, folderIds),
    async listShared(user: User, folderId: string, page: SharedPage) {
      const size = page.page === null ? PAGE : SHARED_PAGE;
      const query = inFolder(folderId).select([
        'chat.id',
        'chat.title',
        'chat.user_id',
        'chat.updated_at',
        'chat.created_at',
        'chat.last_read_at',
        jsonText(db, 'chat.chat').as('text'),
      ]);
      const unread = sql<boolean>`(chat.user_id = ${user.id} AND ${isUnread()})`;
      const rows = await sorted(query, { by: page.sortBy, ascending: page.ascending }, unread)
        .limit(size)
        .offset(((page.page ?? 1) - 1) * size)
        .execute();
      const active = await activeAmong(
        db,
        runs,
        rows.map((row) => row.id),
      );
      const authors = rows.map((row) => authorsOf(parseDocument(row.text), row.user_id ?? ''));
      const ids = new Set(authors.flatMap((one) => [...one]));
      const names = await userNames(db, [...ids]);
      const chats = rows.map((row, index) => ({
        id: row.id,
        title: row.title ?? '',
        user_id: row.user_id ?? '',
        updated_at: row.updated_at ?? 0,
        created_at: row.created_at ?? 0,
        last_read_at: row.user_id === user.id ? row.last_read_at : row.updated_at,
        owner_name: names.get(row.user_id ?? '') ?? 'Unknown',
        participants: participants(authors[index] ?? new Set(), row.user_id ?? '', names),
        active: active.has(row.id),
        readonly: row.user_id !== user.id,
      }));
      if (page.page === null) return { chats };
      const counted = await inFolder(folderId)
        .select((eb) => eb.fn.countAll<number>().as('total'))
        .executeTakeFirstOrThrow();
      const total = Number(counted.total);
      return { chats, total, has_more: page.page * size < total };
    },
    async idsIn(userId, folderIds) {
      const rows = await db
        .selectFrom('chat')
        .select('id')
        .where('user_id', '=', userId)
        .where('folder_id', 'in', [...folderIds])
        .execute();
      return rows.map((row) => row.id);
    },
    async stop(chatIds) {
      for (const id of await runs.active(chatIds)) await runs.stop(id);
    },
    async release(tx, folderIds, remove) {
      await removeChats(tx, access, await headsById(tx, remove));
      await tx
        .updateTable('chat')
        .set({ folder_id: null })
        .where('folder_id', 'in', [...folderIds])
        .execute();
    },
  };
}

/** Chats with a running task and an unfinished reply. */
export async function activeAmong(db: Db, runs: ChatRuns, chatIds: readonly string[]): Promise<Set<string>> {
  if (chatIds.length === 0) return new Set();
  const running = await runs.active(chatIds);
  return running.size === 0 ? new Set() : unfinishedIn(db, [...running]);
}

/** Who wrote user messages; the owner first. */
function authorsOf(document: ChatDocument, ownerId: string): Set<string> {
  const authors = new Set([ownerId]);
  for (const message of everyMessage(document)) {
    if (message.role !== 'user') continue;
    const id = (authorOf(message) ?? ownerId).trim();
    if (id !== '') authors.add(id);
  }
  return authors;
}

function participants(authors: ReadonlySet<string>, ownerId: string, names: ReadonlyMap<string, string>) {
  return [...authors]
    .map((id) => ({ id, name: names.get(id) || null }))
    .sort(
      (a, b) =>
        rank(a) - rank(b) || compare(a.name?.toLowerCase() ?? '', b.name?.toLowerCase() ?? '') || compare(a.id, b.id),
    );

  function rank({ id, name }: { id: string; name: string | null }): number {
    if (id === ownerId) return 0;
    return name === null ? 2 : 1;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
