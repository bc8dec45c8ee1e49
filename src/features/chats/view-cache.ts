import type { ChatHead } from './store.ts';
import type { ViewText } from './view-text.ts';

/** What somebody sees of a chat, and the row it was made from. */
export interface KeptView {
  head: ChatHead;
  /** The stored bytes of the document. */
  source: Buffer;
  view: ViewText;
  /** `params` of the document. */
  params: unknown;
  /** The current message, as the document names it. */
  current: string | null;
  /** Whether the viewer may reply, which the view says. */
  writable: boolean;
  /** See `Database.commitMark`: while it is the same, the row is. */
  mark: number | null;
}

/** Bytes of documents and their views that are kept. */
const MAX_TOTAL = 32 * 1024 * 1024;

/**
 * Remembers what stored documents look like to somebody. An entry counts only while the stored bytes are the same, or nothing at all was
 * committed since they were read, so a change by anybody, in any process, is never hidden.
 */
export function createViewCache(maxTotal = MAX_TOTAL) {
  const entries = new Map<string, KeptView>();
  let total = 0;
  const sizeOf = (entry: KeptView) => entry.source.length + entry.view.size;

  function drop(key: string): void {
    const entry = entries.get(key);
    if (!entry) return;
    entries.delete(key);
    total -= sizeOf(entry);
  }

  return {
    get: (key: string): KeptView | undefined => entries.get(key),
    put(key: string, entry: KeptView): void {
      // Map order is order of use.
      drop(key);
      if (sizeOf(entry) > maxTotal) return;
      entries.set(key, entry);
      total += sizeOf(entry);
      for (const oldest of entries.keys()) {
        if (total <= maxTotal) break;
        drop(oldest);
      }
    },
  };
}
