import { setImmediate } from 'node:timers/promises';
import { type RawBuilder, sql } from 'kysely';
import { type Db, jsonText } from '../../kernel/database/index.ts';
import { parseDocument } from './document.ts';
import type { ListedChat } from './lists.ts';
import { PAGE } from './lists.ts';
import { matchNeedles } from './match.ts';
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
      const hits = await matchNeedles(db, batch, [query.phrase, ...query.terms], (marks) => marks[0] === true);
      for (const chat of batch) {
        const [phrase, ...terms] = hits.get(chat.id) ?? [];
        if (phrase) whole.push(chat);
        else if (terms.length > 0 && terms.every(Boolean)) apart.push(chat);
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
