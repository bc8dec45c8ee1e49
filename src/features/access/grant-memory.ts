import { createCache } from '../../kernel/cache.ts';
import type { Db } from '../../kernel/database/index.ts';
import { type Bus, memoryAge } from '../../kernel/realtime/index.ts';
import type { Grant } from './grants.ts';
import { listGrants } from './store.ts';

/** Who was given what on single objects, kept until it changes. */
export interface GrantMemory {
  of(type: string, id: string): Promise<readonly Grant[]>;
  /** Call it after the commit. */
  changed(type: string, ids: readonly string[]): void;
  close(): void;
}

const TOPIC = 'access:grants';
const OBJECTS_KEPT = 50_000;
/** More are not told one by one. */
const IDS_PER_MESSAGE = 1_000;

export function createGrantMemory(db: Db, bus: Pick<Bus, 'publish' | 'subscribe' | 'onGap' | 'shared'>): GrantMemory {
  const cache = createCache<readonly Grant[]>({
    maxEntries: OBJECTS_KEPT,
    maxAgeMs: memoryAge(bus, db),
    load: async (key) => {
      const [type = '', id = ''] = split(key);
      return (await listGrants(db, type, [id])).get(id) ?? [];
    },
  });
  const forget = (type: string, ids: readonly string[] | null): void => {
    if (ids) for (const id of ids) cache.delete(keyOf(type, id));
    else cache.clear();
  };
  const stop = [
    bus.subscribe(TOPIC, (message) => {
      const [type, ids] = Array.isArray(message) ? message : [];
      forget(String(type), Array.isArray(ids) ? ids.map(String) : null);
    }),
    bus.onGap(() => cache.clear()),
  ];
  return {
    of: (type, id) => cache.get(keyOf(type, id)),
    changed(type, ids) {
      const told = ids.length > IDS_PER_MESSAGE ? null : ids;
      forget(type, told);
      bus.publish(TOPIC, [type, told], { awaited: true });
    },
    close() {
      for (const one of stop) one();
    },
  };
}

/** Types have no blanks. */
function keyOf(type: string, id: string): string {
  return `${type} ${id}`;
}

function split(key: string): [type: string, id: string] {
  const at = key.indexOf(' ');
  return [key.slice(0, at), key.slice(at + 1)];
}
