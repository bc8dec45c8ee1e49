import { setImmediate } from 'node:timers/promises';
import { type RawBuilder, sql } from 'kysely';
import { type Db, dialectOfDb, escapeLike, jsonText, likeFold } from '../../kernel/database/index.ts';
import { messagesOf, parseDocument } from './document.ts';
import type { ListedChat } from './lists.ts';
import { PAGE } from './lists.ts';
import { type SearchQuery, snippetOf } from './search-query.ts';
import { hasNoTags, hasTag, notInternal } from './tags.ts';

export interface FoundChat extends ListedChat {
  archived: boolean | null;
  snippet: string | null;
}

/** Chats looked through before others get their turn. */
const BATCH = 300;

type Candidate = ListedChat & { archived: boolean | null };

/**
 * A page of a user's chats that match, those with the whole phrase first, then newest change first (chats note, 1.3). Looks through
 * titles and message rows in batches, so that a long list holds up nobody; it ends as soon as the page is full.
 * `folderIds`: the folders asked for; null when none was.
 */
export async function searchChats(
  db: Db,
  userId: string,
  query: SearchQuery,
  folderIds: readonly string[] | null,
  page: number,
): Promise<FoundChat[]> {
  if (folderIds?.length === 0) return [];
  const skip = (Math.max(1, page) - 1) * PAGE;
  const whole: Candidate[] = [];
  const apart: Candidate[] = [];
  for await (const batch of candidates(db, userId, query, folderIds, query.phrase ? BATCH : skip + PAGE)) {
    if (query.phrase) {
      const { phrase, terms } = await matches(db, batch, query);
      for (const chat of batch) {
        if (phrase.has(chat.id)) whole.push(chat);
        else if (terms.has(chat.id)) apart.push(chat);
      }
      await setImmediate();
    } else whole.push(...batch);
    if (whole.length >= skip + PAGE) break;
  }
  const found = [...whole, ...apart].slice(skip, skip + PAGE);
  return withSnippets(db, found, query);
}

/** Chats that pass the filters, a batch at a time by key. */
async function* candidates(
  db: Db,
  userId: string,
  query: SearchQuery,
  folderIds: readonly string[] | null,
  size: number,
): AsyncGenerator<Candidate[]> {
  let last: { at: number; id: string } | null = null;
  for (;;) {
    const from: { at: number; id: string } | null = last;
    let select = db
      .selectFrom('chat')
      .select(['id', 'title', 'updated_at', 'created_at', 'last_read_at', 'archived'])
      .where('user_id', '=', userId)
      .where((eb) => eb.and(filters(db, query)));
    if (folderIds) select = select.where('folder_id', 'in', [...folderIds]);
    if (from) {
      select = select.where((eb) =>
        eb.or([eb('updated_at', '<', from.at), eb.and([eb('updated_at', '=', from.at), eb('id', '>', from.id)])]),
      );
    }
    const rows: Candidate[] = await select.orderBy('updated_at', 'desc').orderBy('id').limit(size).execute();
    if (rows.length > 0) yield rows;
    const end = rows.at(-1);
    if (!end || rows.length < size) return;
    last = { at: end.updated_at ?? 0, id: end.id };
  }
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

/** The text of a message row: the string, or the JSON text of a list of blocks. */
function contentText(db: Db): RawBuilder<string | null> {
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql<string>`CASE WHEN json_valid(m.content) THEN json_extract(m.content, '$') ELSE m.content END`;
    case 'postgresql':
      return sql<string>`m.content #>> '{}'`;
    case 'mysql':
      return sql<string>`JSON_UNQUOTE(m.content)`;
  }
}

/** Characters that JSON never escapes. */
const UNESCAPED = /^[ !#-.0-[\]-~]*$/;

/** SQL condition: a text has the needle (lower case) in it, blind to case. */
function contains(db: Db, text: RawBuilder<unknown>, needle: string): RawBuilder<boolean> {
  // SQLite's own functions are much faster than LIKE, which is replaced by one that folds every script; and what is not in the stored
  // JSON need not be decoded.
  if (dialectOfDb(db) === 'sqlite' && UNESCAPED.test(needle)) {
    return sql<boolean>`(instr(lower(m.content), ${needle}) > 0 AND instr(lower(${text}), ${needle}) > 0)`;
  }
  return likeFold(db, text, `%${escapeLike(needle)}%`);
}

interface Matches {
  phrase: Set<string>;
  /** Chats in which every term is somewhere. */
  terms: Set<string>;
}

async function matches(db: Db, batch: readonly Candidate[], query: SearchQuery): Promise<Matches> {
  const needles = [query.phrase, ...query.terms];
  const hits = new Map<string, boolean[]>();
  for (const chat of batch) {
    const title = (chat.title ?? '').toLowerCase();
    hits.set(
      chat.id,
      needles.map((needle) => title.includes(needle)),
    );
  }
  const open = batch.filter((chat) => !hits.get(chat.id)?.[0]).map((chat) => chat.id);
  if (open.length > 0) {
    const seen = await matchRows(db, open, needles, hits);
    await matchDocuments(
      db,
      open.filter((id) => !seen.has(id)),
      needles,
      hits,
    );
  }
  const phrase = new Set<string>();
  const terms = new Set<string>();
  for (const [id, [first, ...rest]] of hits) {
    if (first) phrase.add(id);
    else if (rest.length > 0 && rest.every(Boolean)) terms.add(id);
  }
  return { phrase, terms };
}

/** Marks what the message rows have; gives the chats that have rows. */
async function matchRows(
  db: Db,
  ids: readonly string[],
  needles: readonly string[],
  hits: Map<string, boolean[]>,
): Promise<Set<string>> {
  const text = contentText(db);
  const columns = needles.map(
    (needle, index) => sql`MAX(CASE WHEN ${contains(db, text, needle)} THEN 1 ELSE 0 END) AS ${sql.ref(`n${index}`)}`,
  );
  const { rows } = await sql<Record<string, unknown>>`
    SELECT m.chat_id, ${sql.join(columns)} FROM chat_message m WHERE m.chat_id IN (${sql.join([...ids])}) GROUP BY m.chat_id`.execute(
    db,
  );
  const seen = new Set<string>();
  for (const row of rows) {
    const id = String(row.chat_id);
    seen.add(id);
    const marks = hits.get(id);
    if (!marks) continue;
    for (const index of needles.keys()) if (Number(row[`n${index}`]) === 1) marks[index] = true;
  }
  return seen;
}

/** Chats of earlier releases may have no rows: their documents are looked through. */
async function matchDocuments(
  db: Db,
  ids: readonly string[],
  needles: readonly string[],
  hits: Map<string, boolean[]>,
): Promise<void> {
  if (ids.length === 0) return;
  const rows = await db
    .selectFrom('chat')
    .select(['id', jsonText(db, 'chat').as('text')])
    .where('id', 'in', [...ids])
    .execute();
  for (const row of rows) {
    const marks = hits.get(row.id);
    if (!marks) continue;
    for (const { content } of Object.values(messagesOf(parseDocument(row.text)))) {
      const text = (typeof content === 'string' ? content : JSON.stringify(content ?? '')).toLowerCase();
      for (const [index, needle] of needles.entries()) if (text.includes(needle)) marks[index] = true;
    }
  }
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
