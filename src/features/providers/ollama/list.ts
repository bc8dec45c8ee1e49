import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type Connection, withPrefix } from '../connections.ts';
import type { ModelEntry } from '../types.ts';

/** What one Ollama server has, and which of it is in memory (name -> epoch seconds it stays). */
export interface OllamaList {
  models: readonly JsonObject[];
  running: readonly (readonly [name: string, until: number])[];
}

/** Models of one server as `/api/tags` of ours shows them, before they are merged. */
export function serverModels(connection: Connection, answer: unknown): JsonObject[] {
  const list = isObject(answer) ? answer.models : null;
  if (!Array.isArray(list)) throw new Error('the answer holds no list of models');
  const allowed = new Set(connection.modelIds);
  return list.flatMap((model: unknown) => {
    if (!isObject(model) || typeof model.model !== 'string' || model.model === '') return [];
    if (allowed.size > 0 && !allowed.has(model.model)) return [];
    return [
      {
        ...model,
        model: withPrefix(connection, model.model),
        name: withPrefix(connection, typeof model.name === 'string' ? model.name : model.model),
        ...(connection.tags.length > 0 && { tags: connection.tags }),
        connection_type: connection.connectionType,
      },
    ];
  });
}

/** Names in memory from `/api/ps`; anything unreadable is left out. */
export function runningModels(connection: Connection, answer: unknown): [name: string, until: number][] {
  const found = new Map<string, number>();
  const list = isObject(answer) ? answer.models : null;
  for (const model of Array.isArray(list) ? list : []) {
    if (!isObject(model) || typeof model.model !== 'string' || typeof model.expires_at !== 'string') continue;
    const at = Date.parse(model.expires_at);
    if (Number.isFinite(at)) found.set(withPrefix(connection, model.model), Math.floor(at / 1_000));
  }
  return [...found];
}

/** One list of all servers: the first entry of a model wins and names every server that has it. */
export function mergeServers(lists: readonly (readonly [Connection, OllamaList])[]): JsonObject[] {
  const merged = new Map<string, JsonObject & { urls: number[] }>();
  for (const [{ index }, { models }] of lists) {
    for (const model of models) {
      const id = model.model as string;
      const known = merged.get(id);
      if (known) known.urls.push(index);
      else merged.set(id, { ...model, urls: [index] });
    }
  }
  for (const [, { running }] of lists) {
    for (const [id, expires] of running) {
      const model = merged.get(id);
      if (model) model.expires_at = expires;
    }
  }
  return [...merged.values()];
}

/** Entries of the merged list (providers note, 9.3 step 1). */
export function ollamaEntries(models: readonly JsonObject[]): ModelEntry[] {
  return models.map((model) => ({
    id: model.model as string,
    name: model.name as string,
    object: 'model',
    created: 0,
    owned_by: 'ollama',
    ollama: model,
    loaded: model.expires_at !== undefined,
    connection_type: (model.connection_type as string | undefined) ?? 'local',
    tags: (model.tags as { name: string }[] | undefined) ?? [],
  }));
}
