import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, it } from 'node:test';
import { json } from '../src/kernel/database/index.ts';
import { type Config, type ConfigBus, createConfig, loadSettings } from '../src/kernel/settings/index.ts';
import { createLog } from '../src/kernel/telemetry/log.ts';
import { onEachDialect, openFresh } from './databases/dialects.ts';
import { until } from './support/wait.ts';

/** Buses of processes that hear each other. */
function connectedBuses(count: number): ConfigBus[] {
  const handlers: ((message: unknown) => void)[][] = Array.from({ length: count }, () => []);
  return handlers.map((own, index) => ({
    shared: true,
    publish: (_topic, message) => {
      for (const [other, list] of handlers.entries()) if (other !== index) for (const one of list) one(message);
    },
    subscribe: (_topic, handler) => {
      own.push(handler);
      return () => own.splice(own.indexOf(handler), 1);
    },
  }));
}

/** The 378 keys the reference gives a row at its first start, and `ldap.server.start_tls`, which is ours. */
const seeded = 379;

const silent: ConfigBus = { shared: false, publish: () => {}, subscribe: () => () => {} };

onEachDialect('stored settings', (dialect) => {
  const folder = mkdtempSync(join(tmpdir(), 'loggia-config-'));
  const lines: string[] = [];
  const log = createLog({ level: 'INFO', format: 'json', destination: { write: (line) => lines.push(line) } });
  const opened: Config[] = [];
  let database: Awaited<ReturnType<typeof openFresh>>;

  before(async () => {
    database = await openFresh(dialect);
  });
  after(async () => {
    for (const config of opened) config.close();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    for (const config of opened.splice(0)) config.close();
    lines.length = 0;
    await database.db.deleteFrom('config').execute();
  });

  async function open(env: Record<string, string> = {}, bus: ConfigBus = silent): Promise<Config> {
    const settings = loadSettings(
      { WEBUI_SECRET_KEY: 'x', DATA_DIR: folder, OLLAMA_BASE_URL: 'http://o', ...env },
      folder,
    );
    const config = await createConfig({ settings, database, bus, log });
    opened.push(config);
    return config;
  }

  const stored = async (key: string) =>
    (await database.db.selectFrom('config').select('value').where('key', '=', key).execute()).map(({ value }) => value);
  const write = (key: string, value: unknown) =>
    database.db
      .insertInto('config')
      .values({ key, value: json(value), updated_at: 1 })
      .execute();

  it('seeds a row for each key from the environment; later changes of it have no effect and are told', async () => {
    const first = await open({ RAG_TOP_K: '7' });
    assert.equal((await database.db.selectFrom('config').select('key').execute()).length, seeded);
    assert.equal(first.get('rag.top_k'), 7);
    assert.deepEqual(await stored('oauth.enable_signup'), []);
    lines.length = 0;
    const second = await open({ RAG_TOP_K: '8' });
    assert.equal(second.get('rag.top_k'), 7);
    assert.ok(lines.some((line) => line.includes('RAG_TOP_K')));
  });

  it('reads rows of any JSON kind', async () => {
    await write('rag.top_k', '12');
    await write('rag.relevance_threshold', 0);
    await write('rag.hybrid_bm25_weight', 0.25);
    await write('ui.enable_signup', 'false');
    await write('ui.banners', { not: 'a list' });
    await write('rag.file.max_size', '');
    await write('ui.default_models', null);
    const config = await open();
    assert.equal(config.get('rag.top_k'), 12);
    assert.equal(config.get('rag.relevance_threshold'), 0);
    assert.equal(config.get('rag.hybrid_bm25_weight'), 0.25);
    assert.equal(config.get('ui.enable_signup'), false);
    assert.deepEqual(config.get('ui.banners'), []);
    assert.equal(config.get('rag.file.max_size'), null);
    assert.equal(config.get('ui.default_models'), null);
    assert.equal(config.stored('rag.top_k'), '12');
    assert.ok(lines.some((line) => line.includes('ui.banners')));
  });

  it('writes, tells listeners once, and shows the value to other processes', async () => {
    const [one, two] = connectedBuses(2) as [ConfigBus, ConfigBus];
    const [here, there] = [await open({}, one), await open({}, two)];
    const heard: string[][] = [];
    here.onChange((keys) => heard.push([...keys]));
    const { version } = there;
    await here.set({ 'ui.watermark': 'ünïcode', 'openai.api_keys': ['a', ''] });
    assert.deepEqual(
      heard.map((keys) => keys.sort()),
      [['openai.api_keys', 'ui.watermark']],
    );
    await here.set({ 'ui.watermark': 'ünïcode' });
    assert.equal(heard.length, 1);
    await until(() => there.version > version && there.get('ui.watermark') === 'ünïcode');
    assert.deepEqual(await stored('openai.api_keys'), [['a', '']]);
  });

  it('finds the writes of other processes without a bus', async () => {
    const [here, there] = [await open(), await open()];
    await here.set({ 'ui.watermark': 'seen' });
    await until(() => there.get('ui.watermark') === 'seen');
    await database.db.deleteFrom('config').where('key', '=', 'ui.watermark').execute();
    await until(() => here.get('ui.watermark') === '' && there.get('ui.watermark') === '');
  });

  it('shows values of a transaction after its commit, and none of one that failed', async () => {
    const config = await open();
    await assert.rejects(
      database.transaction(async (tx) => {
        await config.set({ 'ui.watermark': 'lost' }, tx);
        throw new Error('no');
      }),
      /no/,
    );
    assert.equal(config.get('ui.watermark'), '');
    await database.transaction((tx) => config.set({ 'ui.watermark': 'kept' }, tx));
    assert.equal(config.get('ui.watermark'), 'kept');
  });

  it('loses no change when several change one value at once', async () => {
    const [one, two] = connectedBuses(2) as [ConfigBus, ConfigBus];
    const configs = [await open({}, one), await open({}, two)];
    const ids = Array.from({ length: 10 }, (_, index) => String(index));
    await Promise.all(
      ids.map((id, index) => configs[index % 2]?.update('events.webhooks', (list) => [...list, { id }])),
    );
    const [list] = (await stored('events.webhooks')) as { id: string }[][];
    assert.deepEqual(list?.map(({ id }) => id).sort(), ids);
  });

  it('keeps OAuth settings out of the table until told otherwise', async () => {
    const config = await open({ OAUTH_CLIENT_TIMEOUT: '5' });
    await config.set({ 'oauth.provider_name': 'Ours' });
    assert.equal(config.get('oauth.provider_name'), 'Ours');
    assert.equal(config.all()['oauth.client.timeout'], '5');
    assert.deepEqual(await stored('oauth.provider_name'), []);
    const persistent = await open({ ENABLE_OAUTH_PERSISTENT_CONFIG: 'true' });
    assert.deepEqual(await stored('oauth.provider_name'), ['SSO']);
    await persistent.set({ 'oauth.provider_name': 'Theirs' });
    assert.deepEqual(await stored('oauth.provider_name'), ['Theirs']);
  });

  it('touches no table when persistence is off', async () => {
    await write('rag.top_k', 50);
    const config = await open({ ENABLE_PERSISTENT_CONFIG: 'false', RAG_TOP_K: '4', WEBHOOK_URL: 'https://h' });
    assert.equal(config.get('rag.top_k'), 4);
    await config.set({ 'rag.top_k': 6 });
    assert.equal(config.get('rag.top_k'), 6);
    assert.deepEqual(await stored('rag.top_k'), [50]);
    assert.equal(config.get('events.webhooks')[0]?.id, 'default');
  });

  it('does not start with a second factor that nothing could check', async () => {
    await assert.rejects(open({ ENABLE_MFA: 'true', ENABLE_PERSISTENT_CONFIG: 'false' }), /ENABLE_MFA/);
  });

  it('resets on request', async () => {
    await write('rag.top_k', 50);
    await write('house.rule', 1);
    const config = await open({ RESET_CONFIG_ON_START: 'true' });
    assert.equal(config.get('rag.top_k'), 3);
    assert.equal(config.stored('house.rule'), undefined);
  });

  it('imports config.json once, flat or nested', async () => {
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify({ version: 0, ui: { enable_signup: false }, 'rag.top_k': 11 }));
    const config = await open();
    assert.equal(config.get('ui.enable_signup'), false);
    assert.equal(config.get('rag.top_k'), 11);
    assert.ok(!existsSync(file) && existsSync(join(folder, 'old_config.json')));
    writeFileSync(file, '{broken');
    await assert.rejects(open(), /config\.json is no JSON/);
    rmSync(file);
  });

  it('repairs what earlier releases left', async () => {
    await write('rag.web.search.engine', 'searxng');
    await write('DEFAULT_MODEL_PARAMS.temperature', 0.5);
    await write('webhook_url', 'https://hooks.example.com');
    const config = await open();
    assert.equal(config.get('web.search.engine'), 'searxng');
    assert.deepEqual(config.get('models.default_params'), { temperature: 0.5 });
    assert.deepEqual(await stored('rag.web.search.engine'), []);
    const [hook] = config.get('events.webhooks');
    assert.deepEqual([hook?.id, hook?.url, hook?.events], ['default', 'https://hooks.example.com', ['*']]);
    await open();
    assert.equal(config.get('events.webhooks').length, 1);
  });
});
