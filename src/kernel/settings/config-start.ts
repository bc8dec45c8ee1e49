import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database, Transaction } from '../database/index.ts';
import type { Log } from '../telemetry/log.ts';
import { configDefinitions } from './config-keys/index.ts';
import { clearRows, deleteRows, readRows, seedRows, writeRows } from './config-store.ts';
import type { Settings } from './load.ts';
import { flatSettings } from './nested.ts';
import { guessOllama } from './ollama-guess.ts';
import { repairRows } from './repair.ts';

interface Start {
  settings: Settings;
  database: Database;
  log: Log;
  defaults: Map<string, unknown>;
  persistent: (key: string) => boolean;
}

/**
 * What happens to the table at start (configuration note, 1.4): reset, import of `config.json`, repairs, first values.
 * All in one transaction; several processes may do it at once.
 */
export async function prepareTable(start: Start): Promise<void> {
  const { settings, database, log, defaults } = start;
  const file = join(settings.dataDir, 'config.json');
  const imported = await readImport(file);
  const guess = await missingGuess(start);
  if (guess) defaults.set('ollama.base_urls', guess);
  await database.transaction(async (tx) => {
    if (settings.get('RESET_CONFIG_ON_START')) await clearRows(tx);
    if (imported) await writeRows(tx, imported);
    const rows = await repair(tx);
    const missing = [...defaults].filter(([key]) => !rows.has(key) && start.persistent(key));
    if (missing.length > 0) await seedRows(tx, new Map(missing));
    await moveOldWebhook(tx, rows, String(defaults.get('webhook_url') ?? ''));
    tellDifferences(start, rows);
  });
  if (imported) {
    await rename(file, join(settings.dataDir, 'old_config.json'));
    log.info({ settings: imported.size }, 'config.json was imported and renamed old_config.json');
  }
}

async function readImport(file: string): Promise<Map<string, unknown> | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is no JSON: correct or remove it`, { cause });
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new Error(`${file} holds no JSON object: correct or remove it`);
  }
  return flatSettings(data as Record<string, unknown>);
}

/** Only a table that knows no Ollama address yet needs one looked for. */
async function missingGuess({ settings, database }: Start): Promise<string[] | null> {
  const rows = await database.db.selectFrom('config').select('key').where('key', '=', 'ollama.base_urls').execute();
  return rows.length > 0 && !settings.get('RESET_CONFIG_ON_START') ? null : guessOllama(settings);
}

async function repair(tx: Transaction): Promise<Map<string, unknown>> {
  const rows = new Map((await readRows(tx)).map(({ key, value }) => [key, value]));
  const { put, remove } = repairRows(rows);
  await writeRows(tx, put);
  await deleteRows(tx, [...remove]);
  for (const [key, value] of put) rows.set(key, value);
  for (const key of remove) rows.delete(key);
  return rows;
}

/** The single webhook of earlier releases becomes the first of the list (configuration note, 5.8). */
async function moveOldWebhook(tx: Transaction, rows: ReadonlyMap<string, unknown>, fallback: string): Promise<void> {
  const url = rows.has('webhook_url') ? rows.get('webhook_url') : fallback;
  if (typeof url !== 'string' || url === '') return;
  const stored = rows.get('events.webhooks');
  const list: unknown[] = Array.isArray(stored) ? stored : [];
  if (list.some((item) => (item as { id?: unknown } | null)?.id === 'default')) return;
  await writeRows(tx, new Map([['events.webhooks', [oldWebhook(url), ...list]]]));
}

export function oldWebhook(url: string): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return {
    id: 'default',
    name: 'Default webhook',
    url,
    enabled: true,
    events: ['*'],
    targets: null,
    created_at: now,
    updated_at: now,
  };
}

/** A variable changed after the first start has no effect; said once at start, by name only: values may be secrets. */
function tellDifferences({ settings, log, defaults, persistent }: Start, rows: ReadonlyMap<string, unknown>): void {
  const ignored: string[] = [];
  for (const [key, { variable }] of configDefinitions) {
    if (!variable || !settings.isSet(variable) || !rows.has(key) || !persistent(key)) continue;
    if (JSON.stringify(rows.get(key)) !== JSON.stringify(defaults.get(key))) ignored.push(variable);
  }
  if (ignored.length > 0) {
    log.info({ variables: ignored }, 'stored settings win over these variables; change them in the admin settings');
  }
}
