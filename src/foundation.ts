import { mkdir } from 'node:fs/promises';
import { databaseOptions, openMainDatabase } from './commands/open-database.ts';
import { type Audit, auditOptions, createAudit } from './kernel/audit/index.ts';
import type { Database } from './kernel/database/index.ts';
import { createEgress, type Egress } from './kernel/egress/index.ts';
import { type Bus, openBus } from './kernel/realtime/index.ts';
import { mainRedis, messageRedis, type OpenRedis, openRedis } from './kernel/redis.ts';
import { type Config, createConfig, type Settings } from './kernel/settings/index.ts';
import { createLog, type Log } from './kernel/telemetry/log.ts';
import { holdDatabase, prepareDatabase } from './main-database.ts';

export interface Foundation {
  log: Log;
  /** Null: nothing is audited. */
  audit: Audit | null;
  database: Database;
  /** Null: there is none. */
  redis: OpenRedis | null;
  bus: Bus;
  config: Config;
  egress: Egress;
}

/** Part of the composition root: what every feature stands on. `opened` closes it, in reverse order. */
export async function layFoundation(
  settings: Settings,
  env: NodeJS.ProcessEnv,
  opened: AsyncDisposableStack,
): Promise<Foundation> {
  const log = createLog({ level: settings.get('GLOBAL_LOG_LEVEL'), format: settings.get('LOG_FORMAT') });
  for (const warning of settings.warnings) log.warn(warning);
  await mkdir(settings.dataDir, { recursive: true });

  const auditing = auditOptions(settings);
  const audit = auditing && (await createAudit(auditing, log));
  opened.defer(() => audit?.close());

  opened.defer(await holdDatabase(settings, log));
  const database = openMainDatabase(settings, (error) => log.error({ err: error }, 'after-effects of a change failed'));
  opened.defer(() => database.close());
  await prepareDatabase(database, settings);

  const redisPlace = await mainRedis(settings, log);
  const redis = redisPlace && (await openRedis(redisPlace));
  opened.defer(() => redis?.close());
  const bus = await openBus({
    redis: await messageRedis(settings, redisPlace, log),
    redisKeyPrefix: settings.get('REDIS_KEY_PREFIX'),
    database: databaseOptions(settings),
    log,
  });
  opened.defer(() => bus.close());
  const config = await createConfig({ settings, database, bus, log });
  opened.defer(() => config.close());
  bus.onGap(() => void config.refresh().catch((error) => log.warn({ err: error }, 'settings could not be read again')));

  const egress = createEgress({ settings, env });
  opened.defer(() => egress.close());
  return { log, audit, database, redis, bus, config, egress };
}
