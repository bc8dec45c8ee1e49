import { isObject, type JsonObject } from '../../kernel/json.ts';
import { chatVariablesOf } from '../../kernel/text/chat-variables.ts';

/** Members of `meta` that are always there. */
const FIXED = [
  'profile_image_url',
  'background_image_url',
  'description',
  'i18n',
  'capabilities',
  'knowledge',
  'voice',
  'voice_avatar',
] as const;

/** `meta` of a row, whatever was stored, as clients rely on it (providers note, 10.1). */
export function readMeta(stored: unknown): JsonObject {
  const given: JsonObject = isObject(stored) ? stored : {};
  const meta: JsonObject = {};
  for (const name of FIXED) meta[name] = given[name] ?? null;
  for (const [key, value] of Object.entries(given)) if (!(key in meta)) meta[key] = value;
  if ('tags' in given) meta.tags = readTags(given.tags);
  if (Array.isArray(given.knowledge)) meta.knowledge = given.knowledge.map(withoutContent);
  delete meta.chat_variables_schema;
  return meta;
}

/** Tags as `{name}` objects; texts are taken, blanks and everything else dropped. */
export function readTags(value: unknown): { name: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((tag) => {
    const name = isObject(tag) ? tag.name : tag;
    return typeof name === 'string' && name.trim() !== '' ? [{ name: name.trim() }] : [];
  });
}

function withoutContent(item: unknown): unknown {
  if (!isObject(item)) return item;
  const copy = { ...item };
  if (isObject(copy.data)) copy.data = without(copy.data, 'content');
  if (isObject(copy.file) && isObject(copy.file.data)) {
    copy.file = { ...copy.file, data: without(copy.file.data, 'content') };
  }
  return copy;
}

function without(object: JsonObject, key: string): JsonObject {
  const { [key]: _gone, ...rest } = object;
  return rest;
}

/** `params` of a row; empty model controls count as none. */
export function readParams(stored: unknown): JsonObject {
  if (!isObject(stored)) return {};
  const { model_controls: controls, ...params } = stored;
  return isObject(controls) && Object.keys(controls).length > 0 ? { ...params, model_controls: controls } : params;
}

/** What of `params` everybody who may use a model gets to see: no system prompt, no sampling values. */
export function publicParams(params: JsonObject): JsonObject {
  const result: JsonObject = {};
  if (isObject(params.model_controls)) {
    result.model_controls = Object.fromEntries(
      Object.entries(params.model_controls).flatMap(([key, control]) =>
        isObject(control) ? [[key, publicControl(control)]] : [],
      ),
    );
  }
  const { compact_token_threshold: threshold } = params;
  if (threshold !== null && threshold !== undefined) result.compact_token_threshold = threshold;
  return result;
}

function publicControl(control: JsonObject): JsonObject {
  const options = isObject(control.options) ? control.options : {};
  return {
    ...control,
    options: Object.fromEntries(
      Object.entries(options).map(([key, option]) => [key, isObject(option) ? { label: option.label } : option]),
    ),
  };
}

/** What a system prompt asks the client for, in the form of `meta.chat_variables_schema`; null: nothing. */
export function chatVariablesSchema(params: JsonObject): JsonObject | null {
  const { system } = params;
  if (typeof system !== 'string' || !system.includes('chat.variables.')) return null;
  const variables = chatVariablesOf(system);
  if (!variables || variables.length === 0) return null;
  return { fields: variables.map(({ key, definition }) => ({ key, type: 'text', required: false, ...definition })) };
}
