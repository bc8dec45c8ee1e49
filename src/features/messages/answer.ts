import { randomBytes } from 'node:crypto';
import { isObject, type JsonObject } from '../../kernel/json.ts';

/** An id as the protocol has them: a prefix and 24 hexadecimal digits. */
export function newId(prefix: 'msg' | 'toolu'): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`;
}

/** Why the model stopped, in the words of the Messages API. */
export function stopReason(reason: unknown): string {
  if (reason === 'length') return 'max_tokens';
  return reason === 'tool_calls' ? 'tool_use' : 'end_turn';
}

/** Token figures in the form of the Messages API; only what is known (providers note, 7.4). */
export function messageUsage(usage: unknown): JsonObject | null {
  if (!isObject(usage)) return null;
  const details = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const created = number(usage.cache_creation_input_tokens);
  const read = number(usage.cache_read_input_tokens ?? details.cached_tokens);
  const prompt = number(usage.prompt_tokens);
  const input =
    number(usage.input_tokens) ?? (prompt === null ? null : Math.max(0, prompt - (created ?? 0) - (read ?? 0)));
  const { output_tokens_details: outputDetails, server_tool_use: tools, service_tier: tier } = usage;
  return {
    ...(input !== null && { input_tokens: input }),
    output_tokens: number(usage.output_tokens) ?? number(usage.completion_tokens) ?? 0,
    ...(created !== null && { cache_creation_input_tokens: created }),
    ...(read !== null && { cache_read_input_tokens: read }),
    ...(outputDetails !== undefined && { output_tokens_details: outputDetails }),
    ...(tools !== undefined && { server_tool_use: tools }),
    ...(tier !== undefined && tier !== null && { service_tier: tier }),
  };
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Blocks of thoughts as a provider gives them, else null. */
export function thinkingBlocks(message: JsonObject): JsonObject[] | null {
  const inner = isObject(message.thinking) ? message.thinking.blocks : undefined;
  const list: unknown = message.thinking_blocks ?? inner;
  return Array.isArray(list) && list.length > 0 ? list.filter(isObject) : null;
}

/** Thoughts that came as text. */
export function reasoningText(message: JsonObject): string {
  for (const text of [message.reasoning_content, message.reasoning, message.thinking]) {
    if (typeof text === 'string' && text !== '') return text;
  }
  return '';
}

function thinkingBlock(block: JsonObject): JsonObject {
  if (block.type === 'redacted_thinking') return { type: block.type, data: block.data };
  const { thinking, signature } = block;
  return { type: 'thinking', thinking: thinking ?? '', ...(signature !== undefined && { signature }) };
}

/** A chat completion as an answer of the Messages API (providers note, 7.4). `model`: the id that was asked for. */
export function messageAnswer(completion: JsonObject, model: string): JsonObject {
  const choice: unknown = Array.isArray(completion.choices) ? completion.choices[0] : null;
  const message = isObject(choice) && isObject(choice.message) ? choice.message : {};
  const content: JsonObject[] = [];
  const blocks = thinkingBlocks(message);
  const thought = reasoningText(message);
  if (blocks) content.push(...blocks.map(thinkingBlock));
  else if (thought) content.push({ type: 'thinking', thinking: thought });
  if (typeof message.content === 'string' && message.content !== '')
    content.push({ type: 'text', text: message.content });
  for (const call of Array.isArray(message.tool_calls) ? message.tool_calls : []) {
    if (isObject(call) && isObject(call.function)) content.push(toolUse(call, call.function));
  }
  return {
    id: typeof completion.id === 'string' && completion.id ? completion.id : newId('msg'),
    type: 'message',
    role: 'assistant',
    content,
    model,
    stop_reason: stopReason(isObject(choice) ? choice.finish_reason : null),
    stop_sequence: null,
    usage: { input_tokens: 0, output_tokens: 0, ...messageUsage(completion.usage) },
  };
}

function toolUse(call: JsonObject, fn: JsonObject): JsonObject {
  return {
    type: 'tool_use',
    id: typeof call.id === 'string' && call.id ? call.id : newId('toolu'),
    name: fn.name ?? '',
    input: inputOf(fn.arguments),
  };
}

function inputOf(args: unknown): JsonObject {
  if (isObject(args)) return args;
  if (typeof args !== 'string') return {};
  try {
    const value: unknown = JSON.parse(args);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

/** A failure in the form SDKs of the Messages API read. */
export function messageError(status: number, shown: unknown): JsonObject {
  const type = ERROR_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: 'error', error: { type, message: errorText(shown) } };
}

export function errorText(shown: unknown): string {
  if (typeof shown === 'string') return shown;
  if (isObject(shown)) {
    if (typeof shown.message === 'string') return shown.message;
    if (shown.error !== undefined) return errorText(shown.error);
    if (shown.detail !== undefined) return errorText(shown.detail);
  }
  return JSON.stringify(shown ?? 'unknown error');
}
