import type { Migration } from './index.ts';

/**
 * What the search in chats finds them by on SQLite. Each row of `loggia_search_text` holds the trigrams of some text of one chat, no text;
 * `loggia_search_part` says of which chat. PostgreSQL has an index on the messages themselves.
 */
const sqlite = [
  `CREATE VIRTUAL TABLE loggia_search_text USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='trigram')`,
  // The trigrams there are: those that begin with two characters find these.
  "CREATE VIRTUAL TABLE loggia_search_term USING fts5vocab('loggia_search_text', 'row')",
  'CREATE TABLE loggia_search_part (id INTEGER PRIMARY KEY, chat_id TEXT NOT NULL)',
  'CREATE INDEX loggia_search_part_chat_idx ON loggia_search_part (chat_id)',
  // Chats whose texts are all in, and when (seconds) that was last made sure of.
  'CREATE TABLE loggia_search_chat (chat_id TEXT NOT NULL PRIMARY KEY, indexed_at BIGINT NOT NULL) WITHOUT ROWID',
  // Messages (or chats, for their titles) whose newest text is not in yet; each change counts `mark` up.
  'CREATE TABLE loggia_search_waiting (id TEXT NOT NULL PRIMARY KEY, chat_id TEXT NOT NULL, mark INTEGER NOT NULL) WITHOUT ROWID',
  'CREATE INDEX loggia_search_waiting_chat_idx ON loggia_search_waiting (chat_id)',
];

/** JSON escapes that PostgreSQL cannot make a text of: U+0000 and halves of surrogate pairs. */
const unreadable = String.raw`\\u0000|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]`;

/** The text of a message's content, folded; the JSON itself where it cannot be read. An index is built on it. Few texts have escapes. */
const postgresql = [
  `CREATE OR REPLACE FUNCTION loggia_search_text(content json) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(CASE WHEN strpos(content::text, '\\u') = 0 OR content::text !~ '${unreadable}'
      THEN content #>> '{}' ELSE content::text END) $$`,
];

export const migration: Migration = { id: '007-chat-search', tables: {}, statements: { sqlite, postgresql } };
