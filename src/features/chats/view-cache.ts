interface Entry {
  source: string;
  view: string;
}

/** Characters of stored texts that are kept, and of the largest of them. */
const MAX_TOTAL = 4_000_000;
const MAX_ENTRY = 500_000;

/**
 * Remembers what a document's stored text looks like to its owner. An entry counts only while the stored text is the same, so a
 * change by anybody, in any process, is never hidden.
 */
export function createViewCache() {
  const entries = new Map<string, Entry>();
  let total = 0;

  function drop(key: string): void {
    const entry = entries.get(key);
    if (!entry) return;
    entries.delete(key);
    total -= entry.source.length;
  }

  return {
    get(key: string, source: string): string | null {
      const entry = entries.get(key);
      if (!entry) return null;
      if (entry.source !== source) {
        drop(key);
        return null;
      }
      // Map order is order of use.
      entries.delete(key);
      entries.set(key, entry);
      return entry.view;
    },
    put(key: string, source: string, view: string): void {
      drop(key);
      if (source.length > MAX_ENTRY) return;
      entries.set(key, { source, view });
      total += source.length;
      for (const oldest of entries.keys()) {
        if (total <= MAX_TOTAL) break;
        drop(oldest);
      }
    },
  };
}
