import { type Db, jsonAt } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import type { Access } from '../access/index.ts';
import type { Folders } from '../folders/index.ts';
import { type ChatHead, findChat } from './store.ts';

/** By what somebody may see a chat: it is theirs, or they were given the right. */
export type ChatAccess = 'own' | 'granted';

type Right = 'read' | 'write';

/** What somebody may do with a chat; `write` is to reply in it. */
export interface ChatRights {
  read: ChatAccess | null;
  write: ChatAccess | null;
}

/** Who may see which chat and reply in it (chats note, 3.7). */
export interface ChatGuard {
  rights(user: User, chat: ChatHead): Promise<ChatRights>;
  /** Null where there is no such chat, too. */
  access(user: User, chatId: string, right: Right): Promise<ChatAccess | null>;
  /** Whether administrators reach other people's chats. */
  oversees(user: User): boolean;
}

export interface GuardDeps {
  db: Db;
  settings: Pick<Settings, 'get'>;
  access: Pick<Access, 'grants'>;
  folders: Pick<Folders, 'find' | 'allows'>;
}

const NONE: ChatRights = { read: null, write: null };
const OWN: ChatRights = { read: 'own', write: 'own' };
const READ: ChatRights = { read: 'granted', write: null };
const WRITE: ChatRights = { read: 'granted', write: 'granted' };

export function createGuard({ db, settings, access, folders }: GuardDeps): ChatGuard {
  const oversees = (user: User) => user.role === 'admin' && settings.get('ENABLE_ADMIN_CHAT_ACCESS');

  /** Whether the chat's share lets its readers reply. */
  async function sharesReplies(chat: ChatHead): Promise<boolean> {
    if (chat.share_id === null) return false;
    const share = await db
      .selectFrom('shared_chat')
      .select(jsonAt(db, 'shared_chat.chat', 'share_mode').as('mode'))
      .where('id', '=', chat.share_id)
      .executeTakeFirst();
    return share?.mode === 'continue';
  }

  async function rights(user: User, chat: ChatHead): Promise<ChatRights> {
    if (chat.user_id === user.id) return OWN;
    if ((await sharesReplies(chat)) && (await access.grants.allows(user, 'shared_chat', chat.id, 'read'))) return WRITE;
    const folder = chat.folder_id === null ? null : await folders.find(chat.folder_id);
    const inFolder = folder !== null && (await folders.allows(user, folder, 'read'));
    if (inFolder && folder.data?.share_mode === 'continue') return WRITE;
    const watched = user.role === 'admin' && (oversees(user) || chat.meta.internal === true);
    return inFolder || watched ? READ : NONE;
  }

  return {
    rights,
    oversees,
    async access(user, chatId, right) {
      const chat = await findChat(db, chatId);
      return chat && (await rights(user, chat))[right];
    },
  };
}
