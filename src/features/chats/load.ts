import type { Db } from '../../kernel/database/index.ts';
import { historyOf, type JsonObject, type Message, repairHistory } from './document.ts';
import { readDocument } from './document-text.ts';
import { loadUnfinished } from './message-rows.ts';
import { type Chat, findWhole } from './store.ts';

/**
 * A chat with its document, the tree mended in memory. What a running reply has written to its row alone is laid over its
 * message. Null: no such chat.
 */
export async function loadChat(db: Db, id: string): Promise<Chat | null> {
  const found = await findWhole(db, id);
  if (!found) return null;
  const document = await readDocument(found.bytes);
  const history = historyOf(document);
  repairHistory(history);
  for (const row of await loadUnfinished(db, id)) {
    const message = history.messages[row.id];
    if (message) overlayRow(message, row);
  }
  return { ...found.head, document };
}

/** What is only on the row while a reply is being written. */
const ROW_FIRST = ['statusHistory', 'sources', 'embeds', 'files', 'output', 'error', 'meta'] as const;

/** Lays what a running reply wrote to its row over its message. */
export function overlayRow(message: Message, row: Message): void {
  for (const key of ROW_FIRST) if (row[key] !== undefined) (message as JsonObject)[key] = row[key];
  if (row.content) message.content = row.content;
}
