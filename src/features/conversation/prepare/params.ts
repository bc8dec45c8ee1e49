import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** Parameters that steer the server and never reach a provider (chat pipeline note, 3.2). */
const INTERNAL = new Set([
  'stream_response',
  'stream_delta_chunk_size',
  'function_calling',
  'reasoning_tags',
  'compact_token_threshold',
  'system',
  'note_id',
  'tool_approval_mode',
  'model_controls',
  'custom_params',
]);

/**
 * Site defaults, the model's and the request's parameters as one, later ones winning; nulls of the request count as not sent,
 * `custom_params` are merged key by key (note 1.2, step 6).
 */
export function mergeParams(defaults: unknown, model: unknown, request: unknown): JsonObject {
  const merged: JsonObject = {};
  for (const layer of [withoutControls(defaults), withoutControls(model), withoutNulls(request)]) {
    for (const [key, value] of Object.entries(layer)) {
      const both = key === 'custom_params' && isObject(merged[key]) && isObject(value);
      merged[key] = both ? { ...(merged[key] as JsonObject), ...(value as JsonObject) } : value;
    }
  }
  return merged;
}

function withoutControls(params: unknown): JsonObject {
  if (!isObject(params)) return {};
  const { model_controls: _, ...rest } = params;
  return rest;
}

function withoutNulls(params: unknown): JsonObject {
  return Object.fromEntries(Object.entries(withoutControls(params)).filter(([, value]) => value !== null));
}

/**
 * Puts merged parameters into a provider request: what the request has at its top level stays, models of Ollama get `options`.
 * 400 for a logit bias that cannot be read.
 */
export function applyParams(body: JsonObject, params: JsonObject, { ollama }: { ollama: boolean }): JsonObject {
  const flat = flattenParams(params);
  if (ollama) {
    const options = { ...flat, ...(isObject(body.options) ? body.options : {}) };
    return Object.keys(options).length === 0 ? body : { ...body, options };
  }
  const result: JsonObject = { ...body };
  for (const [key, value] of Object.entries(flat)) {
    if (value === null || value === undefined || key in body) continue;
    result[key] = key === 'logit_bias' ? readLogitBias(value) : value;
  }
  return result;
}

/** Parameters as the provider takes them: without the server's own, custom ones laid over the rest. */
function flattenParams(params: JsonObject): JsonObject {
  const sent = Object.fromEntries(Object.entries(params).filter(([key]) => !INTERNAL.has(key)));
  return isObject(params.custom_params) ? deepMerge(sent, decoded(params.custom_params)) : sent;
}

/** Custom parameters are typed into text fields: what is JSON is meant as JSON. */
function decoded(custom: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(custom).map(([key, value]) => [key, typeof value === 'string' ? fromJson(value) : value]),
  );
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `over` laid over `base`, objects member by member. */
export function deepMerge(base: JsonObject, over: JsonObject): JsonObject {
  const merged: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    const result = isObject(below) && isObject(value) ? deepMerge(below, value) : value;
    Object.defineProperty(merged, key, { value: result, enumerable: true, configurable: true, writable: true });
  }
  return merged;
}

const BIAS = /^\s*([^:,\s]+)\s*:\s*([+-]?\d+)\s*$/;

/** `{token: bias}`, or the text `token:bias,token:bias`; biases of the text are held within ±100. */
function readLogitBias(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const biases: JsonObject = {};
  for (const pair of value.split(',')) {
    if (pair.trim() === '') continue;
    const [, token, bias] = BIAS.exec(pair) ?? [];
    if (token === undefined) throw new HttpError(400, 'logit_bias must be a list of token:bias pairs.');
    biases[token] = Math.max(-100, Math.min(100, Number(bias)));
  }
  return biases;
}

/**
 * The custom parameters the picked (or default) options of a model's controls stand for (providers note, 10.4). Picks of controls
 * that are gone are ignored; a pick of an option that is gone answers 400.
 */
export function expandControls(controls: unknown, picks: unknown): JsonObject {
  let custom: JsonObject = {};
  if (!isObject(controls)) return custom;
  const picked = isObject(picks) ? picks : {};
  for (const [key, control] of Object.entries(controls)) {
    if (!isObject(control)) continue;
    const choice = picked[key] ?? control.default;
    if (choice === undefined || choice === null) continue;
    const options = isObject(control.options) ? control.options : {};
    const option = typeof choice === 'string' && Object.hasOwn(options, choice) ? options[choice] : undefined;
    if (!isObject(option)) {
      throw new HttpError(400, `Model control ${key}: the selected option is no longer available.`);
    }
    if (isObject(option.params)) custom = deepMerge(custom, option.params);
  }
  return custom;
}
