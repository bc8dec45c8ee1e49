import { type RawBuilder, sql } from 'kysely';
import { type Db, dialectOfDb, escapeLike, jsonText } from '../../kernel/database/index.ts';
import { isObject } from '../../kernel/json.ts';
import { grantedTo, type Right } from '../access/index.ts';
import { ownersOf } from './store.ts';

export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
}

type Source = (db: Db, viewer: Viewer, ids: readonly string[], right: Right) => Promise<string[]>;

/**
 * Of these files, those that something else opens to the user: a knowledge base, a channel, a chat, a note, a model
 * (retrieval note, 2.2). What the user owns is not looked at.
 */
export async function reachable(
  db: Db,
  viewer: Viewer,
  ids: readonly string[],
  right: Right,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const sources: Source[] =
    right === 'read' ? [byKnowledge, byChannel, byChat, byNote, byModel] : [byKnowledge, byModel];
  for (const source of sources) {
    const rest = ids.filter((id) => !found.has(id));
    if (rest.length === 0) break;
    for (const id of await source(db, viewer, rest, right)) found.add(id);
  }
  return found;
}

function granted(viewer: Viewer, type: string, id: string, right: Right): RawBuilder<boolean> {
  return grantedTo({ type, right, id, userId: viewer.id, groupIds: viewer.groupIds });
}

async function byKnowledge(db: Db, viewer: Viewer, ids: readonly string[], right: Right): Promise<string[]> {
  let query = db
    .selectFrom('knowledge_file as link')
    .innerJoin('knowledge', 'knowledge.id', 'link.knowledge_id')
    .innerJoin('file', 'file.id', 'link.file_id')
    .select('link.file_id')
    .distinct()
    .where('link.file_id', 'in', ids)
    .where((eb) =>
      eb.or([eb('knowledge.user_id', '=', viewer.id), granted(viewer, 'knowledge', 'knowledge.id', right)]),
    );
  // Writing through a knowledge base reaches only files of the one who owns it.
  if (right === 'write') query = query.whereRef('file.user_id', '=', 'knowledge.user_id');
  return (await query.execute()).map((row) => row.file_id);
}

/** SQL condition: the row of `channel` is one the user belongs to. */
export function inChannel(viewer: Viewer): RawBuilder<boolean> {
  return sql<boolean>`(channel.archived_at IS NULL AND channel.deleted_at IS NULL AND CASE
    WHEN channel.type IN ('group', 'dm') THEN EXISTS (SELECT 1 FROM channel_member m WHERE m.channel_id = channel.id
      AND m.user_id = ${viewer.id} AND m.is_active)
    ELSE channel.user_id = ${viewer.id} OR ${granted(viewer, 'channel', 'channel.id', 'read')} END)`;
}

async function byChannel(db: Db, viewer: Viewer, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('channel_file as link')
    .innerJoin('channel', 'channel.id', 'link.channel_id')
    .select('link.file_id')
    .distinct()
    .where('link.file_id', 'in', ids)
    .where(inChannel(viewer))
    .execute();
  return rows.map((row) => row.file_id);
}

async function byChat(db: Db, viewer: Viewer, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('chat_file as link')
    .innerJoin('chat', 'chat.id', 'link.chat_id')
    .select(['link.file_id', 'chat.folder_id'])
    .select(
      sql<unknown>`CASE WHEN chat.user_id = ${viewer.id} OR (EXISTS (SELECT 1 FROM shared_chat s WHERE s.chat_id = chat.id)
        AND ${granted(viewer, 'shared_chat', 'chat.id', 'read')}) THEN 1 ELSE 0 END`.as('open'),
    )
    .where('link.file_id', 'in', ids)
    .execute();
  const open = new Set(rows.filter((row) => Number(row.open) === 1).map((row) => row.file_id));
  const folders = await readableFolders(
    db,
    viewer,
    rows.flatMap(({ folder_id: id }) => (id === null ? [] : [id])),
  );
  for (const row of rows) if (row.folder_id !== null && folders.has(row.folder_id)) open.add(row.file_id);
  return [...open];
}

/** Deeper trees are taken for broken. */
const MAX_DEPTH = 64;

