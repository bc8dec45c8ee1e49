import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../src/app.ts';
import { databaseOptions } from '../../src/commands/open-database.ts';
import { type Database, openDatabase } from '../../src/kernel/database/index.ts';
import { createDoor } from '../../src/kernel/http/door.ts';
import type { Route } from '../../src/kernel/http/route.ts';
import { loadSettings } from '../../src/kernel/settings/index.ts';

/** The server in the test's own process, on a free port: for tests that need its routes as values. */
export interface EmbeddedServer {
  base: string;
  /** What the server answers with: a handler replaced here is the one that is called. */
  routes: readonly Route[];
  /** A second connection to its database. */
  database: Database;
  stop(): Promise<void>;
}

export async function startEmbedded(extra: Record<string, string>): Promise<EmbeddedServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'loggia-test-'));
  const env = {
    DATA_DIR: dataDir,
    WEBUI_SECRET_KEY: 'test-secret-key-0123456789abcdef',
    ENABLE_OLLAMA_API: 'false',
    OFFLINE_MODE: 'true',
    GLOBAL_LOG_LEVEL: 'CRITICAL',
    ...extra,
  };
  const settings = loadSettings(env);
  const door = createDoor();
  await door.listen('127.0.0.1', 0);
  const app = await createApp({ env, settings, door });
  await app.start();
  const database = openDatabase(databaseOptions(settings));
  return {
    base: door.address,
    routes: app.routes,
    database,
    async stop() {
      await database.close();
      await app.close();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
