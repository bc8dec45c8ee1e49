import { sql } from 'kysely';
import { type Database, escapeLike } from '../../../kernel/database/index.ts';
import type { TextFinder } from './finder.ts';

/** Hits from which looking through chats as they come is quicker: each hit is compared, by reading its text. */
const MAX_HITS = 2_000;
/** Characters below which an index of trigrams is of no help. */
const SHORTEST = 3;
/** Held while the index is built, so that one process does it. */
const LOCK = 7_318_204_612;
const INDEX = 'loggia_chat_message_search_idx';

/** An index of trigrams on the messages themselves, which PostgreSQL keeps in step for every writer. */
export function createPostgresIndex({ db }: Pick<Database, 'db'>) {
  let ready = false;
  /** The connection that builds. */
  let builder: number | null = null;

  async function isThere(): Promise<boolean | null> {
    const { rows } = await sql<{ valid: boolean }>`
      SELECT i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE c.relname = ${INDEX} AND c.relnamespace = current_schema()::regnamespace`.execute(db);
    return rows[0]?.valid ?? null;
  }

  return {
    /** Builds the index, unless it is there or another process builds it. True: it is there. */
    async build(): Promise<boolean> {
      ready = (await isThere()) === true;
      if (ready) return true;
      await db.connection().execute(async (connection) => {
        const { rows } = await sql<{ locked: boolean; pid: number }>`
          SELECT pg_try_advisory_lock(${LOCK}) AS locked, pg_backend_pid() AS pid`.execute(connection);
        if (rows[0]?.locked !== true) return;
        builder = rows[0].pid;
        try {
          await sql`CREATE EXTENSION IF NOT EXISTS pg_trgm`.execute(connection);
          // What an interrupted build left behind.
          if ((await isThere()) === false) await sql`DROP INDEX ${sql.ref(INDEX)}`.execute(connection);
          await sql`CREATE INDEX CONCURRENTLY IF NOT EXISTS ${sql.ref(INDEX)} ON chat_message
            USING gin (loggia_search_text(content) gin_trgm_ops)`.execute(connection);
        } finally {
          builder = null;
          await sql`SELECT pg_advisory_unlock(${LOCK})`.execute(connection);
        }
      });
      ready = (await isThere()) === true;
      return ready;
    },

    /** Ends a build; the next start begins it anew. */
    async cancel(): Promise<void> {
      if (builder !== null) await sql`SELECT pg_cancel_backend(${builder})`.execute(db);
    },

    finder: (async (needle, among) => {
      if (!ready || [...needle].length < SHORTEST) return null;
      const pattern = `%${escapeLike(needle)}%`;
      const { rows } = await sql<{ chat_id: string }>`
        SELECT chat_id FROM chat_message WHERE loggia_search_text(content) LIKE ${pattern} LIMIT ${MAX_HITS + 1}`.execute(
        db,
      );
      if (rows.length > MAX_HITS) return null;
      const ids = [...new Set(rows.map((row) => row.chat_id))];
      const titled = sql`SELECT id FROM chat WHERE ${among} AND lower(title) LIKE ${pattern}`;
      return sql<boolean>`chat.id IN (SELECT unnest(${ids}::text[]) UNION ${titled})`;
    }) satisfies TextFinder,
  };
}
