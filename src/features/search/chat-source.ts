import { type RawBuilder, sql } from 'kysely';
import { type Db, escapeLike, jsonAt, jsonText, likeFold } from '../../kernel/database/index.ts';
import { allMessagesOf, chatsWithAll, matchNeedles, notInternal, parseDocument } from '../chats/index.ts';
import { excerpt, PREVIEW, SNIPPET } from './excerpt.ts';
import type { GlobalSearchResult } from './shapes.ts';
import { compareHits, type Hit, REST, rankOf, type Search, type Source } from './source.ts';

/** Chats looked through at a time; fewer where most of them match, and before the index is asked. */
const BATCH = 300;
const FEW = 100;
/** Ids one statement may carry. */
const IN_LIST = 500;

interface Row {
  id: string;
  title: string | null;
  updated_at: number | null;
  pinned: boolean | null;
}

type Condition = RawBuilder<boolean>;

/** Chats the user reads as they are: own ones, those in visible folders, those shared for replies. */
export const chatSource: Source = {
  async find(search) {
    const hits: Hit[] = [];
    for (const where of await visibleChats(search)) hits.push(...(await findIn(search, where)));
    return hits.sort(compareHits).slice(0, search.limit);
  },

  async present(search, ids) {
    const { db, user } = search;
    const rows = await db
      .selectFrom('chat')
      .select([
        'id',
        'user_id',
        'title',
        'updated_at',
        'pinned',
        'folder_id',
        'share_id',
        jsonText(db, 'chat').as('text'),
      ])
      .where('id', 'in', [...ids])
      .execute();
    const shared = await sharedFolders(
      db,
      rows.flatMap((row) => row.folder_id ?? []),
    );
    const found = new Map<string, GlobalSearchResult>();
    for (const row of rows) {
      const own = row.user_id === user.id;
      const folder = row.folder_id === null ? undefined : search.folders.get(row.folder_id);
      found.set(row.id, {
        ...chatResult(row.title, row.text, search.terms, `/c/${row.id}`),
        id: `chat:${row.id}`,
        context: folder ?? (own ? 'Personal chat' : 'Shared chat'),
        updated_at: row.updated_at ?? 0,
        shared: !own || row.share_id !== null || (row.folder_id !== null && shared.has(row.folder_id)),
        pinned: own && row.pinned === true,
      });
    }
    return found;
  },
};

/** Snapshots given to the user whose chat they do not see as it is. */
export const snapshotSource: Source = {
  async find(search) {
    if (search.inFolders || search.sharing === 'mine') return [];
    const { db, terms, query } = search;
    const hits: Hit[] = [];
    for (const share of await grantedShares(search)) {
      if (share.live || share.owner === search.user.id) continue;
      const row = await db
        .selectFrom('shared_chat')
        .select(['title', 'updated_at', jsonText(db, 'chat').as('text')])
        .where('id', '=', share.id)
        .executeTakeFirst();
      if (!row) continue;
      const texts = [row.title ?? '', ...textsOf(row.text).map((one) => one.text)].map((text) => text.toLowerCase());
      if (!terms.every((term) => texts.some((text) => text.includes(term)))) continue;
      hits.push({ source: 'shared', id: share.id, rank: rankOf(row.title, query), updated: row.updated_at ?? 0 });
    }
    return hits.sort(compareHits).slice(0, search.limit);
  },

  async present({ db, terms }, ids) {
    const rows = await db
      .selectFrom('shared_chat')
      .select(['id', 'title', 'updated_at', jsonText(db, 'chat').as('text')])
      .where('id', 'in', [...ids])
      .execute();
    return new Map(
      rows.map((row) => [
        row.id,
        {
          ...chatResult(row.title, row.text, terms, `/s/${row.id}`),
          id: `shared:${row.id}`,
          context: 'Shared snapshot',
          updated_at: row.updated_at ?? 0,
          shared: true,
          pinned: false,
        },
      ]),
    );
  },
};

