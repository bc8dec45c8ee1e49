import type { Database, Db } from '../../kernel/database/index.ts';
import { notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { type Access, listWireGrants, type Right } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Files } from '../files/index.ts';
import { presentKnowledge, presentLinked } from './present.ts';
import * as store from './store.ts';
import { type Tree, treeOf } from './tree.ts';

export interface KnowledgeDeps {
  database: Database;
  access: Access;
  settings: Pick<Settings, 'get'>;
  config: Pick<Config, 'get'>;
  files: Pick<Files, 'unreadable' | 'discard'>;
  events: EventSink;
}

export type Row = store.KnowledgeRow;
export type KnowledgeContext = ReturnType<typeof createContext>;

/** What everything about knowledge bases stands on. */
export function createContext({ database, access, settings, files, events }: KnowledgeDeps) {
  const { db } = database;
  const viewerOf = async (user: User) => ({ id: user.id, groupIds: await access.groupIds(user.id) });
  const seesAll = (user: User) => user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  const grantsOf = async (id: string) => (await listWireGrants(db, 'knowledge', [id])).get(id) ?? [];
  const treeFor = async (id: string, on: Db = db): Promise<Tree> => treeOf(await store.listDirectories(on, id));
  const publish = (event: string, actor: User, row: Pick<Row, 'id'>, data: JsonObject = {}) =>
    events.publish(event, { actor, subject: { type: 'knowledge', id: row.id }, data });

  async function allows(user: User, row: Row, right: Right): Promise<boolean> {
    if (user.role === 'admin' || row.user_id === user.id) return true;
    return access.grants.allows(user, 'knowledge', row.id, right);
  }

  /** KnowledgeFilesResponse with the files. */
  async function withFiles(id: string) {
    const [row, grants, linked] = await Promise.all([
      store.findKnowledge(db, id),
      grantsOf(id),
      store.linkedFiles(db, id),
    ]);
    if (!row) throw notFound();
    return { ...presentKnowledge(row, grants), files: linked.map(presentLinked), write_access: false };
  }

  /** Removes files that nothing needs any more and that are the caller's to remove. */
  async function discard(user: User, candidates: readonly { id: string; user_id: string | null }[]): Promise<void> {
    const own = candidates.filter((file) => user.role === 'admin' || file.user_id === user.id);
    for (const id of await store.unlinked(
      db,
      own.map((file) => file.id),
    ))
      await files.discard(id);
  }

  async function checkDirectory(tx: Db, id: string, directoryId: string | null, text: string): Promise<void> {
    if (directoryId !== null && !(await treeFor(id, tx)).get(directoryId)) throw notFound(text);
  }

  return {
    database,
    access,
    settings,
    files,
    viewerOf,
    seesAll,
    grantsOf,
    treeFor,
    publish,
    allows,
    withFiles,
    discard,
    checkDirectory,
  };
}

/** Whether its texts lie in a store of somebody else: nothing can be put into it. */
export function isExternal(row: Row): boolean {
  return isObject(row.meta) && row.meta.source === 'external';
}

export function viewOf(view: string | null): 'created' | 'shared' | null {
  return view === 'created' || view === 'shared' ? view : null;
}
