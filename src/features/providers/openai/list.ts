import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type Connection, withPrefix } from '../connections.ts';
import type { ModelEntry } from '../types.ts';

/** Models of the public API that cannot chat. */
const NO_CHAT = ['babbage', 'dall-e', 'davinci', 'embedding', 'tts', 'whisper'];

export function isOpenaiItself(connection: Connection): boolean {
  return connection.url.includes('api.openai.com');
}

/** The public API answers nobody without a key; it is the address that is set when none was chosen. */
export function hasNoAccess(connection: Connection): boolean {
  const { key, authType, headers } = connection;
  return isOpenaiItself(connection) && key === '' && ['bearer', 'none'].includes(authType) && headers === null;
}

export function cannotChat(id: string): boolean {
  return NO_CHAT.some((part) => id.includes(part));
}

/** The list of a connection whose models are named in its settings. */
export function fixedList(connection: Connection): JsonObject[] {
  return connection.modelIds.map((id) => ({
    id,
    name: id,
    owned_by: 'openai',
    openai: { id },
    urlIdx: connection.index,
  }));
}

/** What `GET /models` answered, as a list of objects with an id; anything else is left out. */
export function readList(answer: unknown): JsonObject[] {
  const list: unknown = Array.isArray(answer) ? answer : isObject(answer) ? (answer.data ?? answer.models) : null;
  if (!Array.isArray(list)) throw new Error('the answer holds no list of models');
  return list.filter((model): model is JsonObject => isObject(model) && idOf(model) !== '');
}

function idOf(model: JsonObject): string {
  const { id, name } = model;
  if (typeof id === 'string' && id) return id;
  return typeof name === 'string' ? name : '';
}

/** Entries of one connection (providers note, 9.2 step 3 and 4). */
export function entriesOf(connection: Connection, models: readonly JsonObject[]): ModelEntry[] {
  const chatOnly = isOpenaiItself(connection);
  return models.filter((model) => !(chatOnly && cannotChat(idOf(model)))).map((model) => entryOf(connection, model));
}

function entryOf(connection: Connection, model: JsonObject): ModelEntry {
  const { name, ...rest } = model;
  const id = withPrefix(connection, idOf(model));
  const named = typeof name === 'string' ? { name: withPrefix(connection, name) } : {};
  const upstream: JsonObject = {
    ...rest,
    id,
    ...named,
    ...(connection.tags.length > 0 && { tags: connection.tags }),
    connection_type: connection.connectionType,
    ...(connection.provider !== '' && { provider: connection.provider }),
  };
  const loaded = loadedOf(connection, model);
  return {
    ...upstream,
    id,
    name: named.name ?? id,
    owned_by: 'openai',
    openai: upstream,
    connection_type: connection.connectionType,
    provider: connection.provider,
    urlIdx: connection.index,
    ...(loaded !== null && { loaded }),
  } as ModelEntry;
}

/** Whether a server that loads models on demand has this one in memory; null when it does not say. */
function loadedOf(connection: Connection, model: JsonObject): boolean | null {
  if (connection.provider === 'lmstudio') {
    if (Array.isArray(model.loaded_instances) && model.loaded_instances.length > 0) return true;
    if (model.state === 'loaded') return true;
    return model.state === 'not-loaded' ? false : null;
  }
  if (connection.provider === 'llama.cpp') {
    const status = isObject(model.status) ? model.status.value : undefined;
    if (status === 'loaded' || status === 'sleeping') return true;
    if (status === 'loading' || status === 'unloaded') return false;
    return model.status === undefined && connection.modelIds.length === 0 ? true : null;
  }
  return null;
}
