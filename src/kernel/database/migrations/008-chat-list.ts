import type { Migration } from './index.ts';

/**
 * All that lists of chats show and ask for. SQLite keeps most columns of a chat behind its document, and reads all of a document to get
 * there: a list of 60 chats of 5 MB took a quarter of a second.
 */
const sqlite = [
  `CREATE INDEX loggia_chat_list_idx ON chat
    (user_id, updated_at DESC, id, archived, pinned, folder_id, title, created_at, last_read_at, meta)`,
];

export const migration: Migration = { id: '008-chat-list', tables: {}, statements: { sqlite } };
