import { existsSync } from 'node:fs';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clientPlace, isInstalled } from '../features/web-client/index.ts';
import { type Database, inspectSchema, sqliteFile } from '../kernel/database/index.ts';
import { createEgress } from '../kernel/egress/index.ts';
import { ollamaUrls, openaiConnections, type Settings } from '../kernel/settings/index.ts';
import { explain } from './command.ts';

export interface Finding {
  level: 'ok' | 'note' | 'problem';
  text: string;
  /** What to do. */
  help?: string;
}

const PATIENCE_MS = 5_000;

function within<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer within ${PATIENCE_MS / 1_000} s`)), PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

export async function checkDatabase(settings: Settings, database: Database): Promise<Finding[]> {
  const { description } = database;
  const file = sqliteFile(settings.get('DATABASE_URL'));
  if (file && !existsSync(file))
    return [{ level: 'note', text: `${file} is not there yet: the first start creates it` }];
  try {
    await within(database.ping(), description);
    const state = await inspectSchema(database);
    if (state.kind === 'refused') {
      return [{ level: 'problem', text: `${description}: ${state.reason}`, help: 'docs/operations.md, "Upgrades"' }];
    }
    if (state.kind === 'empty')
      return [{ level: 'note', text: `${description} is empty: the first start creates the tables` }];
    return [{ level: 'ok', text: description }];
  } catch (error) {
    const help = file
      ? 'is the folder readable and writable for this user?'
      : 'is the server up, and DATABASE_URL right?';
    return [{ level: 'problem', text: explain(error), help }];
  }
}

export async function checkRedis(settings: Settings): Promise<Finding[]> {
  const urls = new Set([settings.get('REDIS_URL'), settings.get('WEBSOCKET_REDIS_URL')].filter((url) => url !== ''));
  if (urls.size === 0)
    return [{ level: 'ok', text: 'not used (needed only for several processes without PostgreSQL)' }];
  const { Redis } = await import('ioredis');
  return Promise.all(
    [...urls].map(async (url): Promise<Finding> => {
      const shown = url.replace(/(:\/\/[^:@/]*):[^@]*@/, '$1:***@');
      const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
      let reason: unknown;
      client.on('error', (error) => {
        reason = error;
      });
      try {
        await within(client.ping(), shown);
        return { level: 'ok', text: shown };
      } catch (error) {
        return {
          level: 'problem',
          text: `${shown}: ${explain(reason ?? error)}`,
          help: 'is Redis up, and REDIS_URL right?',
        };
      } finally {
        client.disconnect();
      }
    }),
  );
}

/** Where people sign in; nothing where no login provider is configured. */
export async function checkSignIn(settings: Settings, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { checkLoginProviders } = await import('../features/single-sign-on/index.ts');
  const egress = createEgress({ settings, env });
  try {
    return (await checkLoginProviders(settings, egress)).map((one): Finding => {
      if ('issuer' in one) return { level: 'ok', text: `${one.name}: ${one.issuer}` };
      const help =
        one.name === 'oidc' ? 'is OPENID_PROVIDER_URL right, and reached from here?' : 'is it reached from here?';
      return { level: 'problem', text: `${one.name}: ${one.reason}`, help };
    });
  } finally {
    await egress.close();
  }
}

const LOW_SPACE_BYTES = 500_000_000;
const BUCKETS = { s3: 'S3_BUCKET_NAME', gcs: 'GCS_BUCKET_NAME', azure: 'AZURE_STORAGE_CONTAINER_NAME' } as const;

export async function checkStorage(settings: Settings): Promise<Finding[]> {
  const findings: Finding[] = [];
  const folder = join(settings.dataDir, 'uploads');
  const probe = join(folder, `.probe-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, 'probe');
    await rm(probe);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const text = `${folder}, ${(free / 1e9).toFixed(1)} GB free`;
    findings.push(
      free < LOW_SPACE_BYTES ? { level: 'problem', text, help: 'make room on the disk' } : { level: 'ok', text },
    );
  } catch (error) {
    findings.push({ level: 'problem', text: explain(error), help: 'the data folder must be writable for this user' });
  }
  const provider = settings.get('STORAGE_PROVIDER');
  if (provider === 'local' || provider === '') return findings;
  const bucket = BUCKETS[provider as keyof typeof BUCKETS];
  if (!bucket)
    return [
      ...findings,
      { level: 'problem', text: `STORAGE_PROVIDER: "${provider}"`, help: 'local, s3, gcs or azure' },
    ];
  const name = settings.get(bucket);
  findings.push(
    name
      ? { level: 'ok', text: `${provider}: ${name} (named, not tried)` }
      : { level: 'problem', text: `STORAGE_PROVIDER=${provider}, but ${bucket} is not set`, help: `set ${bucket}` },
  );
  return findings;
}

