import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadSettings, productName, SettingsError } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'loggia-settings-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function dataFolder(): string {
  count += 1;
  return join(folder, String(count), 'data');
}

function load(env: Record<string, string>) {
  return loadSettings({ WEBUI_SECRET_KEY: 'test', DATA_DIR: dataFolder(), ...env }, folder);
}

function problems(env: Record<string, string>): readonly string[] {
  try {
    load(env);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems;
  }
  assert.fail('the settings were taken');
}

describe('values', () => {
  it('takes only the word true as true and says so of other words', () => {
    const settings = load({ ENABLE_LDAP: 'TRUE', ENABLE_NOTES: 'yes', ENABLE_FOLDERS: '' });
    assert.equal(settings.get('ENABLE_LDAP'), true);
    assert.equal(settings.get('ENABLE_NOTES'), false);
    assert.equal(settings.get('ENABLE_FOLDERS'), false);
    assert.equal(settings.warnings.length, 1);
    assert.match(settings.warnings[0] ?? '', /^ENABLE_NOTES: /);
  });

  it('has typed defaults', () => {
    const settings = load({});
    const timeout: number | null = settings.get('AIOHTTP_CLIENT_TIMEOUT');
    assert.equal(timeout, null);
    assert.equal(settings.get('RAG_TOP_K'), 3);
    assert.deepEqual(settings.get('OAUTH_ALLOWED_ROLES'), ['user', 'admin']);
    assert.equal(settings.get('AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST'), 10);
    assert.ok(settings.get('PASSWORD_VALIDATION_REGEX_PATTERN').test('Abcdef1!'));
  });

  it('keeps the documented meaning of empty and unreadable values', () => {
    const settings = load({
      AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST: '',
      AIOHTTP_CLIENT_TIMEOUT: 'none',
      OPENAI_API_CONFIGS: '{broken',
      RAG_FILE_MAX_SIZE: '',
      WEBSOCKET_HEARTBEAT_INTERVAL: '1000',
      CONTEXT_COMPACTION_RETENTION_PERCENTAGE: '99',
    });
    assert.equal(settings.get('AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST'), null);
    assert.equal(settings.get('AIOHTTP_CLIENT_TIMEOUT'), 300);
    assert.deepEqual(settings.get('OPENAI_API_CONFIGS'), {});
    assert.equal(settings.get('RAG_FILE_MAX_SIZE'), null);
    assert.equal(settings.get('WEBSOCKET_HEARTBEAT_INTERVAL'), 90);
    assert.equal(settings.get('CONTEXT_COMPACTION_RETENTION_PERCENTAGE'), 50);
    assert.equal(settings.warnings.length, 2);
  });

  it('follows older names and other variables', () => {
    const settings = load({
      LDAP_SEARCH_FILTERS: '(a=b)',
      OTEL_BASIC_AUTH_USERNAME: 'otel',
      OTEL_OTLP_SPAN_EXPORTER: 'http',
      REDIS_URL: 'redis://one',
      OAUTH_ROLES_SEPARATOR: '|',
      OAUTH_ADMIN_ROLES: 'root|boss, inc',
    });
    assert.equal(settings.get('LDAP_SEARCH_FILTER'), '(a=b)');
    assert.ok(settings.isSet('LDAP_SEARCH_FILTER'));
    assert.equal(settings.get('OTEL_LOGS_BASIC_AUTH_USERNAME'), 'otel');
    assert.equal(settings.get('OTEL_LOGS_OTLP_SPAN_EXPORTER'), 'http');
    assert.equal(settings.get('WEBSOCKET_REDIS_URL'), 'redis://one');
    assert.deepEqual(settings.get('OAUTH_ADMIN_ROLES'), ['root', 'boss, inc']);
  });

  it('applies what one switch says about others', () => {
    const settings = load({ WEBUI_AUTH: 'false', OFFLINE_MODE: 'true', WEBUI_NAME: 'Ours' });
    assert.equal(settings.get('ENABLE_SIGNUP'), false);
    assert.equal(settings.get('ENABLE_VERSION_UPDATE_CHECK'), false);
    assert.equal(productName(settings), 'Ours (Open WebUI)');
  });
});

