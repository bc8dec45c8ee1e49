import { isObject, type JsonObject } from '../../kernel/json.ts';

/** Parameters of a model's row that no provider gets (providers note, 4.1). */
const INTERNAL = new Set(
  'stream_response stream_delta_chunk_size function_calling reasoning_tags compact_token_threshold system note_id tool_approval_mode model_controls custom_params'.split(
    ' ',
  ),
);

type Cast = (value: unknown) => unknown;

const float: Cast = (value) => (Number.isFinite(Number(value)) && value !== '' ? Number(value) : undefined);
const whole: Cast = (value) => (Number.isFinite(Number(value)) && value !== '' ? Math.trunc(Number(value)) : undefined);
const bool: Cast = (value) => (typeof value === 'string' ? value.toLowerCase() === 'true' : Boolean(value));
const stops: Cast = (value) => {
  const list = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
  return list.filter((one) => typeof one === 'string').map(unescaped);
};

function casts(entries: readonly (readonly [names: string, cast: Cast])[]): ReadonlyMap<string, Cast> {
  return new Map(entries.flatMap(([names, cast]) => names.split(' ').map((name) => [name, cast] as const)));
}

const OPENAI = casts([
  ['temperature top_p min_p frequency_penalty presence_penalty', float],
  ['max_tokens', whole],
  ['reasoning_effort', String],
  ['response_format', (value) => (isObject(value) ? value : undefined)],
  ['stop', stops],
]);

const OLLAMA = casts([
  ['temperature top_p mirostat_eta mirostat_tau min_p repeat_penalty presence_penalty frequency_penalty', float],
  ['mirostat num_ctx num_batch num_keep num_predict repeat_last_n top_k num_gpu num_thread', whole],
  ['use_mmap use_mlock', bool],
  ['stop', stops],
]);

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', '0': '\0' };

/** A text with its backslash escapes decoded. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))/gs,
    (all, long, four, two, one) => {
      const hex: string | undefined = long ?? four ?? two;
      if (hex !== undefined) {
        const point = Number.parseInt(hex, 16);
        return point <= 0x10ffff ? String.fromCodePoint(point) : all;
      }
      return ESCAPES[one as string] ?? (one as string);
    },
  );
}

/** Custom parameters laid over the rest; texts of theirs that are JSON count as JSON. */
function flattened(params: JsonObject): JsonObject {
  const sent = Object.fromEntries(Object.entries(params).filter(([key]) => !INTERNAL.has(key)));
  if (!isObject(params.custom_params)) return sent;
  const custom = Object.entries(params.custom_params).map(([key, value]) => [key, fromJson(value)] as const);
  return merged(sent, Object.fromEntries(custom));
}

function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function merged(base: JsonObject, over: JsonObject): JsonObject {
  const result: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    const member = isObject(below) && isObject(value) ? merged(below, value) : value;
    Object.defineProperty(result, key, { value: member, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

/** A chat completion request with a row's parameters; what the request says itself stays. */
export function withOpenaiParams(body: JsonObject, params: JsonObject): JsonObject {
  const result: JsonObject = { ...body };
  for (const [key, value] of Object.entries(flattened(params))) {
    if (value === null || value === undefined || key in body) continue;
    const cast = OPENAI.get(key);
    const read = cast ? cast(value) : value;
    if (read !== undefined) result[key] = read;
  }
  return result;
}

/** A request of Ollama's own form with a row's parameters (providers note, 5.4); `options` is there afterwards. */
export function withOllamaParams(body: JsonObject, params: JsonObject): JsonObject {
  const { max_tokens: tokens, ...flat } = flattened(params);
  if (tokens !== null && tokens !== undefined && !('num_predict' in flat)) flat.num_predict = tokens;
  const result: JsonObject = { ...body };
  const options: JsonObject = isObject(body.options) ? { ...body.options } : {};
  for (const [key, value] of Object.entries(flat)) {
    if (value === null || value === undefined) continue;
    if (key === 'format' || key === 'keep_alive') result[key] = fromJson(value);
    else if (key === 'think') result[key] = value;
    else if (!(key in options)) {
      const cast = OLLAMA.get(key);
      const read = cast ? cast(value) : value;
      if (read !== undefined) options[key] = read;
    }
  }
  result.options = options;
  return result;
}

/** Messages with a system prompt in front (providers note, 4.2). */
export function withSystemPrompt(messages: unknown, prompt: string): unknown[] {
  const list: unknown[] = Array.isArray(messages) ? messages : [];
  const [first, ...rest] = list;
  if (!isObject(first) || first.role !== 'system') return [{ role: 'system', content: prompt }, ...list];
  if (!Array.isArray(first.content)) return [{ ...first, content: `${prompt}\n${first.content ?? ''}` }, ...rest];
  const content = first.content.map((part: unknown) =>
    isObject(part) && part.type === 'text' ? { ...part, text: `${prompt}\n${part.text ?? ''}` } : part,
  );
  return [{ ...first, content }, ...rest];
}
