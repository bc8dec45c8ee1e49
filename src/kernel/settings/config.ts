import type { Database, Db, Transaction } from '../database/index.ts';
import type { Log } from '../telemetry/log.ts';
import { configDefaults } from './config-defaults.ts';
import { type ConfigKey, type ConfigValue, configKeys } from './config-keys/index.ts';
import { oldWebhook, prepareTable } from './config-start.ts';
import { lockRow, readKeys, readMark, readRows, readSince, writeRows } from './config-store.ts';
import { type Settings, SettingsError } from './load.ts';
import { guessOllama } from './ollama-guess.ts';

export type ConfigValues = { [K in ConfigKey]: ConfigValue<K> };

/** What configuration needs of the bus between processes. */
export interface ConfigBus {
  publish(topic: string, message: unknown, options?: { awaited?: boolean }): void;
  subscribe(topic: string, handler: (message: unknown) => void | Promise<void>): () => void;
  /** False: other processes' writes are found by looking. */
  readonly shared: boolean;
}

/** The persistent settings: one table row each, read from memory (configuration note, 1). */
export interface Config {
  /** Value in effect; what is stored in another JSON kind is read loosely, nonsense counts as not stored. */
  get<K extends ConfigKey>(key: K): ConfigValue<K>;
  /** Exactly what is stored, else the default; undefined for unknown keys without a row. */
  stored(key: string): unknown;
  /** Stores values. With `tx` they are written in that transaction and seen after its commit. */
  set(values: Partial<ConfigValues>, tx?: Transaction): Promise<void>;
  /** Like `set`, for keys and values that are not checked. */
  put(values: Record<string, unknown>, tx?: Transaction): Promise<void>;
  /** Changes one value with its row locked, so that concurrent changes do not undo each other. Gives the new value. */
  update<K extends ConfigKey>(key: K, change: (current: ConfigValue<K>) => ConfigValue<K>): Promise<ConfigValue<K>>;
  /**
   * Values as the table has them now. Others who ask for the same keys in this way wait until the transaction ends, so that
   * what is decided by the values still holds when it is stored.
   */
  locked<K extends ConfigKey>(keys: readonly K[], tx: Transaction): Promise<Pick<ConfigValues, K>>;
  /** Everything stored, as exports show it. */
  all(): Record<string, unknown>;
  /** Rows below `name.`, as `GET /configs/namespace` shows them. */
  namespace(name: string): Record<string, unknown>;
  /** Whether values of the key are kept in the table. */
  persistent(key: string): boolean;
  /** Grows with every change that is seen; caches compare it. */
  readonly version: number;
  /** Told after a change is seen, here or from another process. Gives the function that stops it. */
  onChange(listener: (keys: ReadonlySet<string>) => void): () => void;
  /** Looks at the table again. */
  refresh(): Promise<void>;
  close(): void;
}

export interface ConfigDeps {
  settings: Settings;
  database: Database;
  bus: ConfigBus;
  log: Log;
}

const TOPIC = 'config';
const POLL_MS = 1000;

/** Prepares the table (repairs, import, first values) and reads it. Throws when the database does. */
export async function createConfig(deps: ConfigDeps): Promise<Config> {
  const defaults = configDefaults(deps.settings);
  const state = new State(deps, defaults);
  if (!state.tableInUse) {
    const guess = await guessOllama(deps.settings);
    if (guess) defaults.set('ollama.base_urls', guess);
  } else await prepareTable({ ...deps, defaults, persistent: (key) => state.persistent(key) });
  await state.reload(null);
  state.moveOldWebhook();
  if (state.get('auth.mfa.enable') && !(deps.settings.get('WEBUI_AUTH') && state.tableInUse)) {
    throw new SettingsError(['ENABLE_MFA: needs WEBUI_AUTH=true and ENABLE_PERSISTENT_CONFIG=true']);
  }
  state.listen();
  return state;
}

class State implements Config {
  #rows = new Map<string, unknown>();
  #loose = new Map<string, unknown>();
  #listeners = new Set<(keys: ReadonlySet<string>) => void>();
  /** Loads run one after another, so that the last one to start is the last to be seen. */
  #loading: Promise<void> = Promise.resolve();
  #mark = { count: 0, newest: 0 };
  #stop: (() => void)[] = [];
  #pollFailed = false;
  #odd = new Set<string>();
  version = 1;
  readonly tableInUse: boolean;
  readonly #deps: ConfigDeps;
  readonly #defaults: Map<string, unknown>;

