import { type RawBuilder, sql } from 'kysely';
import type { Background, Database, Db, Transaction } from '../../../kernel/database/index.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { contentText } from '../match.ts';
import { loadMessages } from '../message-rows.ts';
import type { TextFinder } from './finder.ts';
import { dropFromIndex, dropParts, wholeMark } from './marks.ts';

/** Bytes of text that go into the index at a time: some ten milliseconds, for which other writers wait. */
const PIECE = 64 * 1024;
/** Characters by which pieces of one long text overlap. */
const OVERLAP = 300;
/** What makes trigrams of the last two characters of a text. */
const END = sql`char(10, 10)`;
/** Trigrams that may begin with two characters. */
const MAX_TERMS = 300;
/** Characters of a needle that are looked for; what is found is looked at again anyway. */
const NEEDLE = 200;
/** Hits from which looking through chats as they come is quicker. */
const MAX_HITS = 20_000;
/** Waiting texts from which the index is of no help. */
const MAX_WAITING = 5_000;
/** Entries of the list taken at a time. */
const BATCH = 40;
const DISCOVERED = 1_000;

type Piece = { rows: readonly string[] } | { row: string; from: number };

/** Something that waits. */
interface Entry {
  id: string;
  chat_id: string;
  mark: number;
}

/**
 * The trigrams of all texts in lower case as searches make it (the index alone would miss `İ`), on SQLite. What is in it only ever grows until a chat is taken in anew, so it may name chats that no longer
 * have a text, never miss one that does.
 */
