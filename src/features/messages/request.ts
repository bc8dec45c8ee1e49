import { isObject, type JsonObject } from '../../kernel/json.ts';

/** Members that mean the same in both protocols. */
const SAME = ['max_tokens', 'temperature', 'top_p', 'top_k', 'stream', 'metadata', 'service_tier'];
const READ = new Set([
  ...SAME,
  'model',
  'messages',
  'system',
  'stop_sequences',
  'reasoning_effort',
  'output_config',
  'tools',
  'tool_choice',
]);

/**
 * A request of the Messages API as a chat completion request (providers note, 7.3). `passes` tells which other members go to
 * the provider as they are.
 */
export function chatRequest(body: JsonObject, passes: (name: string) => boolean): JsonObject {
  const result: JsonObject = {
    model: body.model,
    messages: [
      ...systemMessage(body.system),
      ...(Array.isArray(body.messages) ? body.messages : []).flatMap(chatMessages),
    ],
  };
  for (const key of SAME) if (body[key] !== undefined) result[key] = body[key];
  if (Array.isArray(body.stop_sequences) && body.stop_sequences.length > 0) result.stop = body.stop_sequences;
  const config = isObject(body.output_config) ? body.output_config : {};
  const effort = body.reasoning_effort ?? config.effort;
  if (effort !== undefined && effort !== null) result.reasoning_effort = effort;
  const format = responseFormat(config.format);
  if (format) result.response_format = format;
  if (Array.isArray(body.tools) && body.tools.length > 0) {
    result.tools = body.tools.flatMap(tool);
    const choice = toolChoice(body.tool_choice);
    if (choice !== undefined) result.tool_choice = choice;
  }
  for (const [key, value] of Object.entries(body)) if (!READ.has(key) && passes(key)) result[key] = value;
  return result;
}

function responseFormat(format: unknown): JsonObject | null {
  if (!isObject(format)) return null;
  if (format.type === 'json_object') return { type: 'json_object' };
  if (format.type !== 'json_schema') return null;
  const { name, schema, description, strict } = format;
  const inner = {
    name: typeof name === 'string' && name ? name : 'response_schema',
    schema,
    ...(description !== undefined && { description }),
    ...(strict !== undefined && { strict }),
  };
  return { type: 'json_schema', json_schema: inner };
}

function tool(one: unknown): JsonObject[] {
  if (!isObject(one)) return [];
  const { name, description, input_schema: parameters } = one;
  return [
    {
      type: 'function',
      function: { name, ...(description !== undefined && { description }), parameters: parameters ?? {} },
    },
  ];
}

function toolChoice(choice: unknown): unknown {
  if (!isObject(choice)) return undefined;
  if (choice.type === 'any') return 'required';
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name } };
  return choice.type === 'auto' || choice.type === 'none' ? choice.type : undefined;
}

function systemMessage(system: unknown): JsonObject[] {
  if (typeof system === 'string') return system === '' ? [] : [{ role: 'system', content: system }];
  if (!Array.isArray(system)) return [];
  const parts = system.flatMap((block) => (isObject(block) && block.type === 'text' ? [textPart(block)] : []));
  return parts.length === 0 ? [] : [{ role: 'system', content: collapsed(parts) }];
}

function textPart(block: JsonObject): JsonObject {
  return { type: 'text', text: block.text ?? '', ...cached(block) };
}

function cached({ cache_control: control }: JsonObject): JsonObject {
  return control === undefined ? {} : { cache_control: control };
}

/** One plain text stands for itself. */
function collapsed(parts: JsonObject[]): unknown {
  const [only, ...rest] = parts;
  const isPlain = only && rest.length === 0 && only.type === 'text' && only.cache_control === undefined;
  return isPlain ? only.text : parts;
}

function chatMessages(message: unknown): JsonObject[] {
  if (!isObject(message)) return [];
  const { role, content } = message;
  if (typeof content === 'string') return [{ role, content }];
  const blocks = Array.isArray(content) ? content.filter(isObject) : [];
  const results = blocks.filter(({ type }) => type === 'tool_result').map(toolResult);
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toolCall);
  const parts = blocks.flatMap(contentPart);
  if (role === 'assistant') {
    const own = {
      role,
      content: parts.length === 0 ? '' : collapsed(parts),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
    return [...results, own];
  }
  return parts.length === 0 ? results : [...results, { role, content: collapsed(parts) }];
}

function toolCall(block: JsonObject): JsonObject {
  return {
    id: block.id,
    type: 'function',
    function: { name: block.name, arguments: JSON.stringify(block.input ?? {}) },
    ...cached(block),
  };
}

function contentPart(block: JsonObject): JsonObject[] {
  switch (block.type) {
    case 'text':
      return [textPart(block)];
    case 'thinking':
      return block.signature ? [block] : [];
    case 'redacted_thinking':
      return [block];
    case 'image':
      return imagePart(block);
    case 'document':
    case 'search_result':
      return [{ type: 'text', text: describedText(block), ...cached(block) }];
    default:
      return [];
  }
}

function imagePart(block: JsonObject): JsonObject[] {
  const source = isObject(block.source) ? block.source : {};
  const url =
    source.type === 'base64' ? `data:${source.media_type ?? 'image/png'};base64,${source.data ?? ''}` : source.url;
  return typeof url === 'string' && url !== '' ? [{ type: 'image_url', image_url: { url }, ...cached(block) }] : [];
}

/** A document or a search result in words. */
function describedText(block: JsonObject): string {
  const lines: string[] = [];
  const source = isObject(block.source) ? block.source : {};
  if (block.type === 'document') {
    lines.push(`[Document: ${block.title ?? 'untitled'}]`);
    if (typeof block.context === 'string') lines.push(block.context);
    if (source.type === 'text' && typeof source.data === 'string') lines.push(source.data);
  } else {
    lines.push(`[Search Result: ${block.title ?? 'untitled'}]`);
    if (typeof block.source === 'string') lines.push(`Source: ${block.source}`);
    for (const part of Array.isArray(block.content) ? block.content : []) {
      if (isObject(part) && typeof part.text === 'string') lines.push(part.text);
    }
  }
  return lines.join('\n');
}

function toolResult(block: JsonObject): JsonObject {
  return { role: 'tool', tool_call_id: block.tool_use_id, content: resultContent(block), ...cached(block) };
}

function resultContent({ content, is_error: failed }: JsonObject): unknown {
  const isError = failed === true;
  if (!Array.isArray(content)) {
    const text =
      typeof content === 'string' ? content : content === undefined || content === null ? '' : JSON.stringify(content);
    return isError ? `Error: ${text}` : text;
  }
  const parts = content.filter(isObject).flatMap(contentPart);
  const plain = parts.every((part) => part.type === 'text' && part.cache_control === undefined);
  if (plain) {
    const text = parts.map(({ text: one }) => one).join('\n');
    return isError ? `Error: ${text}` : text;
  }
  return isError ? [{ type: 'text', text: 'Error:' }, ...parts] : parts;
}
