import type { Transaction } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';

/** How a shared folder's chats are asked for. */
export interface SharedPage {
  /** null: the first ones, without counting. */
  page: number | null;
  sortBy: string;
  ascending: boolean;
}

/** What folders need of the chats in them; features/chats gives it. */
export interface FolderChats {
  /** Unread chats of a user that lie directly in each folder. */
  unread(userId: string): Promise<ReadonlyMap<string, number>>;
  /** Marks the user's chats in these folders as read; gives how many there are. */
  markRead(userId: string, folderIds: readonly string[]): Promise<number>;
  /** Everybody's chats in a folder, as SharedFolderChats has them, without `folder_permission`. */
  listShared(user: User, folderId: string, page: SharedPage): Promise<Record<string, unknown>>;
  /** Ids of the user's chats in these folders. */
  idsIn(userId: string, folderIds: readonly string[]): Promise<string[]>;
  /** Stops what is running in these chats. */
  stop(chatIds: readonly string[]): Promise<void>;
  /** Takes the chats out of folders that go away; those of `remove` are deleted. */
  release(tx: Transaction, folderIds: readonly string[], remove: readonly string[]): Promise<void>;
}

/** What folders need of uploaded files. */
export interface FolderFiles {
  /** Of these ids, those the user may not read; ids without a file are among them. */
  unreadable(user: User, ids: readonly string[]): Promise<string[]>;
}
