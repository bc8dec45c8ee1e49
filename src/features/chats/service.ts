import type { Database, Transaction } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Realtime } from '../../kernel/realtime/index.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { FolderChats, Folders } from '../folders/index.ts';
import { type ChatAccess, type ChatGuard, createGuard } from './access.ts';
import { type Changing, createChanging } from './changing.ts';
import { createCopying } from './copying.ts';
import { createFolderChats } from './folder-chats.ts';
import { createMessages } from './messages.ts';
import { createReading, type Reading } from './reading.ts';
import { removeChatsOf } from './removal.ts';
import type { ChatRuns } from './runs.ts';
import { type FoundChat, searchChats } from './search.ts';
import type { SearchQuery } from './search-query.ts';
import { createSharing, type Sharing } from './sharing.ts';
import type { ChatHead } from './store.ts';
import type { TextIndex } from './text-index/text-index.ts';
import { readChat, unreadByFolder } from './unread.ts';

export interface ChatsDeps {
  database: Pick<Database, 'db' | 'transaction' | 'commitMark' | 'background'>;
  index: Pick<TextIndex, 'find'>;
  settings: Pick<Settings, 'get'>;
  config: Pick<Config, 'get' | 'set'>;
  access: Access;
  events: EventSink;
  realtime: Pick<Realtime, 'emit'>;
  folders: Folders;
  runs: ChatRuns;
  /** Asks again who may read a chat whose grants have changed. */
  refreshAccess(chatId: string): void;
  log: Pick<Log, 'error'>;
}

/** Stored chats, as the rest of the program uses them. */
export interface Chats {
  /** By what the user may read a chat or reply in it; null: not, or there is no such chat. */
  access(user: User, chatId: string, right: 'read' | 'write'): Promise<ChatAccess | null>;
  /** Like `access` to reply, for a chat that is at hand. */
  mayWrite(user: User, chat: ChatHead): Promise<boolean>;
  /** Notes that the owner has read a chat now; gives what the owner's other tabs are told, null for anybody else. */
  markRead(user: User, chatId: string): Promise<JsonObject | null>;
  /** 403 where the site wants the user's chats to be temporary. */
  checkMayStore(user: User): Promise<void>;
  /** Deletes every chat of an account that goes away. */
  removeOf(tx: Transaction, userId: string): Promise<void>;
  /** A page of the user's chats that match; `folderIds`: in these folders, null for all. */
  search(userId: string, query: SearchQuery, folderIds: readonly string[] | null, page: number): Promise<FoundChat[]>;
  /** What the folder routes ask. */
  inFolders: FolderChats;
  /** For the routes of this feature. */
  parts: ChatParts;
}

export interface ChatParts {
  guard: ChatGuard;
  reading: Reading;
  changing: Changing;
  messages: ReturnType<typeof createMessages>;
  sharing: Sharing;
  copying: ReturnType<typeof createCopying>;
}

export function createChats(deps: ChatsDeps): Chats {
  const { database, settings, access, config, runs, folders, index } = deps;
  const { db } = database;
  const guard = createGuard({ db, settings, access, folders });
  const reading = createReading({ database, config, guard, runs });
  const changing = createChanging({ ...deps, reading });
  const sharing = createSharing({ ...deps, guard, reading });
  const parts: ChatParts = {
    guard,
    reading,
    changing,
    sharing,
    messages: createMessages({ ...deps, reading }),
    copying: createCopying({ ...deps, guard, sharing }),
  };
  return {
    access: guard.access,
    mayWrite: async (user, chat) => (await guard.rights(user, chat)).write !== null,
    async markRead(user, chatId) {
      const read = await readChat(db, user.id, chatId);
      if (!read) return null;
      runs.wasRead(user.id, chatId);
      if (!read.wasUnread) return { last_read_at: read.at };
      const counts = await folders.unreadCounts(user.id, await unreadByFolder(db, user.id));
      return { last_read_at: read.at, folder_unread_counts: counts };
    },
    checkMayStore: changing.checkMayStore,
    removeOf: (tx, userId) => removeChatsOf(tx, access, userId),
    search: (userId, query, folderIds, page) =>
      searchChats({ db: database.background.db, find: index.find, userId, folderIds }, query, page),
    inFolders: createFolderChats(db, access, runs),
    parts,
  };
}
