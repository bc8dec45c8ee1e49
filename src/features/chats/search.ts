import { type RawBuilder, sql } from 'kysely';
import { type Db, jsonText } from '../../kernel/database/index.ts';
import { parseDocument } from './document.ts';
import type { ListedChat } from './lists.ts';
import { PAGE } from './lists.ts';
import { matchNeedles } from './match.ts';
import { type SearchQuery, snippetOf } from './search-query.ts';
import { hasNoTags, hasTag, notInternal } from './tags.ts';
import type { TextFinder } from './text-index/finder.ts';

export interface FoundChat extends ListedChat {
  archived: boolean | null;
  snippet: string | null;
}

/** Chats looked through at a time; fewer where most of them match, and before the index is asked. */
const BATCH = 300;
const FEW = 100;

type Candidate = ListedChat & { archived: boolean | null };

/** Where a search looks. */
export interface SearchPlace {
  db: Db;
  find: TextFinder;
  userId: string;
  /** The folders asked for; null when none was. */
  folderIds: readonly string[] | null;
}

/**
 * A page of a user's chats that match, those with the whole phrase first, then newest change first (chats note, 1.3). The newest chats
 * are looked through as they come: what is common fills the page with them. For the rest the index tells which ones to look at; where
 * it cannot, all are.
 */
export async function searchChats(place: SearchPlace, query: SearchQuery, page: number): Promise<FoundChat[]> {
  if (place.folderIds?.length === 0) return [];
  const skip = (Math.max(1, page) - 1) * PAGE;
  const wanted = skip + PAGE;
  const found = query.phrase
    ? await matching(place, query, wanted)
    : (await next(place, query, { from: null, among: null, size: wanted })).rows;
  return withSnippets(place.db, found.slice(skip, wanted), query);
}

async function matching(place: SearchPlace, query: SearchQuery, wanted: number): Promise<Candidate[]> {
  const { db, find, userId } = place;
  const whole: Candidate[] = [];
  const apart: Candidate[] = [];
  const sort = async (batch: readonly Candidate[]) => {
    const hits = await matchNeedles(db, batch, [query.phrase, ...query.terms], (marks) => marks[0] === true);
    for (const chat of batch) {
      const [phrase, ...terms] = hits.get(chat.id) ?? [];
      if (phrase) whole.push(chat);
      else if (terms.length > 0 && terms.every(Boolean)) apart.push(chat);
    }
  };
  const first = await next(place, query, { from: null, among: null, size: FEW });
  await sort(first.rows);
  if (first.end === null || whole.length >= wanted) return [...whole, ...apart];

  const own = sql<boolean>`chat.user_id = ${userId}`;
  const phrased = await find(query.phrase, own);
  if (phrased === null) {
    for await (const batch of batches(place, query, first.end, null)) {
      await sort(batch);
      if (whole.length >= wanted) break;
    }
    return [...whole, ...apart];
  }
  for await (const batch of batches(place, query, first.end, phrased)) {
    const hits = await matchNeedles(db, batch, [query.phrase], ([mark]) => mark === true);
    whole.push(...batch.filter((chat) => hits.get(chat.id)?.[0]));
    if (whole.length >= wanted) return whole;
  }
  if (query.terms.length === 0) return whole;
  const known = new Set(whole.map((chat) => chat.id));
  const termed = await chatsWithAll(find, query.terms, own);
  for await (const batch of batches(place, query, first.end, termed)) {
    if (whole.length + apart.length >= wanted) break;
    const hits = await matchNeedles(db, batch, query.terms, (marks) => marks.every(Boolean));
    apart.push(...batch.filter((chat) => !known.has(chat.id) && hits.get(chat.id)?.every(Boolean)));
  }
  return [...whole, ...apart];
}

/** A condition for chats that may have all of these texts; null where the index cannot tell of any. */
export async function chatsWithAll(
  find: TextFinder,
  needles: readonly string[],
  among: RawBuilder<boolean>,
): Promise<RawBuilder<boolean> | null> {
  const conditions: RawBuilder<boolean>[] = [];
  for (const needle of needles) {
    const found = await find(needle, among);
    if (found) conditions.push(found);
  }
  return conditions.length > 0 ? sql<boolean>`(${sql.join(conditions, sql` AND `)})` : null;
}

interface Key {
  at: number;
  id: string;
}

interface Batch {
  rows: Candidate[];
  /** Where the next one begins; null: there is none. */
  end: Key | null;
}

/** Chats that pass the filters, newest change first, behind a key. */
async function* batches(
  place: SearchPlace,
  query: SearchQuery,
  from: Key,
  among: RawBuilder<boolean> | null,
): AsyncGenerator<Candidate[]> {
  for (let key: Key | null = from; key !== null; ) {
    const batch: Batch = await next(place, query, { from: key, among, size: among ? FEW : BATCH });
    if (batch.rows.length > 0) yield batch.rows;
    key = batch.end;
  }
}

async function next(
  { db, userId, folderIds }: SearchPlace,
  query: SearchQuery,
  { from, among, size }: { from: Key | null; among: RawBuilder<boolean> | null; size: number },
): Promise<Batch> {
  let select = db
    .selectFrom('chat')
    .select(['id', 'title', 'updated_at', 'created_at', 'last_read_at', 'archived'])
    .where('user_id', '=', userId)
    .where((eb) => eb.and(filters(db, query)));
  if (folderIds) select = select.where('folder_id', 'in', [...folderIds]);
  if (among) select = select.where(among);
  if (from) {
    select = select.where((eb) =>
      eb.or([eb('updated_at', '<', from.at), eb.and([eb('updated_at', '=', from.at), eb('id', '>', from.id)])]),
    );
  }
  const rows: Candidate[] = await select.orderBy('updated_at', 'desc').orderBy('id').limit(size).execute();
  const end = rows.at(-1);
  return { rows, end: end && rows.length >= size ? { at: end.updated_at ?? 0, id: end.id } : null };
}

function filters(db: Db, query: SearchQuery): RawBuilder<boolean>[] {
  const flag = (column: string, value: boolean) => sql<boolean>`${sql.ref(column)} = ${sql.lit(value)}`;
  const found = [notInternal(db)];
  if (query.archived === true) found.push(flag('chat.archived', true));
  else found.push(sql<boolean>`(chat.archived IS NULL OR ${flag('chat.archived', false)})`);
  if (query.pinned !== null) found.push(flag('chat.pinned', query.pinned));
  if (query.shared !== null) {
    found.push(query.shared ? sql<boolean>`chat.share_id IS NOT NULL` : sql<boolean>`chat.share_id IS NULL`);
  }
  if (query.untagged) found.push(hasNoTags(db));
  else found.push(...query.tags.map((tag) => hasTag(db, tag)));
  return found;
}

async function withSnippets(db: Db, found: readonly Candidate[], query: SearchQuery): Promise<FoundChat[]> {
  const snippets = new Map<string, string | null>();
  if (query.phrase && found.length > 0) {
    const rows = await db
      .selectFrom('chat')
      .select(['id', jsonText(db, 'chat').as('text')])
      .where(
        'id',
        'in',
        found.map((chat) => chat.id),
      )
      .execute();
    for (const row of rows) snippets.set(row.id, snippetOf(parseDocument(row.text), query));
  }
  return found.map((chat) => ({ ...chat, snippet: snippets.get(chat.id) ?? null }));
}
