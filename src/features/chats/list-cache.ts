import { JsonText, toJson } from '../../kernel/http/answer.ts';

interface Entry {
  mark: number;
  ids: readonly string[];
  answer: JsonText;
}

const LISTS_KEPT = 500;
/** Bytes; the whole list of somebody with very many chats is not kept. */
const MAX_BYTES = 64 * 1024;

/**
 * Answers of lists as they were at a commit mark (see `Database.commitMark`): what is kept counts only while nothing at all was
 * committed since, so no change by anybody is hidden. For the many reads between two writes.
 */
export function createListCache() {
  const entries = new Map<string, Entry>();
  return {
    get(key: string, mark: number | null): Entry | null {
      const entry = entries.get(key);
      return entry && entry.mark === mark ? entry : null;
    },
    put(key: string, mark: number, rows: readonly { id: string }[]): JsonText {
      const answer = new JsonText(Buffer.from(toJson(rows)));
      entries.delete(key);
      if (answer.text.length > MAX_BYTES) return answer;
      entries.set(key, { mark, ids: rows.map(({ id }) => id), answer });
      for (const oldest of entries.keys()) {
        if (entries.size <= LISTS_KEPT) break;
        entries.delete(oldest);
      }
      return answer;
    },
  };
}
