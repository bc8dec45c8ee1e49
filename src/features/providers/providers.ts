import type { Database } from '../../kernel/database/index.ts';
import type { Egress } from '../../kernel/egress/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { type Access, listGroups } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Connection } from './connections.ts';
import { createEmbed } from './embeddings.ts';
import { createEntraTokens } from './entra.ts';
import { announceFailure } from './failure-event.ts';
import { GUIDE_ID, guideAnswer, guideEntry, guideRelay, guideStream } from './guide.ts';
import { createHeaderBuilder, type HeaderBuilder } from './headers.ts';
import { createOllamaClient, type OllamaClient } from './ollama/client.ts';
import { type ClientDeps, createOpenaiClient, type OpenaiClient } from './openai/client.ts';
import type { Part } from './part.ts';
import { createRegistry, type Registry } from './registry.ts';
import { type ConnectionState, createResilience } from './resilience.ts';
import type { Call, ModelEntry, Providers } from './types.ts';

export interface ProvidersDeps {
  settings: Settings;
  config: Config;
  egress: Egress;
  log: Log;
  events: EventSink;
  access: Pick<Access, 'groupIds'>;
  database: Pick<Database, 'db'>;
  /** Access token that the user's identity provider gave; null: there is none. `cookie`: the header of the request. */
  signInToken(user: { id: string }, cookie?: string): Promise<string | null>;
}

/** What the routes of this feature need besides the contract. */
export interface ProviderKit {
  providers: Providers;
  registry: Registry;
  headers: HeaderBuilder;
  egress: Egress;
  /** Milliseconds a list, a version or a trial may take; null: no limit. */
  listTimeoutMs: number | null;
  openai: OpenaiClient;
  /** The connection of an OpenAI-compatible model; 404 when it is gone. */
  openaiConnection(entry: ModelEntry): Connection;
  ollama: OllamaClient;
  failed: ClientDeps['failed'];
  /** Embeddings in the OpenAI form, of any model. Throws HttpError. */
  embed(model: ModelEntry, body: JsonObject, call: Call): Promise<unknown>;
  /** Connections that have failed and not answered since. */
  states(): ConnectionState[];
  /** Asks the connections for their models, so that the first list is there when somebody asks. */
  warm(): void;
  close(): void;
}

/** Builds the provider connections of the program. */
export function createProviders(deps: ProvidersDeps): ProviderKit {
  const { settings, config, egress, log, events } = deps;
  const headers = createHeaderBuilder({
    settings,
    async groups(userId) {
      const ids = [...(await deps.access.groupIds(userId))];
      return { ids, names: (await listGroups(deps.database.db, ids)).map(({ name }) => name) };
    },
    tokens: {
      systemOauth: ({ user, caller }) => deps.signInToken(user, caller?.cookie),
      entra: createEntraTokens({ log }),
    },
  });
  const seconds = settings.get('AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST');
  const registry = createRegistry({ egress, settings, config, headers, log });
  const failed = (connection: Connection, model: string | null, problem: unknown, call: Call) =>
    announceFailure({ events, log }, connection, model, problem, call.user);
  const resilience = createResilience({ settings, log });
  const choices = (connection: Connection, entry: ModelEntry) => [
    { connection, entry },
    ...registry.openaiOthers(entry),
  ];
  const openai = createOpenaiClient({ egress, settings, headers, resilience, choices, failed });
  const ollama = createOllamaClient({
    egress,
    settings,
    headers,
    resilience,
    failed,
    servers: (entry) => registry.ollamaServers(entry),
  });

  function openaiConnection(entry: ModelEntry): Connection {
    const found = entry.urlIdx === undefined ? null : registry.openaiConnection(entry.urlIdx);
    if (!found) throw new HttpError(404, `Model '${entry.id}' was not found`);
    return found;
  }

  async function* failing(error: HttpError): AsyncGenerator<readonly Part[]> {
    yield [{ type: 'error', status: error.status, error: error.detail }];
  }

  function stream(model: ModelEntry, body: JsonObject, call: Call): AsyncIterable<readonly Part[]> {
    try {
      if (model.id === GUIDE_ID) return guideStream(body, call);
      if (model.owned_by === 'ollama') return ollama.stream(model, body, call);
      return openai.stream(openaiConnection(model), model, body, call);
    } catch (error) {
      if (error instanceof HttpError) return failing(error);
      throw error;
    }
  }

  const providers: Providers = {
    async models({ refresh = false } = {}) {
      const { entries } = await registry.offer(refresh);
      return entries.length === 0 && settings.get('ENABLE_GUIDE_MODEL') ? [guideEntry] : entries;
    },
    stream,
    async complete(model, body, call) {
      if (model.id === GUIDE_ID) return guideAnswer(body, call);
      if (model.owned_by === 'ollama') return ollama.complete(model, body, call);
      return openai.complete(openaiConnection(model), model, body, call);
    },
    async relay(model, body, call) {
      if (model.id === GUIDE_ID) return guideRelay(body, call);
      if (model.owned_by === 'ollama') return ollama.relay(model, body, call);
      return openai.relay(openaiConnection(model), model, body, call);
    },
  };
  return {
    providers,
    registry,
    headers,
    egress,
    listTimeoutMs: seconds === null ? null : seconds * 1_000,
    openai,
    openaiConnection,
    ollama,
    failed,
    embed: createEmbed({ openai, ollama, openaiConnection }),
    states: resilience.states,
    warm: () => void registry.offer().catch((error) => log.error({ err: error }, 'the model lists failed')),
    close: registry.close,
  };
}
