import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import { type Db, json, type Tables } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { OWNER } from '../access/index.ts';

/** What has a history. Its table `<kind>_history` names it in `<kind>_id`; else the four tables are alike. */
export type Versioned = 'prompt' | 'tool' | 'function' | 'skill';

/** One entry of a history. */
export type Version = Omit<Selectable<Tables['prompt_history']>, 'prompt_id'> & { object_id: string };

// The names are those of another table of the same columns: the types hold, the SQL has the right names.
const tableOf = (kind: Versioned) => `${kind}_history` as 'prompt_history';
const idColumn = (kind: Versioned) => `${kind}_id` as 'prompt_id';

const COLUMNS = ['id', 'parent_id', 'snapshot', 'user_id', 'commit_message', 'created_at'] as const;

function versions(db: Db, kind: Versioned, objectId: string) {
  return db
    .selectFrom(tableOf(kind))
    .select(COLUMNS)
    .select(`${idColumn(kind)} as object_id`)
    .where(idColumn(kind), '=', objectId);
}

export function findVersion(db: Db, kind: Versioned, objectId: string, id: string): Promise<Version | undefined> {
  return versions(db, kind, objectId).where('id', '=', id).executeTakeFirst();
}

export function newestVersion(db: Db, kind: Versioned, objectId: string): Promise<Version | undefined> {
  return versions(db, kind, objectId).orderBy('created_at', 'desc').orderBy('id', 'desc').executeTakeFirst();
}

/** A page of a history with who made each entry, newest first. */
export function listVersions(
  db: Db,
  kind: Versioned,
  objectId: string,
  page: { offset: number; limit: number; snapshots: boolean },
) {
  const history = tableOf(kind);
  return db
    .selectFrom(history)
    .leftJoin('user', 'user.id', `${history}.user_id`)
    .select([
      `${history}.id`,
      `${history}.parent_id`,
      `${history}.user_id`,
      `${history}.commit_message`,
      `${history}.created_at`,
      `${history}.${idColumn(kind)} as object_id`,
      ...OWNER,
    ])
    .$if(page.snapshots, (query) => query.select(`${history}.snapshot`))
    .where(`${history}.${idColumn(kind)}`, '=', objectId)
    .orderBy(`${history}.created_at`, 'desc')
    .orderBy(`${history}.id`, 'desc')
    .limit(page.limit)
    .offset(page.offset)
    .execute();
}

interface NewVersion {
  objectId: string;
  parentId: string | null;
  snapshot: unknown;
  userId: string;
  message: string | null;
}

/** Adds an entry, at least a second younger than all before it, so that their order holds. Gives its id. */
export async function insertVersion(tx: Db, kind: Versioned, version: NewVersion): Promise<string> {
  const newest = await newestVersion(tx, kind, version.objectId);
  const id = randomUUID();
  const row = {
    id,
    prompt_id: version.objectId,
    parent_id: version.parentId,
    snapshot: json(version.snapshot),
    user_id: version.userId,
    commit_message: version.message,
    created_at: Math.max(nowSeconds(), (newest?.created_at ?? 0) + 1),
  };
  const { prompt_id: objectId, ...rest } = row;
  await tx
    .insertInto(tableOf(kind))
    .values({ ...rest, [idColumn(kind)]: objectId } as typeof row)
    .execute();
  return id;
}

/** Takes an entry out; those that came from it come from its parent then. */
export async function deleteVersion(tx: Db, kind: Versioned, version: Version): Promise<void> {
  await tx
    .updateTable(tableOf(kind))
    .set({ parent_id: version.parent_id })
    .where(idColumn(kind), '=', version.object_id)
    .where('parent_id', '=', version.id)
    .execute();
  await tx.deleteFrom(tableOf(kind)).where('id', '=', version.id).execute();
}

export async function deleteVersions(tx: Db, kind: Versioned, objectId: string): Promise<void> {
  await tx.deleteFrom(tableOf(kind)).where(idColumn(kind), '=', objectId).execute();
}