export function createSqliteIndex(database: Pick<Database, 'db'> & { background: Background }) {
  const { background } = database;
  let complete = false;

  /** Puts chats on the list that the index lacks, or that were written by another program since. True: there may be more. */
  async function discover(): Promise<boolean> {
    const { rows } = await sql<{ id: string }>`
      SELECT chat.id FROM chat LEFT JOIN loggia_search_chat s ON s.chat_id = chat.id
      WHERE (s.chat_id IS NULL OR chat.updated_at > s.indexed_at)
        AND NOT EXISTS (SELECT 1 FROM loggia_search_waiting w WHERE w.chat_id = chat.id) LIMIT ${DISCOVERED}`.execute(
      background.db,
    );
    if (rows.length > 0) {
      const values = sql.join(rows.map(({ id }) => sql`(${wholeMark(id)}, ${id}, 0)`));
      await background.transaction((tx) =>
        sql`INSERT OR IGNORE INTO loggia_search_waiting (id, chat_id, mark) VALUES ${values}`.execute(tx),
      );
    }
    complete = rows.length < DISCOVERED;
    return !complete;
  }

  /** Takes a piece of a chat's texts in, behind its title where that is wanted. */
  async function insert(tx: Transaction, chatId: string, piece: Piece | undefined, titled: boolean): Promise<void> {
    const texts = [
      ...(titled ? [sql`SELECT title AS t FROM chat WHERE id = ${chatId}`] : []),
      ...(piece ? [pieceText(tx, piece)] : []),
    ];
    if (texts.length === 0) return;
    const { rows } = await sql<{ id: number }>`
      INSERT INTO loggia_search_part (chat_id) VALUES (${chatId}) RETURNING id`.execute(tx);
    await sql`INSERT INTO loggia_search_text (rowid, text)
      SELECT ${rows[0]?.id}, loggia_lower(group_concat(t, char(10))) || ${END} FROM (${sql.join(texts, sql` UNION ALL `)})`.execute(
      tx,
    );
  }

  /** Takes all of a chat in. */
  async function takeChat(chatId: string, entries: readonly Entry[]): Promise<void> {
    const begun = nowSeconds();
    let sizes = await sizesOf(background.db, sql`chat_id = ${chatId}`);
    if (sizes.length === 0) {
      // Chats of earlier releases may have no rows: they get them.
      await loadMessages(database.db, chatId);
      sizes = await sizesOf(background.db, sql`chat_id = ${chatId}`);
    }
    const pieces = piecesOf(sizes);
    const last = pieces.pop();
    const [first] = pieces;
    if (first) {
      await background.transaction(async (tx) => {
        await dropParts(tx, [chatId]);
        await insert(tx, chatId, first, true);
      });
      for (const piece of pieces.slice(1)) await background.transaction((tx) => insert(tx, chatId, piece, false));
    }
    await background.transaction(async (tx) => {
      if (!first) await dropParts(tx, [chatId]);
      await insert(tx, chatId, last, !first);
      await strike(tx, entries);
      const known = await sql`SELECT 1 FROM chat WHERE id = ${chatId}`.execute(tx);
      if (known.rows.length === 0) return dropFromIndex(tx, [chatId]);
      await sql`INSERT INTO loggia_search_chat (chat_id, indexed_at) VALUES (${chatId}, ${begun})
        ON CONFLICT (chat_id) DO UPDATE SET indexed_at = excluded.indexed_at`.execute(tx);
    });
  }

  /** Takes in texts that have changed since. */
  async function takeTexts(chatId: string, entries: readonly Entry[]): Promise<void> {
    const begun = nowSeconds();
    const ids = sql.join(entries.map((entry) => entry.id));
    const pieces = piecesOf(await sizesOf(background.db, sql`id IN (${ids})`));
    const last = pieces.pop();
    for (const piece of pieces) await background.transaction((tx) => insert(tx, chatId, piece, false));
    await background.transaction(async (tx) => {
      const titled = entries.some((entry) => entry.id === chatId);
      await insert(tx, chatId, last, titled);
      await strike(tx, entries);
      await sql`UPDATE loggia_search_chat SET indexed_at = ${begun} WHERE chat_id = ${chatId}`.execute(tx);
    });
  }

  /** Those of these chats that are taken in together. */
  async function inGroups(chatIds: readonly string[]): Promise<string[][]> {
    if (chatIds.length === 0) return [];
    const { rows } = await sql<Size>`
      SELECT chat_id AS id, COALESCE(SUM(octet_length(content)), 0) AS size FROM chat_message
      WHERE chat_id IN (${sql.join([...chatIds])}) GROUP BY chat_id`.execute(background.db);
    return piecesOf(rows.filter(({ size }) => size <= PIECE)).flatMap((piece) =>
      'rows' in piece ? [[...piece.rows]] : [],
    );
  }

  /** Takes small chats in, each as one text. */
  async function takeSmall(chatIds: readonly string[], entries: readonly Entry[]): Promise<void> {
    const begun = nowSeconds();
    const ids = sql.join([...chatIds]);
    await background.transaction(async (tx) => {
      await dropParts(tx, chatIds);
      const { rows } = await sql<{ id: number }>`
        INSERT INTO loggia_search_part (chat_id) SELECT id FROM chat WHERE id IN (${ids}) RETURNING id`.execute(tx);
      if (rows.length > 0) {
        const texts = sql`SELECT group_concat(${contentText(tx)}, char(10)) FROM chat_message m WHERE m.chat_id = chat.id`;
        await sql`INSERT INTO loggia_search_text (rowid, text)
          SELECT p.id, loggia_lower(COALESCE(chat.title, '') || char(10) || COALESCE((${texts}), '')) || ${END}
          FROM loggia_search_part p JOIN chat ON chat.id = p.chat_id WHERE p.id IN (${sql.join(rows.map((row) => row.id))})`.execute(
          tx,
        );
      }
      await strike(tx, entries);
      await sql`INSERT INTO loggia_search_chat (chat_id, indexed_at) SELECT id, ${begun} FROM chat WHERE id IN (${ids})
        ON CONFLICT (chat_id) DO UPDATE SET indexed_at = excluded.indexed_at`.execute(tx);
    });
  }

  /** Takes in some of what waits. False: nothing waits. */
  async function work(): Promise<boolean> {
    const { rows } = await sql<Entry>`SELECT id, chat_id, mark FROM loggia_search_waiting LIMIT ${BATCH}`.execute(
      database.db,
    );
    const whole = new Map<string, Entry[]>();
    for (const [chatId, entries] of Map.groupBy(rows, (entry) => entry.chat_id)) {
      if (entries.some((entry) => entry.id === wholeMark(chatId))) whole.set(chatId, entries);
      else await takeTexts(chatId, entries);
    }
    const groups = await inGroups([...whole.keys()]);
    for (const chats of groups)
      await takeSmall(
        chats,
        chats.flatMap((id) => whole.get(id) ?? []),
      );
    const small = new Set(groups.flat());
    for (const [chatId, entries] of whole) if (!small.has(chatId)) await takeChat(chatId, entries);
    return rows.length > 0;
  }

  /** What the index is asked for a needle; null where it cannot be. */
  async function matchOf(needle: string): Promise<RawBuilder<unknown> | null> {
    const trigrams = trigramsOf(needle);
    if (trigrams.length > 0) return sql`${trigrams.map(quoted).join(' AND ')}`;
    if ([...needle].length !== 2 || !isFolded(needle)) return null;
    const terms = sql`FROM loggia_search_term WHERE term >= ${needle} AND term < ${`${needle}\u{10ffff}`}`;
    const { rows } = await sql<{ total: number }>`
      SELECT count(*) AS total FROM (SELECT 1 ${terms} LIMIT ${MAX_TERMS + 1})`.execute(background.db);
    if ((rows[0]?.total ?? 0) > MAX_TERMS) return null;
    // Read with the hits, in one statement: a text may be taken in at any moment. Without a term it is one that no text has.
    const all = sql`group_concat('"' || replace(term, '"', '""') || '"', ' OR ')`;
    return sql`(SELECT COALESCE(${all}, ${quoted('\u0001\u0001\u0001')}) ${terms})`;
  }

  const finder: TextFinder = async (needle) => {
    const match = complete ? await matchOf(needle) : null;
    if (match === null) return null;
    const hits = sql`SELECT rowid AS id FROM loggia_search_text WHERE loggia_search_text MATCH ${match}`;
    const { rows } = await sql<{ hits: number; waiting: number }>`
      SELECT (SELECT count(*) FROM (${hits} LIMIT ${MAX_HITS + 1})) AS hits,
        (SELECT count(*) FROM (SELECT 1 FROM loggia_search_waiting LIMIT ${MAX_WAITING + 1})) AS waiting`.execute(
      background.db,
    );
    const [count] = rows;
    if (!count || count.hits > MAX_HITS || count.waiting > MAX_WAITING) return null;
    return sql<boolean>`chat.id IN (SELECT p.chat_id FROM (${hits}) AS hit JOIN loggia_search_part p ON p.id = hit.id
      UNION SELECT chat_id FROM loggia_search_waiting)`;
  };

  return { discover, work, finder };
}

