import type { Database } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import type { Bus } from '../../kernel/realtime/index.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { type Access, grantsAllow } from '../access/index.ts';
import type { ModelEntry, ModelGate, Providers } from '../providers/index.ts';
import { type Audience, assemble, type TableModel } from './assemble.ts';
import { type ModelFunctions, NO_FUNCTIONS } from './functions.ts';
import { createGate } from './gate.ts';
import { ListAnswer } from './list-answer.ts';
import { createRows } from './rows.ts';
import type { ModelRow } from './store.ts';

export interface ModelsDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  settings: Pick<Settings, 'get'>;
  config: Pick<Config, 'get' | 'version'>;
  bus: Pick<Bus, 'publish' | 'subscribe' | 'onGap'>;
  access: Access;
  providers: Pick<Providers, 'models'>;
  /** Actions and filters of the plugin runtime. */
  functions?: () => ModelFunctions;
}

/** A model the user may use. */
export interface ResolvedModel {
  entry: ModelEntry;
  /** Its row: `params` (with the system prompt), `meta`, `base_model_id`; null for a plain provider model. */
  row: ModelRow | null;
  /** The provider's model behind a preset; null when it is none, or its base is gone. */
  base: ModelEntry | null;
  /** The base is gone and a default model of the site stands in (ENABLE_CUSTOM_MODEL_FALLBACK). */
  fallback: boolean;
}

/** The table of models, and who may use which. Warm calls ask no database. */
export interface Models {
  /** What the user's list shows, in its order. */
  list(user: User): Promise<readonly ModelEntry[]>;
  /** Everything by id, whoever may use it. */
  table(): Promise<ReadonlyMap<string, ModelEntry>>;
  /** Null: there is none, or the user may not use it, or its base is gone. */
  resolve(user: User, id: string): Promise<ResolvedModel | null>;
  /** The same whoever asks: for what the site itself does with a model its administrator chose. */
  find(id: string): Promise<ResolvedModel | null>;
  /** The answer of `GET /api/models` for the user, ready to send. */
  listJson(user: User, refresh: boolean): Promise<ListAnswer>;
  /** Access by rows alone, for direct requests to providers. */
  gate: Omit<ModelGate, 'resolvePrompt'>;
  /** Rows and grants have changed; call it after the commit. */
  changed(): void;
  close(): void;
}

interface Table {
  models: ReadonlyMap<string, TableModel>;
  entries: ReadonlyMap<string, ModelEntry>;
  /** In list order. */
  listed: readonly TableModel[];
  /** JSON text of each listed entry, made when first asked for. */
  texts: string[] | null;
  /** Whole answers by which models they hold. */
  answers: Map<string, ListAnswer>;
}

const ANSWERS_KEPT = 64;

