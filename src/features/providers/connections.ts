import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';

/** One connection to a provider, read from the persistent settings (providers note, 1). */
export interface Connection {
  kind: 'openai' | 'ollama';
  /** Place in the list of URLs; what `urlIdx` and `urls` of models name. */
  index: number;
  /** Without a trailing slash. */
  url: string;
  key: string;
  enabled: boolean;
  prefix: string;
  modelIds: readonly string[];
  tags: readonly { name: string }[];
  connectionType: string;
  /** `azure`, `llama.cpp`, `lmstudio`, `litellm` or empty. */
  provider: string;
  authType: string;
  headers: JsonObject | null;
  /** As stored. */
  config: JsonObject;
  /** Differs when anything of the connection does. */
  fingerprint: string;
}

type Settings = Pick<Config, 'get'>;

/** The OpenAI-compatible connections, switched-off ones too; empty while the whole kind is off. */
export function openaiConnections(config: Settings): Connection[] {
  if (!config.get('openai.enable')) return [];
  const keys = config.get('openai.api_keys');
  const configs = config.get('openai.api_configs');
  return config.get('openai.api_base_urls').map((url, index) => {
    const own = configOf(configs, index, url);
    return readConnection('openai', index, url, keys[index] ?? '', own);
  });
}

/** The Ollama connections, switched-off ones too; empty while the whole kind is off. */
export function ollamaConnections(config: Settings): Connection[] {
  if (!config.get('ollama.enable')) return [];
  const configs = config.get('ollama.api_configs');
  return config.get('ollama.base_urls').map((url, index) => {
    const own = configOf(configs, index, url);
    return readConnection('ollama', index, url, text(own.key) || legacyKey(configs, url), own);
  });
}

/** A connection that is not stored, e.g. one that is tried out. */
export function trialConnection(kind: Connection['kind'], url: string, key: string, config: JsonObject): Connection {
  return readConnection(kind, 0, url, key, config);
}

/** What is stored for the connection at a place, or under its address (older releases). */
export function configOf(configs: Readonly<JsonObject>, index: number, url: string): JsonObject {
  const found = configs[String(index)] ?? configs[url];
  return isObject(found) ? found : {};
}

/** Older releases kept the key under the address without its path. */
function legacyKey(configs: Readonly<JsonObject>, url: string): string {
  if (!URL.canParse(url)) return '';
  const { protocol, host } = new URL(url);
  const found = configs[`${protocol}//${host}`];
  return isObject(found) ? text(found.key) : '';
}

function readConnection(
  kind: Connection['kind'],
  index: number,
  url: string,
  key: string,
  config: JsonObject,
): Connection {
  return {
    kind,
    index,
    url: url.replace(/\/+$/, ''),
    key,
    enabled: config.enable !== false,
    prefix: text(config.prefix_id),
    modelIds: Array.isArray(config.model_ids) ? config.model_ids.filter((id) => typeof id === 'string' && id) : [],
    tags: readTags(config.tags),
    connectionType: text(config.connection_type) || (kind === 'openai' ? 'external' : 'local'),
    provider: config.azure === true ? 'azure' : text(config.provider),
    authType: text(config.auth_type) || 'bearer',
    headers: isObject(config.headers) ? config.headers : null,
    config,
    fingerprint: JSON.stringify([kind, index, url, key, config]),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function readTags(value: unknown): { name: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((tag) => {
    const name = isObject(tag) ? tag.name : tag;
    return typeof name === 'string' && name.trim() ? [{ name: name.trim() }] : [];
  });
}

/** A model's id at its provider: the connection's prefix is cut once. */
export function withoutPrefix(connection: Connection, id: string): string {
  const prefix = `${connection.prefix}.`;
  return connection.prefix && id.startsWith(prefix) ? id.slice(prefix.length) : id;
}

/** A model's id in our lists. */
export function withPrefix(connection: Connection, id: string): string {
  return connection.prefix ? `${connection.prefix}.${id}` : id;
}
