import { isObject, type JsonObject, sameJson } from './document.ts';

/** Token figures under the names every provider's figures are stored by; null when there are none. */
export function normaliseUsage(usage: unknown): JsonObject | null {
  if (!isObject(usage) || Object.keys(usage).length === 0) return null;
  const input =
    firstCount(usage, 'input_tokens', 'prompt_tokens', 'prompt_eval_count') ||
    count(usage.prompt_n) + count(usage.cache_n);
  const output = firstCount(usage, 'output_tokens', 'completion_tokens', 'eval_count', 'predicted_n');
  return {
    ...usage,
    input_tokens: input,
    output_tokens: output,
    total_tokens: count(usage.total_tokens) || input + output,
  };
}

function firstCount(usage: JsonObject, ...keys: string[]): number {
  for (const key of keys) {
    const value = count(usage[key]);
    if (value) return value;
  }
  return 0;
}

/** A whole number of anything; what is no number counts nothing. */
function count(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? Math.trunc(number) : 0;
}

const SUMMED = [
  'input_tokens',
  'output_tokens',
  'total_tokens',
  'cost',
  'total_cost',
  'input_cost',
  'output_cost',
  'prompt_cost',
  'completion_cost',
];
const SUMMED_DETAILS = [
  'prompt_tokens_details',
  'completion_tokens_details',
  'input_tokens_details',
  'output_tokens_details',
];

/** The figures of a reply that was continued: counts and costs add up, the rest is the newer one's. Both are normalised. */
export function mergeUsage(stored: JsonObject | null, incoming: JsonObject): JsonObject {
  if (!stored || sameJson(stored, incoming)) return incoming;
  const merged: JsonObject = { ...stored, ...incoming };
  for (const key of SUMMED)
    if (isNumber(stored[key]) || isNumber(incoming[key])) merged[key] = add(stored[key], incoming[key]);
  for (const key of SUMMED_DETAILS) {
    if (isObject(stored[key]) || isObject(incoming[key])) merged[key] = addDetails(stored[key], incoming[key]);
  }
  merged.prompt_tokens = incoming.prompt_tokens || incoming.input_tokens || stored.prompt_tokens;
  merged.completion_tokens = incoming.completion_tokens || incoming.output_tokens || stored.completion_tokens;
  return merged;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function add(a: unknown, b: unknown): number {
  return (isNumber(a) ? a : 0) + (isNumber(b) ? b : 0);
}

function addDetails(a: unknown, b: unknown): unknown {
  if (isNumber(a) || isNumber(b)) return add(a, b);
  if (!isObject(a)) return b;
  if (!isObject(b)) return a;
  const sum: JsonObject = { ...a };
  for (const [key, value] of Object.entries(b)) sum[key] = key in a ? addDetails(a[key], value) : value;
  return sum;
}
