import { type Db, jsonAt, type Transaction } from '../../kernel/database/index.ts';
import type { Access } from '../access/index.ts';
import { tagsOf } from './figures.ts';
import { type ChatHead, headOf, selectHeads } from './store.ts';
import { dropUnusedTags } from './tags.ts';
import { dropFromIndex } from './text-index/marks.ts';

/** Ids one statement may carry. */
const SLICE = 200;

/** Chats the server keeps for these (sub-agents, timers), which go with them. */
export async function childChats(db: Db, chats: readonly ChatHead[]): Promise<ChatHead[]> {
  const found: ChatHead[] = [];
  for (const [ownerId, ids] of byOwner(chats)) {
    for (let at = 0; at < ids.length; at += SLICE) {
      const rows = await selectHeads(db)
        .where('user_id', '=', ownerId)
        .where(jsonAt(db, 'chat.meta', 'parent_chat_id'), 'in', ids.slice(at, at + SLICE))
        .execute();
      found.push(...rows.map(headOf).filter((chat) => chat.meta.internal === true && !ids.includes(chat.id)));
    }
  }
  return found;
}

/**
 * Deletes chats with everything that belongs to them: messages, file ties, shares and their grants, tags nobody else uses. Whether
 * something runs in them is for the caller.
 */
export async function removeChats(
  tx: Transaction,
  access: Pick<Access, 'grants'>,
  chats: readonly ChatHead[],
): Promise<void> {
  const all = chats.map((chat) => chat.id);
  for (let at = 0; at < all.length; at += SLICE) {
    const ids = all.slice(at, at + SLICE);
    await tx.updateTable('automation_run').set({ chat_id: null }).where('chat_id', 'in', ids).execute();
    await tx.deleteFrom('chat_message').where('chat_id', 'in', ids).execute();
    await tx.deleteFrom('chat_file').where('chat_id', 'in', ids).execute();
    await tx.deleteFrom('shared_chat').where('chat_id', 'in', ids).execute();
    await access.grants.remove(tx, 'shared_chat', ids);
    await tx.deleteFrom('chat').where('id', 'in', ids).execute();
    await dropFromIndex(tx, ids);
  }
  for (const [ownerId] of byOwner(chats)) {
    const tags = new Set(chats.filter((chat) => chat.user_id === ownerId).flatMap((chat) => tagsOf(chat.meta)));
    await dropUnusedTags(tx, ownerId, tags);
  }
}

/** Deletes every chat of an account that goes away, and its tags. */
export async function removeChatsOf(tx: Transaction, access: Pick<Access, 'grants'>, userId: string): Promise<void> {
  const rows = await selectHeads(tx).where('user_id', '=', userId).execute();
  await removeChats(tx, access, rows.map(headOf));
  await tx.deleteFrom('tag').where('user_id', '=', userId).execute();
}

/** Heads of chats by id. */
export async function headsById(db: Db, ids: readonly string[]): Promise<ChatHead[]> {
  const found: ChatHead[] = [];
  for (let at = 0; at < ids.length; at += SLICE) {
    const rows = await selectHeads(db)
      .where('id', 'in', ids.slice(at, at + SLICE))
      .execute();
    found.push(...rows.map(headOf));
  }
  return found;
}

function byOwner(chats: readonly ChatHead[]): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const { user_id: owner, id } of chats) {
    const ids = owners.get(owner);
    if (ids) ids.push(id);
    else owners.set(owner, [id]);
  }
  return owners;
}