interface Connection {
  url: string;
  key: string;
  path: '/models' | '/api/version';
}

/** `database` is null when it cannot be read; then the environment counts. */
export async function checkProviders(
  settings: Settings,
  database: Database | null,
  env: NodeJS.ProcessEnv,
): Promise<Finding[]> {
  const connections = await connectionsOf(settings, database, env);
  const findings = await Promise.all(connections.map(ask));
  if (findings.some(({ level }) => level === 'ok')) return findings;
  const help = 'set OPENAI_API_BASE_URL and OPENAI_API_KEY, or connect one in the admin settings of the web client';
  return [...findings, { level: 'note', text: 'no provider answers: the built-in guide does', help }];
}

async function connectionsOf(
  settings: Settings,
  database: Database | null,
  env: NodeJS.ProcessEnv,
): Promise<Connection[]> {
  const read = (name: string) => env[name] ?? '';
  const stored = database && settings.get('ENABLE_PERSISTENT_CONFIG') ? await storedConfig(database) : new Map();
  const fromEnv = openaiConnections(read);
  const urls = texts(stored.get('openai.api_base_urls')) ?? fromEnv.urls;
  const keys = texts(stored.get('openai.api_keys')) ?? fromEnv.keys;
  const openai = on(stored.get('openai.enable'), settings.get('ENABLE_OPENAI_API')) ? urls : [];
  const ollama = on(stored.get('ollama.enable'), settings.get('ENABLE_OLLAMA_API'))
    ? (texts(stored.get('ollama.base_urls')) ?? ollamaUrls(read).urls)
    : [];
  return [
    ...openai.map((url, index): Connection => ({ url, key: keys[index] ?? '', path: '/models' })),
    ...ollama.map((url): Connection => ({ url, key: '', path: '/api/version' })),
  ];
}

async function storedConfig(database: Database): Promise<Map<string, unknown>> {
  const rows = await database.db
    .selectFrom('config')
    .select(['key', 'value'])
    .where('key', 'in', [
      'openai.enable',
      'openai.api_base_urls',
      'openai.api_keys',
      'ollama.enable',
      'ollama.base_urls',
    ])
    .execute();
  return new Map(rows.map(({ key, value }) => [key, value]));
}

function texts(value: unknown): string[] | null {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : null;
}

function on(stored: unknown, fallback: boolean): boolean {
  return typeof stored === 'boolean' ? stored : fallback;
}

async function ask({ url, key, path }: Connection): Promise<Finding> {
  const isOpenai = path === '/models';
  if (isOpenai && key === '' && url.includes('api.openai.com')) {
    return { level: 'note', text: `${url}: no key`, help: 'set OPENAI_API_KEY' };
  }
  try {
    const headers = key ? { authorization: `Bearer ${key}` } : {};
    const answer = await fetch(url.replace(/\/+$/, '') + path, { headers, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) return { level: 'ok', text: `${url}${await modelCount(answer)}` };
    const help = answer.status === 401 || answer.status === 403 ? 'is its key right?' : 'is this its base URL?';
    return { level: 'problem', text: `${url} answered ${answer.status}`, help };
  } catch (error) {
    const text = `${url}: ${explain(error)}`;
    // Ollama is looked for at its usual place even when nobody uses it.
    if (!isOpenai) return { level: 'note', text, help: 'start Ollama, or set ENABLE_OLLAMA_API=false' };
    return { level: 'problem', text, help: 'is the provider up, and reachable from here?' };
  }
}

async function modelCount(answer: Response): Promise<string> {
  const body: unknown = await answer.json().catch(() => null);
  const data = (body as { data?: unknown } | null)?.data;
  return Array.isArray(data) ? `, ${data.length} models` : '';
}

export function checkClient(env: NodeJS.ProcessEnv): Finding[] {
  const place = clientPlace(env);
  if (isInstalled(place)) return [{ level: 'ok', text: place.folder }];
  const help = place.given ? 'FRONTEND_BUILD_DIR names a folder without index.html' : 'bin/loggia frontend install';
  return [{ level: 'problem', text: `no web client in ${place.folder}`, help }];
}