  constructor(deps: ConfigDeps, defaults: Map<string, unknown>) {
    this.#deps = deps;
    this.#defaults = defaults;
    this.tableInUse = deps.settings.get('ENABLE_PERSISTENT_CONFIG');
  }

  get<K extends ConfigKey>(key: K): ConfigValue<K> {
    let value = this.#loose.get(key);
    if (value === undefined && !this.#loose.has(key)) {
      value = this.#readLoosely(key);
      this.#loose.set(key, value);
    }
    return value as ConfigValue<K>;
  }

  #readLoosely(key: ConfigKey): unknown {
    const definition = configKeys[key];
    const row = this.stored(key);
    const value = row === undefined ? undefined : definition.read(row);
    if (value !== undefined) return value;
    if (row !== undefined && row !== null && !this.#odd.has(key)) {
      this.#odd.add(key);
      this.#deps.log.warn(
        { setting: key, expected: definition.type },
        'stored setting is of another kind; its default is used',
      );
    }
    return definition.read(this.#defaults.get(key)) ?? definition.fallback;
  }

  stored(key: string): unknown {
    if (this.persistent(key) && this.#rows.has(key)) return this.#rows.get(key);
    return this.#defaults.get(key);
  }

  persistent(key: string): boolean {
    if (!this.tableInUse) return false;
    return !key.startsWith('oauth.') || this.#deps.settings.get('ENABLE_OAUTH_PERSISTENT_CONFIG');
  }

  all(): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    if (this.tableInUse) for (const [key, value] of this.#rows) result[key] = value;
    for (const [key, value] of this.#defaults) if (!this.persistent(key)) result[key] = value;
    return result;
  }

  namespace(name: string): Record<string, unknown> {
    const entries = Object.entries(this.all()).filter(([key]) => key.startsWith(`${name}.`));
    return Object.fromEntries(entries);
  }

  set(values: Partial<ConfigValues>, tx?: Transaction): Promise<void> {
    return this.put(values, tx);
  }

  async put(values: Record<string, unknown>, tx?: Transaction): Promise<void> {
    const kept = new Map<string, unknown>();
    const passing = new Map<string, unknown>();
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) continue;
      (this.persistent(key) ? kept : passing).set(key, value);
    }
    const written = () => this.#written(kept, passing);
    if (tx) {
      await writeRows(tx, kept);
      tx.onCommit(written);
      return;
    }
    if (kept.size > 0) await this.#deps.database.transaction((own) => writeRows(own, kept));
    await written();
  }

  async update<K extends ConfigKey>(
    key: K,
    change: (current: ConfigValue<K>) => ConfigValue<K>,
  ): Promise<ConfigValue<K>> {
    if (!this.persistent(key)) {
      const next = change(this.get(key));
      await this.put({ [key]: next });
      return next;
    }
    const next = await this.#deps.database.transaction(async (tx) => {
      const row = await lockRow(tx, key, this.get(key));
      const value = change((configKeys[key].read(row.value) ?? this.get(key)) as ConfigValue<K>);
      await writeRows(tx, new Map([[key, value]]));
      return value;
    });
    await this.#written(new Map([[key, next]]), new Map());
    return next;
  }

  async locked<K extends ConfigKey>(keys: readonly K[], tx: Transaction): Promise<Pick<ConfigValues, K>> {
    const [first] = keys;
    if (first !== undefined && this.persistent(first)) await lockRow(tx, first, this.get(first));
    const rows = new Map((await readKeys(tx, keys)).map(({ key, value }) => [key, value]));
    const values = keys.map((key) => {
      const stored = this.persistent(key) && rows.has(key) ? configKeys[key].read(rows.get(key)) : undefined;
      return [key, stored ?? this.get(key)];
    });
    return Object.fromEntries(values) as Pick<ConfigValues, K>;
  }

  /** After a commit: what is in the table now is what is seen. */
  async #written(kept: ReadonlyMap<string, unknown>, passing: ReadonlyMap<string, unknown>): Promise<void> {
    const changed = new Set<string>();
    for (const [key, value] of passing) {
      if (!equal(this.#defaults.get(key), value)) changed.add(key);
      this.#defaults.set(key, value);
    }
    this.#changed(changed);
    if (kept.size === 0) return;
    try {
      await this.reload([...kept.keys()]);
    } catch (error) {
      this.#deps.log.error({ err: error }, 'settings were stored but could not be read back');
      this.#apply(kept, []);
    }
    this.#deps.bus.publish(TOPIC, { keys: [...kept.keys()] }, { awaited: true });
  }

  refresh(): Promise<void> {
    return this.reload(null);
  }

  /** Reads some rows again, or all. */
  reload(keys: readonly string[] | null): Promise<void> {
    if (!this.tableInUse) return Promise.resolve();
    const load = async () => {
      const db: Db = this.#deps.database.db;
      if (keys === null) this.#mark = await readMark(db);
      const rows = keys === null ? await readRows(db) : await readKeys(db, keys);
      const found = new Map(rows.map(({ key, value }) => [key, value]));
      const asked = keys ?? [...this.#rows.keys()];
      this.#apply(
        found,
        asked.filter((key) => !found.has(key)),
      );
    };
    const run = this.#loading.then(load);
    this.#loading = run.catch(() => {});
    return run;
  }

  #apply(rows: ReadonlyMap<string, unknown>, gone: readonly string[]): void {
    const changed = new Set<string>();
    for (const [key, value] of rows) {
      if (this.#rows.has(key) && equal(this.#rows.get(key), value)) continue;
      this.#rows.set(key, value);
      changed.add(key);
    }
    for (const key of gone) if (this.#rows.delete(key)) changed.add(key);
    this.#changed(changed);
  }

  #changed(keys: ReadonlySet<string>): void {
    if (keys.size === 0) return;
    for (const key of keys) this.#loose.delete(key);
    this.version += 1;
    for (const listener of this.#listeners) {
      try {
        listener(keys);
      } catch (error) {
        this.#deps.log.error({ err: error }, 'a listener to settings failed');
      }
    }
  }

  onChange(listener: (keys: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  listen(): void {
    if (!this.tableInUse) return;
    const { bus } = this.#deps;
    this.#stop.push(
      bus.subscribe(TOPIC, (message) => {
        const keys = keysOf(message);
        return keys.length > 0 ? this.reload(keys).catch((error) => this.#readFailed(error)) : undefined;
      }),
    );
    if (bus.shared) return;
    const timer = setInterval(() => void this.#poll(), POLL_MS);
    timer.unref();
    this.#stop.push(() => clearInterval(timer));
  }

  /** Two writes may fall into one second, so rows of the last second seen are read once more. */
  async #poll(): Promise<void> {
    try {
      const { db } = this.#deps.database;
      const mark = await readMark(db);
      const before = this.#mark;
      this.#mark = mark;
      if (mark.count < before.count) return await this.reload(null);
      const recent = mark.newest >= Math.floor(Date.now() / 1000) - 2;
      if (mark.count === before.count && mark.newest === before.newest && !recent) return;
      const rows = await readSince(db, before.newest - 1);
      const differing = rows.filter(({ key, value }) => !this.#rows.has(key) || !equal(this.#rows.get(key), value));
      if (differing.length > 0) await this.reload(differing.map(({ key }) => key));
      this.#pollFailed = false;
    } catch (error) {
      this.#readFailed(error);
    }
  }

  #readFailed(error: unknown): void {
    if (!this.#pollFailed) this.#deps.log.warn({ err: error }, 'settings could not be read again');
    this.#pollFailed = true;
  }

  /** Without a table the single webhook of earlier releases comes from its variable alone. */
  moveOldWebhook(): void {
    const url = this.get('webhook_url');
    if (this.tableInUse || url === '') return;
    this.#defaults.set('events.webhooks', [oldWebhook(url)]);
    this.#loose.delete('events.webhooks');
  }

  close(): void {
    for (const stop of this.#stop.splice(0)) stop();
    this.#listeners.clear();
  }
}

function keysOf(message: unknown): string[] {
  const keys = (message as { keys?: unknown } | null)?.keys;
  return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
}

/** Rows are plain JSON; the order of members counts, which only costs a needless notice. */
function equal(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