/** Of these folders, those that the user owns or was granted, themselves or by a folder above. */
async function readableFolders(db: Db, viewer: Viewer, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const parents = new Map<string, string | null>();
  const open = new Set<string>();
  let level = [...new Set(ids)];
  for (let depth = 0; level.length > 0 && depth < MAX_DEPTH; depth += 1) {
    const rows = await db
      .selectFrom('folder')
      .select(['folder.id', 'folder.parent_id'])
      .select(
        sql<unknown>`CASE WHEN folder.user_id = ${viewer.id} OR ${granted(viewer, 'folder', 'folder.id', 'read')}
          THEN 1 ELSE 0 END`.as('open'),
      )
      .where('folder.id', 'in', level)
      .execute();
    for (const row of rows) {
      parents.set(row.id, row.parent_id);
      if (Number(row.open) === 1) open.add(row.id);
    }
    level = [...new Set(rows.flatMap(({ parent_id: id }) => (id !== null && !parents.has(id) ? [id] : [])))];
  }
  return new Set(ids.filter((id) => chainOf(id, parents).some((folder) => open.has(folder))));
}

function chainOf(id: string, parents: ReadonlyMap<string, string | null>): string[] {
  const chain: string[] = [];
  for (let at: string | null | undefined = id; at && !chain.includes(at); at = parents.get(at)) chain.push(at);
  return chain;
}

/** A note opens the files of its own owner only, and only those it lists: whoever may write it could name others in its text. */
async function byNote(db: Db, viewer: Viewer, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('note')
    .select(['note.user_id', 'note.data'])
    .where('note.user_id', 'in', (eb) => eb.selectFrom('file').select('file.user_id').where('file.id', 'in', ids))
    .where(granted(viewer, 'note', 'note.id', 'read'))
    .where(mentions(db, 'note.data', ids))
    .execute();
  if (rows.length === 0) return [];
  const owners = await ownersOf(db, ids);
  return ids.filter((id) => rows.some((row) => row.user_id === owners.get(id) && lists(row.data, 'files', id)));
}

function lists(holder: unknown, member: string, id: string): boolean {
  const items = isObject(holder) ? holder[member] : null;
  return Array.isArray(items) && items.some((item) => isObject(item) && item.id === id);
}

async function byModel(db: Db, viewer: Viewer, ids: readonly string[], right: Right): Promise<string[]> {
  const rows = await db
    .selectFrom('model')
    .select(['model.user_id', 'model.meta'])
    .where((eb) => eb.or([eb('model.user_id', '=', viewer.id), granted(viewer, 'model', 'model.id', right)]))
    .where(mentions(db, 'model.meta', ids))
    .execute();
  if (rows.length === 0) return [];
  const owners = await ownersOf(db, ids);
  return ids.filter((id) =>
    rows.some((row) => modelUses(row.meta, id, right) && (right === 'read' || row.user_id === owners.get(id))),
  );
}

function modelUses(meta: unknown, fileId: string, right: Right): boolean {
  if (lists(meta, 'knowledge', fileId)) return true;
  if (right !== 'read' || !isObject(meta)) return false;
  const { background_image_url: background, voice_avatar: avatar } = meta;
  if (typeof background === 'string' && background.includes(`/api/v1/files/${fileId}/`)) return true;
  if (!isObject(avatar)) return false;
  const clips = [
    avatar,
    ...(isObject(avatar.states) ? Object.values(avatar.states) : []),
    ...(Array.isArray(avatar.gestures) ? (avatar.gestures as unknown[]) : []),
  ];
  return clips.some((clip) => isObject(clip) && clip.file_id === fileId);
}

/** SQL condition: the JSON text of the column has one of the ids in it. What it means there is looked at afterwards. */
function mentions(db: Db, column: string, ids: readonly string[]): RawBuilder<boolean> {
  const one = (id: string) => sql`${jsonText(db, column)} LIKE ${`%${escapeLike(id)}%`} ${escapeClause(db)}`;
  return sql<boolean>`(${sql.join(ids.map(one), sql` OR `)})`;
}

function escapeClause(db: Db): RawBuilder<unknown> {
  // In MySQL the backslash escapes anyway, and would have to be written twice here.
  return dialectOfDb(db) === 'mysql' ? sql`` : sql`ESCAPE '\\'`;
}