function pieceText(tx: Transaction, piece: Piece) {
  const text = contentText(tx);
  return 'row' in piece
    ? sql`SELECT substr(${text}, ${piece.from}, ${PIECE}) AS t FROM chat_message m WHERE m.id = ${piece.row}`
    : sql`SELECT ${text} AS t FROM chat_message m WHERE m.id IN (${sql.join([...piece.rows])})`;
}

/** Whether the index has these lower-case characters as they are: it takes `ς` for `σ`, the micro sign for a letter. */
function isFolded(needle: string): boolean {
  return [...needle].every((character) => character.toUpperCase().toLowerCase() === character);
}

function quoted(term: string): string {
  return `"${term.replaceAll('"', '""')}"`;
}

/** Takes entries off the list, but for those whose text has changed meanwhile. */
async function strike(tx: Transaction, entries: readonly Entry[]): Promise<void> {
  const same = sql.join(
    entries.map(({ id, mark }) => sql`(id = ${id} AND mark = ${mark})`),
    sql` OR `,
  );
  await sql`DELETE FROM loggia_search_waiting WHERE ${same}`.execute(tx);
}

/** What a text must have to have the needle in it; nothing for needles that are too short to tell. */
export function trigramsOf(needle: string): string[] {
  const characters = [...needle].slice(0, NEEDLE);
  const found = new Set<string>();
  for (let at = 0; at + 3 <= characters.length; at += 1) {
    found.add(characters.slice(at, at + 3).join(''));
  }
  return [...found];
}

interface Size {
  id: string;
  /** Bytes. */
  size: number;
}

async function sizesOf(db: Db, where: ReturnType<typeof sql>): Promise<Size[]> {
  const { rows } = await sql<Size>`
    SELECT id, COALESCE(octet_length(content), 0) AS size FROM chat_message WHERE ${where}`.execute(db);
  return rows;
}

/** Small texts together, large ones in parts. */
export function piecesOf(sizes: readonly Size[]): Piece[] {
  const pieces: Piece[] = [];
  let rows: string[] = [];
  let room = PIECE;
  for (const { id, size } of sizes) {
    if (size > PIECE) {
      for (let from = 1; from <= size; from += PIECE - OVERLAP) pieces.push({ row: id, from });
      continue;
    }
    if (size > room || rows.length >= ROWS) {
      pieces.push({ rows });
      rows = [];
      room = PIECE;
    }
    rows.push(id);
    room -= size;
  }
  if (rows.length > 0) pieces.push({ rows });
  return pieces;
}

/** Ids one statement may carry. */
const ROWS = 400;
