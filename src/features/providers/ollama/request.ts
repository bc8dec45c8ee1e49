import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** An OpenAI chat completion request as `POST /api/chat` takes it (providers note, 6.1 and 6.2). */
export function ollamaRequest(body: JsonObject, model: string): JsonObject {
  const { system, max_tokens: optionTokens, ...options }: JsonObject = isObject(body.options) ? body.options : {};
  const root: JsonObject = {
    model,
    messages: (Array.isArray(body.messages) ? body.messages : []).flatMap(ollamaMessage),
    stream: body.stream === true,
  };
  if (Array.isArray(body.tools) && body.tools.length > 0) root.tools = body.tools;
  for (const key of ['format', 'keep_alive', 'think'] as const) {
    if (!(key in options)) continue;
    root[key] = key === 'think' ? options[key] : jsonValue(options[key]);
    delete options[key];
  }
  if (typeof system === 'string' && system !== '') root.system = system;
  if (isSet(optionTokens)) options.num_predict = optionTokens;
  if (isSet(body.stop)) options.stop = body.stop;
  const tokens = body.max_tokens ?? body.max_completion_tokens;
  if (isSet(tokens)) options.num_predict = tokens;
  const format = formatOf(body.response_format);
  if (format !== undefined) root.format = format;
  if (Object.keys(options).length > 0) root.options = options;
  return root;
}

function isSet(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** `json_schema` becomes its schema, `json_object` any JSON. */
function formatOf(response: unknown): unknown {
  if (!isObject(response) || typeof response.type !== 'string') return undefined;
  if (response.type === 'json_object') return 'json';
  const inner = response[response.type];
  return isObject(inner) ? inner.schema : undefined;
}

/** A text that is JSON as its value. */
export function jsonValue(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function ollamaMessage(message: unknown): JsonObject[] {
  if (!isObject(message)) return [];
  const result: JsonObject = { role: message.role };
  const thinking = message.thinking ?? message.reasoning_content ?? message.reasoning;
  if (typeof thinking === 'string' && thinking !== '') result.thinking = thinking;
  const { content } = message;
  if (Array.isArray(content)) {
    const text = content.map(textOf).join('').trim();
    if (text !== '') result.content = text;
    const images = content.flatMap(imageOf);
    if (images.length > 0) result.images = images;
  } else if (typeof content === 'string') result.content = content;
  if (Array.isArray(message.tool_calls) && message.tool_calls.length > 0) {
    result.tool_calls = message.tool_calls.flatMap(ollamaCall);
    result.content ??= '';
  } else if (content === null || content === undefined) result.content = '';
  if (typeof message.tool_call_id === 'string') result.tool_call_id = message.tool_call_id;
  return [result];
}

function textOf(part: unknown): string {
  return isObject(part) && part.type === 'text' && typeof part.text === 'string' ? part.text : '';
}

/** The base64 of a data URL, or the URL itself. */
function imageOf(part: unknown): string[] {
  if (!isObject(part) || part.type !== 'image_url') return [];
  const url = isObject(part.image_url) ? part.image_url.url : part.image_url;
  if (typeof url !== 'string' || url === '') return [];
  return [url.startsWith('data:') ? url.slice(url.lastIndexOf(',') + 1) : url];
}

function ollamaCall(call: unknown): JsonObject[] {
  if (!isObject(call) || !isObject(call.function)) return [];
  const { name, arguments: text } = call.function;
  const parsed = jsonValue(text === '' ? '{}' : text);
  const id = typeof call.id === 'string' ? { id: call.id } : {};
  const index = Number.isInteger(call.index) ? call.index : 0;
  return [{ index, ...id, function: { name, arguments: isObject(parsed) ? parsed : {} } }];
}