/** Conditions on `chat`, each of which one index serves; a chat fulfils one of them at most. */
async function visibleChats(search: Search): Promise<Condition[]> {
  const { user, sharing, inFolders, folders } = search;
  const own = sql<boolean>`chat.user_id = ${user.id}`;
  const foreign = sql<boolean>`chat.user_id <> ${user.id}`;
  const inside = inFolders ?? new Set(folders.keys());
  const conditions: Condition[] = [];
  if (sharing !== 'shared') {
    if (!inFolders) conditions.push(own);
    else for (const ids of slices(inside)) conditions.push(sql`(${own} AND chat.folder_id IN (${sql.join(ids)}))`);
  }
  if (sharing === 'mine') return conditions;
  for (const ids of slices(inside)) conditions.push(sql`(${foreign} AND chat.folder_id IN (${sql.join(ids)}))`);
  if (inFolders) return conditions;
  const live = (await grantedShares(search)).filter((share) => share.live && !inside.has(share.folder ?? ''));
  for (const ids of slices(live.map((share) => share.chat))) {
    conditions.push(sql`(${foreign} AND chat.id IN (${sql.join(ids)}))`);
  }
  return conditions;
}

interface GrantedShare {
  /** The token of the link. */
  id: string;
  chat: string;
  owner: string;
  folder: string | null;
  /** Whether the chat itself is seen: in reply mode, or by its folder. */
  live: boolean;
}

/** Links given to the user or a group of theirs; what is given to everybody is not looked through. */
async function grantedShares({ db, user, groupIds, folders }: Search): Promise<GrantedShare[]> {
  const byGroup =
    groupIds.size === 0
      ? sql``
      : sql` OR (g.principal_type = 'group' AND g.principal_id IN (${sql.join([...groupIds])}))`;
  const rows = await db
    .selectFrom('chat')
    .innerJoin('shared_chat', 'shared_chat.id', 'chat.share_id')
    .select(['shared_chat.id', 'chat.id as chat', 'chat.user_id', 'chat.folder_id', 'chat.archived'])
    .select(jsonAt(db, 'shared_chat.chat', 'share_mode').as('mode'))
    .where(
      sql<boolean>`chat.id IN (SELECT g.resource_id FROM access_grant g WHERE g.resource_type = 'shared_chat' AND g.permission = 'read'
        AND ((g.principal_type = 'user' AND g.principal_id = ${user.id})${byGroup}))`,
    )
    .execute();
  return rows.map((row) => ({
    id: row.id,
    chat: row.chat,
    owner: row.user_id ?? '',
    folder: row.folder_id,
    live: row.archived !== true && (row.mode === 'continue' || folders.has(row.folder_id ?? '')),
  }));
}

function select({ db }: Search, where: Condition) {
  return db
    .selectFrom('chat')
    .select(['id', 'title', 'updated_at', 'pinned'])
    .where(where)
    .where((eb) => eb.or([eb('archived', '=', false), eb('archived', 'is', null)]))
    .where(notInternal(db));
}

