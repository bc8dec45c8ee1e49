import type { Database, Db } from '../../kernel/database/index.ts';
import type { Access as Policy } from '../../kernel/http/access.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List } from '../../kernel/http/shapes.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { splitLines } from '../../kernel/text/lines.ts';
import { unifiedDiff } from '../../kernel/text/unified-diff.ts';
import * as versions from '../versions/index.ts';
import * as shapes from './shapes.ts';

type Kind = 'tool' | 'function';
interface Head {
  id: string;
  name: string | null;
  content: string | null;
  meta: unknown;
  version_id: string | null;
}

const PAGE = 20;

/** The versions of a tool or function: list, one, what differs, take one out (plugins note, 0.5). */
export function historyRoutes<T extends Head>(
  kind: Kind,
  { database }: { database: Database },
  policy: Policy<User, T>,
) {
  const { db } = database;
  const base = `/api/v1/${kind}s/id/:id/history`;
  const find = async (on: Db, objectId: string, id: string): Promise<versions.Version> => {
    const found = await versions.findVersion(on, kind, objectId, id);
    if (!found) throw notFound('Version not found');
    return found;
  };
  const nameOf = async (userId: string) => {
    const row = await db.selectFrom('user').select('name').where('id', '=', userId).executeTakeFirst();
    return row ? { name: row.name } : null;
  };
  const item = ({
    object_id,
    snapshot: _snapshot,
    ...entry
  }: Omit<versions.Version, 'snapshot'> & { snapshot?: unknown }) => ({
    id: entry.id,
    [`${kind}_id`]: object_id,
    parent_id: entry.parent_id,
    user_id: entry.user_id,
    commit_message: entry.commit_message,
    created_at: entry.created_at,
  });

  const routes: Route[] = [
    route({
      method: 'GET',
      url: base,
      access: policy,
      query: shapes.HistoryQuery,
      reply: List(shapes.HistoryItem),
      handler: async ({ target, query }) => {
        const range = { offset: (Math.max(1, query.page) - 1) * PAGE, limit: PAGE, snapshots: false };
        const rows = await versions.listVersions(db, kind, target.id, range);
        return rows.map((row) => ({ ...item(row), user: row.owner_id === null ? null : { name: row.owner_name } }));
      },
    }),
    route({
      method: 'GET',
      url: `${base}/diff`,
      access: policy,
      query: shapes.DiffQuery,
      reply: shapes.HistoryDiff,
      handler: async ({ target, query }) => {
        const [from, to] = await Promise.all([find(db, target.id, query.from_id), find(db, target.id, query.to_id)]);
        return diffOf(from, to);
      },
    }),
    route({
      method: 'GET',
      url: `${base}/:history_id`,
      access: policy,
      reply: shapes.HistoryEntry,
      handler: async ({ target, params }) => {
        const found = await find(db, target.id, params.history_id ?? '');
        return { ...item(found), user: await nameOf(found.user_id), snapshot: objectOf(found.snapshot) };
      },
    }),
    route({
      method: 'DELETE',
      url: `${base}/:history_id`,
      access: policy,
      reply: Bool(),
      handler: async ({ target, params }) => {
        await database.transaction(async (tx) => {
          const found = await find(tx, target.id, params.history_id ?? '');
          if (found.id === target.version_id) throw new HttpError(400, 'Cannot delete the current version');
          await versions.deleteVersion(tx, kind, found);
        });
        return true;
      },
    }),
  ];
  return routes;
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function diffOf(from: versions.Version, to: versions.Version) {
  const [before, after] = [objectOf(from.snapshot), objectOf(to.snapshot)];
  const metadata: JsonObject = {};
  for (const member of ['name', 'meta']) {
    if (JSON.stringify(before[member]) !== JSON.stringify(after[member])) {
      metadata[member] = { before: before[member] ?? null, after: after[member] ?? null };
    }
  }
  const [left, right] = [String(before.content ?? ''), String(after.content ?? '')];
  const names = { from: 'selected.py', to: 'production.py' };
  const lines = unifiedDiff(splitLines(left), splitLines(right), names);
  return {
    from_id: from.id,
    to_id: to.id,
    metadata,
    content_diff: lines.join('\n'),
    line_endings_only: lines.length === 0 && left !== right,
  };
}

/** What a version keeps of a tool or function. */
export function snapshotOf({ name, content, meta }: Head): JsonObject {
  const { manifest: _m, has_user_valves: _v, toggle: _t, i18n, ...kept } = objectOf(meta);
  const hasTexts = isObject(i18n) && Object.keys(i18n).length > 0;
  return {
    name,
    content: content ?? '',
    meta: { ...kept, ...(hasTexts && { i18n }), description: kept.description ?? null },
  };
}

/** Adds a version when something changed, or when there is none yet; gives the current version's id. */
export async function recordChange(
  tx: Db,
  kind: Kind,
  change: { before: Head; after: Head; userId: string; message: string | null },
): Promise<string | null> {
  const { before, after, userId, message } = change;
  const snapshot = snapshotOf(after);
  if (before.version_id !== null && JSON.stringify(snapshotOf(before)) === JSON.stringify(snapshot)) {
    return before.version_id;
  }
  return versions.insertVersion(tx, kind, {
    objectId: before.id,
    parentId: before.version_id,
    snapshot,
    userId,
    message,
  });
}
