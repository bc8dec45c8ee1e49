import type { Egress } from '../../kernel/egress/index.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { type Connection, ollamaConnections, openaiConnections } from './connections.ts';
import { geminiList, isGemini } from './gemini/list.ts';
import type { HeaderBuilder } from './headers.ts';
import { createLists } from './lists.ts';
import { mergeServers, type OllamaList, ollamaEntries, runningModels, serverModels } from './ollama/list.ts';
import { modelsUrl } from './openai/address.ts';
import { anthropicList, isAnthropic } from './openai/anthropic-list.ts';
import { entriesOf, fixedList, hasNoAccess, readList } from './openai/list.ts';
import type { Choice } from './resilience.ts';
import type { ModelEntry } from './types.ts';

export interface RegistryDeps {
  egress: Pick<Egress, 'request'>;
  settings: Pick<Settings, 'get'>;
  config: Pick<Config, 'get' | 'onChange'>;
  headers: HeaderBuilder;
  log: Log;
}

/** Everything the connections offer at one time. */
export interface Offer {
  /** OpenAI-compatible models first, then those of Ollama; an id may come twice across the kinds. */
  entries: readonly ModelEntry[];
  openai: ReadonlyMap<string, ModelEntry>;
  /** Further entries of the same id at other connections. */
  others: ReadonlyMap<string, readonly ModelEntry[]>;
  ollama: ReadonlyMap<string, ModelEntry>;
  /** The merged list of the Ollama servers. */
  ollamaModels: readonly JsonObject[];
}

/** What the connections offer, kept and refreshed (providers note, 9.1, 9.2, 5.2, 9.6). */
export interface Registry {
  offer(refresh?: boolean): Promise<Offer>;
  /** The next `offer` waits for news. */
  expire(): void;
  openaiConnection(index: number): Connection | null;
  /** Connections that list the same model too, as it was last heard. */
  openaiOthers(entry: ModelEntry): Choice<ModelEntry>[];
  ollamaConnection(index: number): Connection | null;
  /** Switched-off ones too. */
  ollamaConnections(): readonly Connection[];
  /** Servers that have an Ollama model, in random order, those that answered last time first. */
  ollamaServers(entry: ModelEntry): Connection[];
  close(): void;
}

const LIST_BYTES = 64 * 1024 * 1024;

export function createRegistry(deps: RegistryDeps): Registry {
  const { egress, settings, config, log } = deps;
  const seconds = settings.get('AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST');
  const timeoutMs = seconds === null ? null : seconds * 1_000;
  const ttl = settings.get('MODELS_CACHE_TTL');
  const maxAgeMs = () => (config.get('models.base_models_cache') || ttl === null ? null : ttl * 1_000);

  async function json(connection: Connection, url: string): Promise<unknown> {
    const answer = await egress.request(url, { headers: await deps.headers(connection, null), timeoutMs });
    return answer.json(LIST_BYTES);
  }

  const openaiLists = createLists<ModelEntry>({
    log,
    maxAgeMs,
    async load(connection) {
      if (connection.modelIds.length > 0) return entriesOf(connection, fixedList(connection));
      if (hasNoAccess(connection)) return [];
      if (isAnthropic(connection)) return entriesOf(connection, await anthropicList(egress, connection, timeoutMs));
      if (isGemini(connection)) {
        const headers = await deps.headers(connection, null);
        return entriesOf(connection, await geminiList(egress, connection, timeoutMs, headers));
      }
      return entriesOf(connection, readList(await json(connection, modelsUrl(connection))));
    },
  });
  const ollamaLists = createLists<OllamaList>({
    log,
    maxAgeMs,
    async load(connection) {
      const models = serverModels(connection, await json(connection, `${connection.url}/api/tags`));
      const running = await json(connection, `${connection.url}/api/ps`).then(
        (answer) => runningModels(connection, answer),
        () => [],
      );
      return [{ models, running }];
    },
  });

  let connections: { openai: Connection[]; ollama: Connection[] } | null = null;
  const stop = config.onChange((keys) => {
    for (const key of keys) if (key.startsWith('openai.') || key.startsWith('ollama.')) connections = null;
  });
  const current = () => {
    connections ??= { openai: openaiConnections(config), ollama: ollamaConnections(config) };
    return connections;
  };

  let last: { lists: readonly unknown[]; offer: Offer } | null = null;

  return {
    async offer(refresh = false) {
      const openai = current().openai.filter(({ enabled }) => enabled);
      const ollama = current().ollama.filter(({ enabled }) => enabled);
      const [openaiFound, ollamaFound] = await Promise.all([
        openaiLists.get(openai, refresh),
        ollamaLists.get(ollama, refresh),
      ]);
      const lists = [...openaiFound, null, ...ollamaFound];
      if (last && sameItems(last.lists, lists)) return last.offer;
      const servers = ollama.flatMap((connection, at) => {
        const list = ollamaFound[at]?.[0];
        return list ? [[connection, list] as const] : [];
      });
      const offer = makeOffer(openaiFound, mergeServers(servers));
      last = { lists, offer };
      return offer;
    },
    expire() {
      openaiLists.expire();
      ollamaLists.expire();
    },
    openaiConnection: (index) => current().openai[index] ?? null,
    openaiOthers: ({ id, urlIdx }) =>
      (last?.offer.others.get(id) ?? []).flatMap((entry) => {
        const connection = entry.urlIdx === undefined ? undefined : current().openai[entry.urlIdx];
        return connection?.enabled && entry.urlIdx !== urlIdx ? [{ connection, entry }] : [];
      }),
    ollamaConnection: (index) => current().ollama[index] ?? null,
    ollamaConnections: () => current().ollama,
    ollamaServers(entry) {
      const urls: unknown = entry.ollama?.urls;
      const found = (Array.isArray(urls) ? urls : []).flatMap((index) => current().ollama[index as number] ?? []);
      const enabled = found.filter((connection) => connection.enabled);
      const drawn = enabled.map((connection) => ({
        connection,
        rank: Math.random() - (ollamaLists.answers(connection) ? 1 : 0),
      }));
      return drawn.sort((a, b) => a.rank - b.rank).map(({ connection }) => connection);
    },
    close: stop,
  };
}

function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}

function makeOffer(openaiLists: readonly (readonly ModelEntry[])[], ollamaModels: JsonObject[]): Offer {
  const openai = new Map<string, ModelEntry>();
  const others = new Map<string, ModelEntry[]>();
  for (const entry of openaiLists.flat()) {
    if (!openai.has(entry.id)) openai.set(entry.id, entry);
    else others.set(entry.id, [...(others.get(entry.id) ?? []), entry]);
  }
  const ollamaList = ollamaEntries(ollamaModels);
  const ollama = new Map(ollamaList.map((entry) => [entry.id, entry]));
  return { entries: [...openai.values(), ...ollamaList], openai, others, ollama, ollamaModels };
}