async function findIn(search: Search, where: Condition): Promise<Hit[]> {
  const { db, findChats, user, query, terms, limit } = search;
  const hit = (row: Row, rank: number): Hit => ({ source: 'chat', id: row.id, rank, updated: row.updated_at ?? 0 });
  if (terms.length === 0) {
    const first = sql`CASE WHEN chat.pinned = ${sql.lit(true)} AND chat.user_id = ${user.id} THEN 0 ELSE 1 END`;
    const rows = await select(search, where)
      .select(sql<number>`${first}`.as('place'))
      .orderBy(first)
      .orderBy('updated_at', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map((row) => hit(row, Number(row.place) === 0 ? 0 : REST));
  }
  const titled = await select(search, sql`(${where} AND ${likeFold(db, 'chat.title', `%${escapeLike(query)}%`)})`)
    .orderBy('updated_at', 'desc')
    .orderBy('id')
    .execute();
  const hits = titled.map((row) => hit(row, rankOf(row.title, query))).sort(compareHits);
  const known = new Set(hits.map((one) => one.id));
  const match = async (batch: readonly Row[]) => {
    const marks = await matchNeedles(db, batch, terms, (all) => all.every(Boolean));
    for (const row of batch) {
      if (!known.has(row.id) && marks.get(row.id)?.every(Boolean)) hits.push(hit(row, REST));
    }
  };
  // What is common is found in the newest chats; for the rest the index tells which ones to look at.
  const first = await behind(search, where, null, FEW);
  await match(first.rows);
  const among = first.end && hits.length < limit ? await chatsWithAll(findChats, terms, where) : null;
  const rest = among ? sql<boolean>`(${where} AND ${among})` : where;
  for (let { end } = first; end && hits.length < limit; ) {
    const batch: Batch = await behind(search, rest, end, among ? FEW : BATCH);
    await match(batch.rows);
    end = batch.end;
  }
  return hits.slice(0, limit);
}

interface Key {
  at: number;
  id: string;
}

interface Batch {
  rows: Row[];
  /** Where the next one begins; null: there is none. */
  end: Key | null;
}

/** Chats behind a key, newest change first. */
async function behind(search: Search, where: Condition, from: Key | null, size: number): Promise<Batch> {
  let query = select(search, where);
  if (from) {
    query = query.where((eb) =>
      eb.or([eb('updated_at', '<', from.at), eb.and([eb('updated_at', '=', from.at), eb('id', '>', from.id)])]),
    );
  }
  const rows: Row[] = await query.orderBy('updated_at', 'desc').orderBy('id').limit(size).execute();
  const end = rows.at(-1);
  return { rows, end: end && rows.length >= size ? { at: end.updated_at ?? 0, id: end.id } : null };
}

/** Those of these folders that somebody was given to read, on themselves or on one above. */
async function sharedFolders(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const parents = new Map<string, string | null>();
  for (let open = [...new Set(ids)]; open.length > 0; ) {
    const rows = await db.selectFrom('folder').select(['id', 'parent_id']).where('id', 'in', open).execute();
    for (const row of rows) parents.set(row.id, row.parent_id);
    open = [...new Set(rows.flatMap((row) => row.parent_id ?? []))].filter((id) => !parents.has(id));
  }
  if (parents.size === 0) return new Set();
  const granted = await db
    .selectFrom('access_grant')
    .select('resource_id')
    .where('resource_type', '=', 'folder')
    .where('permission', '=', 'read')
    .where('resource_id', 'in', [...parents.keys()])
    .execute();
  const direct = new Set(granted.map((row) => row.resource_id));
  const shared = (id: string): boolean => {
    const seen = new Set<string>();
    for (let at: string | null = id; at !== null && !seen.has(at); at = parents.get(at) ?? null) {
      if (direct.has(at)) return true;
      seen.add(at);
    }
    return false;
  };
  return new Set(ids.filter(shared));
}

interface MessageText {
  id: string | null;
  text: string;
}

/** The texts of a document's messages, in order. */
function textsOf(document: string | null): MessageText[] {
  return Object.entries(allMessagesOf(parseDocument(document))).flatMap(([id, { content }]) =>
    typeof content === 'string' && content !== '' ? [{ id, text: content }] : [],
  );
}

function chatResult(title: string | null, document: string | null, terms: readonly string[], url: string) {
  const texts = textsOf(document);
  const has = (text: string, term: string) => text.toLowerCase().includes(term);
  const all = terms.length > 0 ? texts.find(({ text }) => terms.every((term) => has(text, term))) : undefined;
  const matched = all ?? texts.find(({ text }) => terms.some((term) => has(text, term)));
  const text = (matched ?? texts.at(-1))?.text ?? '';
  return {
    kind: 'chat' as const,
    title: title?.trim() || 'Untitled',
    snippet: excerpt(text, terms, SNIPPET),
    preview: excerpt(text, terms, PREVIEW),
    url: matched?.id ? `${url}?message=${encodeURIComponent(matched.id)}` : url,
  };
}

function slices(ids: Iterable<string>): string[][] {
  const all = [...ids];
  const result: string[][] = [];
  for (let at = 0; at < all.length; at += IN_LIST) result.push(all.slice(at, at + IN_LIST));
  return result;
}
