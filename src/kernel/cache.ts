interface Entry<V> {
  value: V;
  /** Milliseconds on the monotonic clock. */
  freshUntil: number;
}

export interface CacheOptions<V> {
  /** The least recently used entry goes first. */
  maxEntries: number;
  /** Milliseconds a value is used without asking again. */
  maxAgeMs: number;
  load(key: string): Promise<V>;
}

/** Values loaded by key once and kept until they are dropped, too old, or pushed out. */
export interface Cache<V> {
  get(key: string): Promise<V>;
  /** The kept value, without loading. */
  peek(key: string): V | undefined;
  put(key: string, value: V): void;
  delete(key: string): void;
  clear(): void;
}

/**
 * A bounded cache. Callers that ask for one key at once share one load; a load that began before its key was dropped is
 * answered but not kept, so a change is never hidden by a read that was under way.
 */
export function createCache<V>({ maxEntries, maxAgeMs, load }: CacheOptions<V>): Cache<V> {
  const entries = new Map<string, Entry<V>>();
  const loading = new Map<string, Promise<V>>();

  function put(key: string, value: V): void {
    loading.delete(key);
    entries.delete(key);
    entries.set(key, { value, freshUntil: performance.now() + maxAgeMs });
    if (entries.size <= maxEntries) return;
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      break;
    }
  }

  function peek(key: string): V | undefined {
    const entry = entries.get(key);
    if (!entry || entry.freshUntil < performance.now()) return undefined;
    // Map order is order of use.
    entries.delete(key);
    entries.set(key, entry);
    return entry.value;
  }

  async function loadOnce(key: string): Promise<V> {
    const started: Promise<V> = load(key).then(
      (value) => {
        if (loading.get(key) === started) put(key, value);
        return value;
      },
      (error: unknown) => {
        if (loading.get(key) === started) loading.delete(key);
        throw error;
      },
    );
    loading.set(key, started);
    return started;
  }

  return {
    peek,
    put,
    async get(key) {
      const known = peek(key);
      return known !== undefined ? known : (loading.get(key) ?? loadOnce(key));
    },
    delete(key) {
      entries.delete(key);
      loading.delete(key);
    },
    clear() {
      entries.clear();
      loading.clear();
    },
  };
}
