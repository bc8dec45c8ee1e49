import { createCache } from '../../kernel/cache.ts';
import type { Db } from '../../kernel/database/index.ts';
import { isObject } from '../../kernel/json.ts';
import type { Bus } from '../../kernel/realtime/index.ts';
import type { Grant, WireGrant } from '../access/index.ts';
import { listModels, type ModelRow } from './store.ts';

/** A grant on a model, as lists show it. */
export type ModelGrant = WireGrant & Pick<Grant, 'principal_type' | 'permission'>;

/** All rows of the workspace with their grants, at one time. */
export interface Rows {
  /** Oldest first; without pictures in data URLs. */
  rows: readonly ModelRow[];
  byId: ReadonlyMap<string, ModelRow>;
  grants: ReadonlyMap<string, readonly ModelGrant[]>;
}

/** The rows, kept until they change. */
export interface RowsCache {
  get(): Promise<Rows>;
  /** Call it after the commit of a change. */
  changed(): void;
  close(): void;
}

const TOPIC = 'models';
/** Milliseconds; bounds how long a change by a program that does not share the bus stays unseen. */
const MAX_AGE_MS = 10_000;

export function createRows(db: Db, bus: Pick<Bus, 'publish' | 'subscribe' | 'onGap'>): RowsCache {
  const cache = createCache<Rows>({ maxEntries: 1, maxAgeMs: MAX_AGE_MS, load: () => load(db) });
  const stop = [bus.subscribe(TOPIC, () => cache.clear()), bus.onGap(() => cache.clear())];
  return {
    get: () => cache.get('all'),
    changed() {
      cache.clear();
      bus.publish(TOPIC, {}, { awaited: true });
    },
    close() {
      for (const one of stop) one();
    },
  };
}

async function load(db: Db): Promise<Rows> {
  const rows = (await listModels(db)).map(lighter);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const grants = new Map<string, ModelGrant[]>(rows.map(({ id }) => [id, []]));
  const found = await db
    .selectFrom('access_grant')
    .selectAll()
    .where('resource_type', '=', 'model')
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  for (const grant of found) if (isGrant(grant)) grants.get(grant.resource_id)?.push(grant);
  return { rows, byId, grants };
}

/** Pictures in data URLs are large, and no list shows them. */
function lighter(row: ModelRow): ModelRow {
  if (!isObject(row.meta) || typeof row.meta.profile_image_url !== 'string') return row;
  const { profile_image_url: picture, ...meta } = row.meta;
  return picture.startsWith('data:') ? { ...row, meta } : row;
}

function isGrant(grant: WireGrant): grant is ModelGrant {
  const { principal_type: type, permission } = grant;
  return (type === 'user' || type === 'group') && (permission === 'read' || permission === 'write');
}