describe('refused settings', () => {
  it('names every variable that cannot be read, and none of their values', () => {
    const found = problems({ PORT: 'http', RAG_TOP_K: 'secret', TERMINAL_SERVER_CONNECTIONS: '[' });
    assert.deepEqual(found.map((line) => line.split(':')[0]).sort(), [
      'PORT',
      'RAG_TOP_K',
      'TERMINAL_SERVER_CONNECTIONS',
    ]);
    assert.ok(!found.join().includes('secret'));
  });

  it('refuses groups that are set in part', () => {
    assert.match(problems({ S3_ACCESS_KEY_ID: 'a' }).join(), /S3_SECRET_ACCESS_KEY/);
    assert.match(problems({ DATABASE_HOST: 'db' }).join(), /DATABASE_TYPE, DATABASE_PORT, DATABASE_NAME/);
    assert.match(problems({ STORAGE_PROVIDER: 's3' }).join(), /S3_BUCKET_NAME/);
    assert.match(problems({ OAUTH_CLIENT_ID: 'x' }).join(), /OPENID_PROVIDER_URL/);
  });

  it('takes a database password beside a complete URL', () => {
    const settings = load({ DATABASE_URL: 'postgres://u:p@h/d', DATABASE_PASSWORD: 'p' });
    assert.equal(settings.get('DATABASE_URL'), 'postgresql://u:p@h/d');
    assert.equal(settings.get('PGVECTOR_DB_URL'), 'postgresql://u:p@h/d');
  });
});

describe('the database URL', () => {
  it('is put together from its parts', () => {
    const parts = { DATABASE_TYPE: 'postgresql', DATABASE_HOST: 'db', DATABASE_PORT: '5432', DATABASE_NAME: 'web' };
    assert.equal(
      load({ ...parts, DATABASE_USER: 'u', DATABASE_PASSWORD: 'p' }).get('DATABASE_URL'),
      'postgresql://u:p@db:5432/web',
    );
    assert.equal(load({ ...parts, DATABASE_USER: 'u' }).get('DATABASE_URL'), 'postgresql://u@db:5432/web');
  });

  it('is SQLite in the data folder otherwise', () => {
    const settings = load({});
    assert.equal(settings.get('DATABASE_URL'), `sqlite:///${settings.dataDir}/webui.db`);
  });
});

describe('the secret key', () => {
  it('is made once, for its owner only, and kept', () => {
    const DATA_DIR = dataFolder();
    const first = loadSettings({ DATA_DIR }, folder);
    const second = loadSettings({ DATA_DIR, WEBUI_SECRET_KEY: '' }, folder);
    assert.equal(Buffer.from(first.secretKey, 'base64').length, 24);
    assert.equal(second.secretKey, first.secretKey);
    assert.equal(second.get('OAUTH_SESSION_TOKEN_ENCRYPTION_KEY'), first.secretKey);
    const file = join(DATA_DIR, '.webui_secret_key');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(readFileSync(file, 'utf8'), first.secretKey);
  });

  it('is read beside the data folder, with and without its line end', () => {
    const DATA_DIR = dataFolder();
    loadSettings({ DATA_DIR, WEBUI_SECRET_KEY: 'x' }, folder);
    const beside = join(DATA_DIR, '..', '.webui_secret_key');
    loadSettings({ DATA_DIR: join(DATA_DIR, '..', 'other') }, folder);
    writeFileSync(beside, 'old key\n');
    const settings = loadSettings({ DATA_DIR }, folder);
    assert.equal(settings.secretKey, 'old key');
    assert.deepEqual(settings.secretKeys, ['old key', 'old key\n']);
  });

  it('may come from the older variable', () => {
    assert.equal(loadSettings({ DATA_DIR: dataFolder(), WEBUI_JWT_SECRET_KEY: 'jwt' }, folder).secretKey, 'jwt');
  });
});

describe('connections of a new installation', () => {
  it('pairs keys and addresses', () => {
    const settings = load({ OPENAI_API_KEYS: 'a;b', OPENAI_API_BASE_URLS: 'http://x;' });
    assert.equal(settings.get('RAG_OPENAI_API_KEY'), 'b');
    assert.equal(load({ OPENAI_API_KEY: 'k' }).get('IMAGES_OPENAI_API_KEY'), 'k');
  });

  it('resolves the container address of Ollama', () => {
    const prod = { ENV: 'prod', OLLAMA_BASE_URL: '/ollama' };
    assert.equal(load(prod).get('RAG_OLLAMA_BASE_URL'), 'http://host.docker.internal:11434');
    assert.equal(load({ ...prod, USE_OLLAMA_DOCKER: 'true' }).get('RAG_OLLAMA_BASE_URL'), 'http://localhost:11434');
    assert.match(load({ ...prod, K8S_FLAG: '1' }).get('RAG_OLLAMA_BASE_URL'), /svc\.cluster\.local/);
    assert.equal(load({ OLLAMA_API_BASE_URL: 'http://o:1/api' }).get('RAG_OLLAMA_BASE_URL'), 'http://o:1');
  });
});
