import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { Db, Json, Tables } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { grantedTo, OWNER, type Right } from '../access/index.ts';

export type ToolRow = Selectable<Tables['tool']>;
export type FunctionRow = Selectable<Tables['function']>;

/** Whose tools: those a user owns or was granted; `all` for administrators who see everything. */
export interface Viewer {
  id: string;
  groupIds: ReadonlySet<string>;
  all: boolean;
}

function granted(viewer: Viewer, right: Right): RawBuilder<boolean> {
  return grantedTo({ type: 'tool', right, id: 'tool.id', userId: viewer.id, groupIds: viewer.groupIds });
}

/** Tools the viewer has the right on, last changed first, without their source. */
export function listTools(db: Db, viewer: Viewer) {
  let query = db
    .selectFrom('tool')
    .leftJoin('user', 'user.id', 'tool.user_id')
    .select([
      'tool.id',
      'tool.version_id',
      'tool.user_id',
      'tool.name',
      'tool.specs',
      'tool.meta',
      'tool.updated_at',
      'tool.created_at',
      ...OWNER,
    ])
    .select(sql<unknown>`CASE WHEN ${granted(viewer, 'write')} THEN 1 ELSE 0 END`.as('writable'))
    .orderBy('tool.updated_at', 'desc')
    .orderBy('tool.id');
  if (!viewer.all) query = query.where((eb) => eb.or([eb('tool.user_id', '=', viewer.id), granted(viewer, 'read')]));
  return query.execute();
}

export type ListedTool = Awaited<ReturnType<typeof listTools>>[number];

/** Whole tools the viewer may write. */
export function exportTools(db: Db, viewer: Viewer): Promise<ToolRow[]> {
  let query = db.selectFrom('tool').selectAll().orderBy('updated_at', 'desc').orderBy('id');
  if (!viewer.all) query = query.where((eb) => eb.or([eb('tool.user_id', '=', viewer.id), granted(viewer, 'write')]));
  return query.execute();
}

export function findTool(db: Db, id: string): Promise<ToolRow | undefined> {
  return db.selectFrom('tool').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Changes columns and the time; the row is held until the transaction ends. */
export async function touchTool(
  db: Db,
  id: string,
  changes: { name?: string; meta?: Json; version_id?: string | null } = {},
): Promise<void> {
  await db
    .updateTable('tool')
    .set({ ...changes, updated_at: nowSeconds() })
    .where('id', '=', id)
    .execute();
}

export async function deleteTool(db: Db, id: string): Promise<void> {
  await db.deleteFrom('tool').where('id', '=', id).execute();
}

const FUNCTION_HEAD = [
  'function.id',
  'function.version_id',
  'function.user_id',
  'function.name',
  'function.type',
  'function.meta',
  'function.is_active',
  'function.is_global',
  'function.updated_at',
  'function.created_at',
] as const;

/** All functions with who made them, last changed first, without source and valves. */
export function listFunctions(db: Db) {
  return db
    .selectFrom('function')
    .leftJoin('user', 'user.id', 'function.user_id')
    .select([...FUNCTION_HEAD, ...OWNER])
    .orderBy('function.updated_at', 'desc')
    .orderBy('function.id')
    .execute();
}

export function exportFunctions(db: Db): Promise<FunctionRow[]> {
  return db.selectFrom('function').selectAll().orderBy('updated_at', 'desc').orderBy('id').execute();
}

export function findFunction(db: Db, id: string): Promise<FunctionRow | undefined> {
  return db.selectFrom('function').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function touchFunction(
  db: Db,
  id: string,
  changes: { name?: string; meta?: Json; version_id?: string | null; is_active?: boolean; is_global?: boolean } = {},
): Promise<void> {
  await db
    .updateTable('function')
    .set({ ...changes, updated_at: nowSeconds() })
    .where('id', '=', id)
    .execute();
}

export async function deleteFunction(db: Db, id: string): Promise<void> {
  await db.deleteFrom('function').where('id', '=', id).execute();
}
