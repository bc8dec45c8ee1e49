import { type RawBuilder, sql } from 'kysely';
import { type Db, dialectOfDb, escapeLike, jsonText, likeFold } from '../../kernel/database/index.ts';
import { messagesOf, parseDocument } from './document.ts';

/** The text of a message row: the string, or the JSON text of a list of blocks. */
export function contentText(db: Db): RawBuilder<string | null> {
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

/**
 * Which needles (lower case) each chat has, in its title or in its messages. `settled` tells from the titles alone that a chat's
 * messages need not be looked at.
 */
export async function matchNeedles(
  db: Db,
  chats: readonly { id: string; title: string | null }[],
  needles: readonly string[],
  settled: (marks: readonly boolean[]) => boolean,
): Promise<Map<string, boolean[]>> {
  const hits = new Map<string, boolean[]>();
  const open: string[] = [];
  for (const chat of chats) {
    const title = (chat.title ?? '').toLowerCase();
    const marks = needles.map((needle) => title.includes(needle));
    hits.set(chat.id, marks);
    if (!settled(marks)) open.push(chat.id);
  }
  if (open.length === 0) return hits;
  const seen = await matchRows(db, open, needles, hits);
  const rest = open.filter((id) => !seen.has(id));
  await matchDocuments(db, rest, needles, hits);
  return hits;
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
