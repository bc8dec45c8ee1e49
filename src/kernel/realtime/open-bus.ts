import { createHash } from 'node:crypto';
import type { DatabaseOptions } from '../database/options.ts';
import { targetOf } from '../database/options.ts';
import type { RedisPlace } from '../redis.ts';
import type { Log } from '../telemetry/log.ts';
import { type Bus, createLocalBus } from './bus.ts';
import { openPostgresLink } from './postgres-link.ts';
import { openRedisLink } from './redis-link.ts';
import { createSharedBus } from './shared-bus.ts';

export interface BusOptions {
  /** Null where no Redis is configured. */
  redis: RedisPlace | null;
  redisKeyPrefix: string;
  database: DatabaseOptions;
  log: Log;
}

/** The bus of this installation: over Redis where there is one, else over PostgreSQL, else none between processes. */
export async function openBus({ redis, redisKeyPrefix, database, log }: BusOptions): Promise<Bus> {
  if (redis) {
    return createSharedBus(log, (events) =>
      openRedisLink({ connect: redis.connect, keyPrefix: redisKeyPrefix, log }, events),
    );
  }
  const target = targetOf(database);
  if (target.dialect === 'mysql') {
    log.info('several processes on this database hear each other only with Redis (REDIS_URL)');
  }
  if (target.dialect !== 'postgresql') return createLocalBus(log);
  const { connectionString, options } = target.options.pool;
  const client = { ...(connectionString ? { connectionString } : {}), ...(options ? { options } : {}) };
  const scope = createHash('sha256')
    .update(target.options.schema ?? '')
    .digest('hex')
    .slice(0, 8);
  return createSharedBus(log, (events) => openPostgresLink({ client, scope, log }, events));
}
