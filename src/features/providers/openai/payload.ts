import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type Connection, withoutPrefix } from '../connections.ts';
import { isGemini } from '../gemini/list.ts';
import type { ModelEntry } from '../types.ts';

/** Models that want `max_completion_tokens` and developer messages. */
export function isNewOpenaiModel(id: string): boolean {
  const name = id.toLowerCase().replace(/^(?:[a-z-]+\.)?openai\./, '');
  if (/^o\d+/.test(name)) return true;
  const version = /^gpt-(\d+)/.exec(name)?.[1];
  return version !== undefined && Number(version) >= 5;
}

interface PayloadInput {
  connection: Connection;
  entry: ModelEntry;
  body: JsonObject;
  metadata: JsonObject;
  user: { id: string; name: string; email: string; role: string };
}

/** The name of a base model at its provider. */
export function upstreamId(connection: Connection, entry: ModelEntry): string {
  return withoutPrefix(connection, entry.id);
}

/** A chat completion request as its provider wants it (providers note, 4, steps 6 to 15). The input stays as it is. */
export function chatPayload({ connection, entry, body, metadata, user }: PayloadInput): JsonObject {
  const { metadata: _metadata, ...payload }: JsonObject = body;
  const model = upstreamId(connection, entry);
  payload.model = model;
  if (entry.pipeline) payload.user = { name: user.name, id: user.id, email: user.email, role: user.role };
  limits(payload, model, connection.url);
  payload.messages = messagesFor(payload.messages, model);
  if (!connection.url.includes('googleapis.com') && !isGemini(connection)) {
    payload.messages = withoutExtras(payload.messages);
  }
  if (payload.logit_bias) payload.logit_bias = logitBias(payload.logit_bias);
  else if (payload.logit_bias === '') delete payload.logit_bias;
  if (continues(connection, payload.messages, metadata)) {
    payload.continue_final_message = true;
    payload.add_generation_prompt = false;
  }
  if (payload.stream !== true) delete payload.stream_options;
  return payload;
}

function limits(payload: JsonObject, model: string, url: string): void {
  if (isNewOpenaiModel(model)) {
    if ('max_tokens' in payload) {
      payload.max_completion_tokens = payload.max_tokens;
      delete payload.max_tokens;
    }
  } else if (!url.includes('api.openai.com') && 'max_completion_tokens' in payload) {
    payload.max_tokens = payload.max_completion_tokens;
    delete payload.max_completion_tokens;
  }
  if ('max_tokens' in payload && 'max_completion_tokens' in payload) delete payload.max_tokens;
}

function messagesFor(messages: unknown, model: string): unknown {
  if (!Array.isArray(messages)) return messages;
  let list: unknown[] = messages;
  const first: unknown = list[0];
  if (isNewOpenaiModel(model) && isObject(first) && first.role === 'system') {
    const early = /^(?:[a-z-]+\.)?(?:openai\.)?o1-(?:mini|preview)/.test(model.toLowerCase());
    list = [{ ...first, role: early ? 'user' : 'developer' }, ...list.slice(1)];
  }
  if (!list.some(isToolWithParts)) return list;
  return list.map((message) =>
    isToolWithParts(message) ? { ...message, content: partsText(message.content) } : message,
  );
}

/** What one provider wants back with a call, another may refuse: the model may have been changed since. */
function withoutExtras(messages: unknown): unknown {
  const has = (message: unknown): message is JsonObject & { tool_calls: unknown[] } =>
    isObject(message) &&
    Array.isArray(message.tool_calls) &&
    message.tool_calls.some((call) => isObject(call) && 'extra_content' in call);
  if (!Array.isArray(messages) || !messages.some(has)) return messages;
  return messages.map((message: unknown) => {
    if (!has(message)) return message;
    const tool_calls = message.tool_calls.map((call) => {
      if (!isObject(call)) return call;
      const { extra_content: _extra, ...rest } = call;
      return rest;
    });
    return { ...message, tool_calls };
  });
}

function isToolWithParts(message: unknown): message is JsonObject & { content: unknown[] } {
  return isObject(message) && message.role === 'tool' && Array.isArray(message.content);
}

function partsText(parts: readonly unknown[]): string {
  return parts
    .map((part) => (isObject(part) && (part.type === 'text' || part.type === 'input_text') ? part.text : ''))
    .filter((text) => typeof text === 'string')
    .join('');
}

/** `token:bias,token:bias` as an object; biases are kept within ±100. */
export function logitBias(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const result: Record<string, number> = {};
  for (const pair of value.split(',')) {
    if (pair.trim() === '') continue;
    const [token = '', bias = ''] = pair.split(':').map((part) => part.trim());
    const amount = Number(bias);
    if (token === '' || bias === '' || !Number.isFinite(amount)) {
      throw new HttpError(400, `logit_bias: expected "token:bias,token:bias", not ${JSON.stringify(pair.trim())}`);
    }
    result[token] = Math.max(-100, Math.min(100, Math.trunc(amount)));
  }
  return result;
}

function continues(connection: Connection, messages: unknown, metadata: JsonObject): boolean {
  if (connection.provider !== 'llama.cpp' || connection.config.api_type === 'responses') return false;
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : null;
  return Boolean(metadata.assistant_message_id) && isObject(last) && last.role === 'assistant';
}