export function createModels(deps: ModelsDeps): Models {
  const { database, settings, config, bus, access, providers } = deps;
  const functions = deps.functions ?? (() => NO_FUNCTIONS);
  const rows = createRows(database.db, bus);
  let last: { base: unknown; rows: unknown; version: number; functions: unknown; table: Table } | null = null;

  async function current(refresh = false): Promise<Table> {
    const [base, kept] = await Promise.all([providers.models({ refresh }), rows.get()]);
    const { version } = config;
    const active = functions();
    if (last?.base === base && last.rows === kept && last.version === version && last.functions === active) {
      return last.table;
    }
    const models = assemble({
      base,
      ...kept,
      arena: { enabled: config.get('evaluation.arena.enable'), models: config.get('evaluation.arena.models') },
      defaultMetadata: config.get('models.default_metadata'),
      defaultParams: config.get('models.default_params'),
      functions: active,
    });
    const table = tableOf(models, config.get('ui.model_order_list'));
    last = { base, rows: kept, version, functions: active, table };
    return table;
  }

  function seesAll(user: User): boolean {
    if (settings.get('BYPASS_MODEL_ACCESS_CONTROL')) return true;
    return user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  }

  async function visible(table: Table, user: User): Promise<readonly TableModel[]> {
    if (seesAll(user)) return table.listed;
    const groups = await access.groupIds(user.id);
    return table.listed.filter(({ audience }) => mayUse(audience, user, groups));
  }

  /** Every model on the way from a preset to the provider must be the user's to use. */
  function mayUseBases(table: Table, model: TableModel, user: User, groups: ReadonlySet<string>): boolean {
    const seen = new Set([model.entry.id]);
    for (let id = model.row?.base_model_id ?? null; id !== null && !seen.has(id); ) {
      seen.add(id);
      const next = table.models.get(id);
      if (!next?.row) return user.role === 'admin' || next?.audience.kind === 'everybody';
      if (!mayUse(next.audience, user, groups)) return false;
      id = next.row.base_model_id;
    }
    return true;
  }

  function baseOf(table: Table, model: TableModel): ModelEntry | null {
    const seen = new Set<string>();
    let at = model;
    while (at.row?.base_model_id) {
      const id = at.row.base_model_id;
      const next = table.models.get(id);
      if (!next || seen.has(id)) return null;
      seen.add(id);
      at = next;
    }
    return at.entry;
  }

  function standIn(table: Table, user: User, groups: ReadonlySet<string>): ModelEntry | null {
    if (!settings.get('ENABLE_CUSTOM_MODEL_FALLBACK')) return null;
    const id = (config.get('ui.default_models') ?? '').split(',').find((one) => one.trim() !== '');
    const model = id === undefined ? undefined : table.models.get(id.trim());
    if (!model) return null;
    const allowed = seesAll(user) || (mayUse(model.audience, user, groups) && mayUseBases(table, model, user, groups));
    return allowed ? baseOf(table, model) : null;
  }

  return {
    async list(user) {
      return (await visible(await current(), user)).map(({ entry }) => entry);
    },
    async table() {
      return (await current()).entries;
    },
    async resolve(user, id) {
      const table = await current();
      const model = table.models.get(id);
      if (!model) return null;
      const groups = await access.groupIds(user.id);
      const { entry, row } = model;
      const preset = Boolean(row?.base_model_id);
      const base = preset ? baseOf(table, model) : null;
      const isMissing = preset && base === null;
      if (!seesAll(user)) {
        if (!mayUse(model.audience, user, groups)) return null;
        if (!isMissing && !mayUseBases(table, model, user, groups)) return null;
      }
      if (!isMissing) return { entry, row, base, fallback: false };
      const other = standIn(table, user, groups);
      return other ? { entry, row, base: other, fallback: true } : null;
    },
    async find(id) {
      const table = await current();
      const model = table.models.get(id);
      if (!model) return null;
      const { entry, row } = model;
      const preset = Boolean(row?.base_model_id);
      const base = preset ? baseOf(table, model) : null;
      return preset && base === null ? null : { entry, row, base, fallback: false };
    },
    async listJson(user, refresh) {
      const table = await current(refresh);
      return answerOf(table, await visible(table, user));
    },
    gate: createGate(deps, rows.get),
    changed: rows.changed,
    close: rows.close,
  };
}

function mayUse(audience: Audience, user: User, groups: ReadonlySet<string>): boolean {
  switch (audience.kind) {
    case 'everybody':
      return true;
    case 'administrators':
      return user.role === 'admin';
    case 'granted':
      return audience.ownerId === user.id || grantsAllow(audience.grants, user.id, groups, 'read');
  }
}

function tableOf(models: ReadonlyMap<string, TableModel>, order: readonly string[]): Table {
  const listed = [...models.values()].filter(({ entry }) => {
    const { pipeline } = entry;
    return !(isObject(pipeline) && pipeline.type === 'filter');
  });
  if (order.length > 0) {
    const places = new Map(order.map((id, place) => [id, place]));
    const placeOf = ({ entry }: TableModel) => places.get(entry.id) ?? Number.POSITIVE_INFINITY;
    listed.sort((a, b) => {
      const [one, other] = [placeOf(a), placeOf(b)];
      if (one !== other) return one - other;
      return a.entry.name < b.entry.name ? -1 : a.entry.name > b.entry.name ? 1 : 0;
    });
  }
  const entries = new Map([...models].map(([id, { entry }]) => [id, entry]));
  return { models, entries, listed, texts: null, answers: new Map() };
}

function answerOf(table: Table, shown: readonly TableModel[]): ListAnswer {
  const all = shown === table.listed;
  const key = all ? '*' : shown.map(({ entry }) => entry.id).join('\n');
  const known = table.answers.get(key);
  if (known) return known;
  table.texts ??= table.listed.map(({ entry }) => JSON.stringify(entry));
  const { texts } = table;
  const wanted = new Set(shown);
  const picked = all ? texts : texts.filter((_text, at) => wanted.has(table.listed[at] as TableModel));
  const answer = new ListAnswer(`{"data":[${picked.join(',')}]}`);
  if (table.answers.size >= ANSWERS_KEPT) {
    for (const oldest of table.answers.keys()) {
      table.answers.delete(oldest);
      break;
    }
  }
  table.answers.set(key, answer);
  return answer;
}
