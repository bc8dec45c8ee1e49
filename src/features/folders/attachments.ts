import type { Db } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Access } from '../access/index.ts';
import type { FolderFiles } from './ports.ts';

/** What a folder gives all its chats as knowledge. */
interface Attachment {
  type: 'file' | 'collection' | 'note';
  id: string;
}

/** The entries of `data.files` that have a known shape, with the entry itself. */
export function attachmentsOf(files: unknown): { attachment: Attachment; entry: JsonObject }[] {
  if (!Array.isArray(files)) return [];
  return files.flatMap((entry: unknown) => {
    if (!isObject(entry) || typeof entry.id !== 'string' || entry.id === '') return [];
    const { type, id } = entry;
    return type === 'file' || type === 'collection' || type === 'note' ? [{ attachment: { type, id }, entry }] : [];
  });
}

export interface AttachmentDeps {
  access: Pick<Access, 'grants'>;
  files: FolderFiles;
}

/** One attachment as a key of sets. */
export function keyOf({ type, id }: Attachment): string {
  return `${type} ${id}`;
}

/** Keys of those attachments the user may not read. Administrators may read all. */
export async function unreadable(
  db: Db,
  { access, files }: AttachmentDeps,
  user: User,
  attachments: readonly Attachment[],
): Promise<Set<string>> {
  const denied = new Set<string>();
  if (user.role === 'admin') return denied;
  const ids = (type: Attachment['type']) => attachments.filter((one) => one.type === type).map((one) => one.id);
  for (const id of await unreadableFiles(files, user, ids('file'))) denied.add(keyOf({ type: 'file', id }));
  for (const [type, table, resource] of [
    ['collection', 'knowledge', 'knowledge'],
    ['note', 'note', 'note'],
  ] as const) {
    const asked = ids(type);
    if (asked.length === 0) continue;
    const owned = await db
      .selectFrom(table)
      .select('id')
      .where('user_id', '=', user.id)
      .where('id', 'in', asked)
      .execute();
    const allowed = new Set(owned.map((row) => row.id));
    if (allowed.size < asked.length) {
      for (const id of await access.grants.readableIds(user, resource)) allowed.add(id);
    }
    for (const id of asked) if (!allowed.has(id)) denied.add(keyOf({ type, id }));
  }
  return denied;
}

function unreadableFiles(files: AttachmentDeps['files'], user: User, ids: string[]): Promise<string[]> | string[] {
  return ids.length === 0 ? [] : files.unreadable(user, ids);
}
