import { createHash } from 'node:crypto';
import type { Database } from '../../kernel/database/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { countHit } from './rate-limit-store.ts';
import type { RedisCommands } from './redis.ts';

export interface RateLimiter {
  /** Counts one event; true when the window now holds more than the limit. Refused events count too. */
  isLimited(key: string): Promise<boolean>;
}

/** Where the processes of an installation count together. */
export interface SharedCounts {
  redis: RedisCommands | null;
  /** Counts where there is no Redis, but for SQLite: that has one process then. */
  database: Pick<Database, 'transaction' | 'dialect'>;
  keyPrefix: string;
  onRedisError: (error: unknown) => void;
}

interface RateLimitOptions extends SharedCounts {
  limit: number;
  /** Seconds. */
  window: number;
}

const BUCKET_SECONDS = 60;
const KEYS_KEPT = 100_000;

/** A rolling window over buckets of a minute (identity note, 9), counted by all processes together. */
export function createRateLimiter(options: RateLimitOptions): RateLimiter {
  const { limit, window, redis, database, keyPrefix, onRedisError } = options;
  const buckets = Math.floor(window / BUCKET_SECONDS);
  const memory = createMemoryCounts(buckets);
  return {
    async isLimited(key) {
      const name = key.toLowerCase();
      const bucket = Math.floor(nowSeconds() / BUCKET_SECONDS);
      if (redis) {
        try {
          return (await countInRedis(redis, `${keyPrefix}:ratelimit:${name}`, bucket, buckets, window)) > limit;
        } catch (error) {
          onRedisError(error);
        }
      }
      // What this process refuses by itself costs no query: a flood ends here.
      if (memory(name, bucket) > limit) return true;
      if (redis || database.dialect === 'sqlite') return false;
      return (await countInDatabase(database, `${window}:${name}`, bucket, buckets)) > limit;
    },
  };
}

/** What is limited may be an address of a person: its hash is stored. */
function countInDatabase(
  database: SharedCounts['database'],
  key: string,
  bucket: number,
  buckets: number,
): Promise<number> {
  const id = createHash('sha256').update(key).digest('hex');
  // As a transaction, so that those in each other's way are tried again.
  return database.transaction((tx) => countHit(tx, id, bucket, bucket - buckets));
}

async function countInRedis(
  redis: RedisCommands,
  key: string,
  bucket: number,
  buckets: number,
  window: number,
): Promise<number> {
  const current = `${key}:${bucket}`;
  const count = await redis.incr(current);
  if (count === 1) await redis.expire(current, window + BUCKET_SECONDS);
  if (buckets === 0) return count;
  const before = Array.from({ length: buckets }, (_, index) => `${key}:${bucket - index - 1}`);
  const counts = await redis.mget(...before);
  return counts.reduce((sum, text) => sum + (Number(text) || 0), count);
}

/** Counts per key in this process; keys whose window has passed are dropped when room is needed. */
function createMemoryCounts(buckets: number): (key: string, bucket: number) => number {
  const counts = new Map<string, Map<number, number>>();
  return (key, bucket) => {
    const own = counts.get(key) ?? new Map<number, number>();
    for (const at of own.keys()) if (at < bucket - buckets) own.delete(at);
    own.set(bucket, (own.get(bucket) ?? 0) + 1);
    // Re-inserted, so that the first keys of the map are those not seen for longest.
    counts.delete(key);
    counts.set(key, own);
    if (counts.size > KEYS_KEPT) {
      for (const oldest of counts.keys()) {
        counts.delete(oldest);
        break;
      }
    }
    return [...own.values()].reduce((sum, count) => sum + count, 0);
  };
}
