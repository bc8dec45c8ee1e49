import { randomUUID } from 'node:crypto';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import {
  type Db,
  escapeLike,
  insertOrIgnore,
  type Json,
  json,
  jsonAt,
  jsonText,
  likeFold,
  type Tables,
} from '../../kernel/database/index.ts';
import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { grantedTo, OWNER, type Right } from '../access/index.ts';

export type KnowledgeRow = Selectable<Tables['knowledge']>;
export type DirectoryRow = Selectable<Tables['knowledge_directory']>;

export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
}

export const PAGE = 30;
export const offsetOf = (page: number, size: number = PAGE) => (Math.max(1, page) - 1) * size;

export function findKnowledge(db: Db, id: string): Promise<KnowledgeRow | undefined> {
  return db.selectFrom('knowledge').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertKnowledge(db: Db, row: Omit<KnowledgeRow, 'meta' | 'data'> & { meta: Json | null }) {
  await db.insertInto('knowledge').values(row).execute();
}

export async function updateKnowledge(db: Db, id: string, changes: { name?: string; description?: string } = {}) {
  await db
    .updateTable('knowledge')
    .set({ ...changes, updated_at: nowSeconds() })
    .where('id', '=', id)
    .execute();
}

/** Removes a base with its links and directories; also where foreign keys are not enforced. The files stay. */
export async function deleteKnowledge(tx: Db, id: string): Promise<void> {
  await clearKnowledge(tx, id, true);
  await tx.deleteFrom('knowledge').where('id', '=', id).execute();
}

export async function clearKnowledge(tx: Db, id: string, directories: boolean): Promise<void> {
  await tx.deleteFrom('knowledge_file').where('knowledge_id', '=', id).execute();
  if (!directories) return;
  await tx.updateTable('knowledge_directory').set({ parent_id: null }).where('knowledge_id', '=', id).execute();
  await tx.deleteFrom('knowledge_directory').where('knowledge_id', '=', id).execute();
}

/** Takes the base out of the models that name it. Gives their ids. */
export async function forgetInModels(tx: Db, knowledgeId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('model')
    .select(['id', 'meta'])
    .where(likeFold(tx, jsonText(tx, 'meta'), `%${escapeLike(knowledgeId)}%`))
    .execute();
  const changed: string[] = [];
  for (const { id, meta } of rows) {
    if (!isObject(meta) || !Array.isArray(meta.knowledge)) continue;
    const kept = meta.knowledge.filter((item) => !isObject(item) || item.id !== knowledgeId);
    if (kept.length === meta.knowledge.length) continue;
    await tx
      .updateTable('model')
      .set({ meta: json({ ...meta, knowledge: kept }) })
      .where('id', '=', id)
      .execute();
    changed.push(id);
  }
  return changed;
}

export interface Search {
  query: string | null;
  /** Columns of the owner to look in. */
  ofOwner: readonly string[];
  view: 'created' | 'shared' | null;
  source: string | null;
  order: 'name' | 'created_at' | 'updated_at';
  ascending: boolean;
  page: number;
}

function granted(viewer: Viewer, right: Right): RawBuilder<boolean> {
  return grantedTo({ type: 'knowledge', right, id: 'knowledge.id', userId: viewer.id, groupIds: viewer.groupIds });
}

/** One page of bases the viewer owns or may read, with owner, number of files, and whether they may write. */
export async function searchKnowledge(db: Db, viewer: Viewer, all: boolean, search: Search) {
  const found: RawBuilder<boolean>[] = all
    ? []
    : [sql<boolean>`(knowledge.user_id = ${viewer.id} OR ${granted(viewer, 'read')})`];
  if (search.query) {
    const pattern = `%${escapeLike(search.query)}%`;
    const columns = ['knowledge.name', 'knowledge.description', 'user.username', ...search.ofOwner];
    found.push(
      sql<boolean>`(${sql.join(
        columns.map((column) => likeFold(db, column, pattern)),
        sql` OR `,
      )})`,
    );
  }
  if (search.view === 'created') found.push(sql<boolean>`knowledge.user_id = ${viewer.id}`);
  if (search.view === 'shared') found.push(sql<boolean>`knowledge.user_id <> ${viewer.id}`);
  const source = jsonAt(db, 'knowledge.meta', 'source');
  if (search.source === 'external') found.push(sql<boolean>`${source} = 'external'`);
  if (search.source === 'local') found.push(sql<boolean>`COALESCE(${source}, '') <> 'external'`);
  const matching = db
    .selectFrom('knowledge')
    .leftJoin('user', 'user.id', 'knowledge.user_id')
    .where((eb) => eb.and(found));
  const [items, counted] = await Promise.all([
    matching
      .selectAll('knowledge')
      .select(OWNER)
      .select([
        sql<unknown>`CASE WHEN ${granted(viewer, 'write')} THEN 1 ELSE 0 END`.as('writable'),
        sql<number>`(SELECT COUNT(*) FROM knowledge_file f WHERE f.knowledge_id = knowledge.id)`.as('file_count'),
      ])
      .orderBy(`knowledge.${search.order}`, search.ascending ? 'asc' : 'desc')
      .orderBy('knowledge.id')
      .limit(PAGE)
      .offset(offsetOf(search.page))
      .execute(),
    matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}

export type FoundKnowledge = Awaited<ReturnType<typeof searchKnowledge>>['items'][number];

export interface FileSearch {
  /** One base, or every base the viewer owns or may read. */
  in: { knowledgeId: string } | { viewer: Viewer };
  query: string | null;
  content: boolean;
  view: 'created' | 'shared' | null;
  userId: string;
  order: 'filename' | 'created_at' | 'updated_at';
  ascending: boolean;
  /** A directory; `root` for none; null for all. */
  directory: string | 'root' | null;
  page: number;
  limit: number;
}

/** One page of linked files, without their texts. */
export async function searchFiles(db: Db, search: FileSearch) {
  let matching = db
    .selectFrom('knowledge_file as link')
    .innerJoin('file', 'file.id', 'link.file_id')
    .innerJoin('knowledge', 'knowledge.id', 'link.knowledge_id')
    .leftJoin('user', 'user.id', 'link.user_id');
  if ('knowledgeId' in search.in) matching = matching.where('link.knowledge_id', '=', search.in.knowledgeId);
  else {
    const { viewer } = search.in;
    matching = matching.where((eb) => eb.or([eb('knowledge.user_id', '=', viewer.id), granted(viewer, 'read')]));
  }
  if (search.query) {
    const pattern = `%${escapeLike(search.query)}%`;
    const name = likeFold(db, 'file.filename', pattern);
    const text = likeFold(db, jsonAt(db, 'file.data', 'content'), pattern);
    matching = matching.where(search.content ? sql<boolean>`(${name} OR ${text})` : name);
  }
  if (search.view === 'created') matching = matching.where('link.user_id', '=', search.userId);
  if (search.view === 'shared') matching = matching.where('link.user_id', '<>', search.userId);
  if (search.directory === 'root') matching = matching.where('link.directory_id', 'is', null);
  else if (search.directory !== null) matching = matching.where('link.directory_id', '=', search.directory);
  const [items, counted] = await Promise.all([
    matching
      .select([
        'file.id',
        'file.user_id',
        'file.hash',
        'file.filename',
        'file.path',
        'file.meta',
        'file.created_at',
        'file.updated_at',
        'link.directory_id',
        'link.knowledge_id',
        ...OWNER,
      ])
      .orderBy(`file.${search.order}`, search.ascending ? 'asc' : 'desc')
      .orderBy('file.id')
      .limit(search.limit)
      .offset(offsetOf(search.page, search.limit))
      .execute(),
    matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}

export type FoundFile = Awaited<ReturnType<typeof searchFiles>>['items'][number];

/** Heads of all linked files, in the order they were linked. */
export function linkedFiles(db: Db, knowledgeId: string) {
  return db
    .selectFrom('knowledge_file as link')
    .innerJoin('file', 'file.id', 'link.file_id')
    .select([
      'file.id',
      'file.user_id',
      'file.hash',
      'file.filename',
      'file.path',
      'file.meta',
      'file.created_at',
      'file.updated_at',
      'link.directory_id',
    ])
    .where('link.knowledge_id', '=', knowledgeId)
    .orderBy('link.created_at')
    .orderBy('file.id')
    .execute();
}

export type LinkedFile = Awaited<ReturnType<typeof linkedFiles>>[number];

/** Whether another file of the base has the same text. */
export async function hasText(db: Db, knowledgeId: string, hash: string, exceptFileId: string): Promise<boolean> {
  const row = await db
    .selectFrom('knowledge_file as link')
    .innerJoin('file', 'file.id', 'link.file_id')
    .select('file.id')
    .where('link.knowledge_id', '=', knowledgeId)
    .where('file.hash', '=', hash)
    .where('file.id', '<>', exceptFileId)
    .executeTakeFirst();
  return row !== undefined;
}

export async function linkFile(
  db: Db,
  link: { knowledgeId: string; fileId: string; userId: string; directoryId: string | null },
): Promise<void> {
  const now = nowSeconds();
  await insertOrIgnore(db, 'knowledge_file', [
    {
      id: randomUUID(),
      user_id: link.userId,
      knowledge_id: link.knowledgeId,
      file_id: link.fileId,
      directory_id: link.directoryId,
      created_at: now,
      updated_at: now,
    },
  ]);
}

export async function unlinkFiles(db: Db, knowledgeId: string, fileIds: readonly string[]): Promise<void> {
  if (fileIds.length === 0) return;
  await db
    .deleteFrom('knowledge_file')
    .where('knowledge_id', '=', knowledgeId)
    .where('file_id', 'in', fileIds)
    .execute();
}

/** Of these files, those that no base links. */
export async function unlinked(db: Db, fileIds: readonly string[]): Promise<string[]> {
  if (fileIds.length === 0) return [];
  const rows = await db.selectFrom('knowledge_file').select('file_id').where('file_id', 'in', fileIds).execute();
  const linked = new Set(rows.map((row) => row.file_id));
  return fileIds.filter((id) => !linked.has(id));
}

/** Links of these files to the base. */
export function linksOf(db: Db, knowledgeId: string, fileIds: readonly string[]) {
  if (fileIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('knowledge_file')
    .select(['file_id', 'directory_id'])
    .where('knowledge_id', '=', knowledgeId)
    .where('file_id', 'in', fileIds)
    .execute();
}

export async function moveFiles(
  db: Db,
  knowledgeId: string,
  where: { fileId: string } | { directoryIds: readonly string[] },
  directoryId: string | null,
): Promise<void> {
  const query = db
    .updateTable('knowledge_file')
    .set({ directory_id: directoryId, updated_at: nowSeconds() })
    .where('knowledge_id', '=', knowledgeId);
  await ('fileId' in where
    ? query.where('file_id', '=', where.fileId)
    : query.where('directory_id', 'in', where.directoryIds)
  ).execute();
}

/** Uploads for the base that are still being read, newest first. */
export function pendingFiles(db: Db, knowledgeId: string) {
  return db
    .selectFrom('file')
    .selectAll('file')
    .where(jsonAt(db, 'file.data', 'status'), 'in', ['pending', 'processing'])
    .where(jsonAt(db, 'file.meta', 'data', 'knowledge_id'), '=', knowledgeId)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('knowledge_file as link')
            .select('link.id')
            .whereRef('link.file_id', '=', 'file.id')
            .where('link.knowledge_id', '=', knowledgeId),
        ),
      ),
    )
    .orderBy('file.created_at', 'desc')
    .execute();
}

/** All directories of a base, by name. */
export function listDirectories(db: Db, knowledgeId: string): Promise<DirectoryRow[]> {
  return db
    .selectFrom('knowledge_directory')
    .selectAll()
    .where('knowledge_id', '=', knowledgeId)
    .orderBy('name')
    .orderBy('id')
    .execute();
}

export async function insertDirectory(db: Db, row: DirectoryRow): Promise<void> {
  await db.insertInto('knowledge_directory').values(row).execute();
}

export async function updateDirectory(
  db: Db,
  id: string,
  changes: { name: string; parent_id: string | null; updated_at: number },
): Promise<void> {
  await db.updateTable('knowledge_directory').set(changes).where('id', '=', id).execute();
}

/** Deepest first, so that no parent goes before its children. */
export async function deleteDirectories(db: Db, ids: readonly string[]): Promise<void> {
  for (const id of ids.toReversed()) await db.deleteFrom('knowledge_directory').where('id', '=', id).execute();
}
