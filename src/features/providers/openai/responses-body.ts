import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** A chat completion request as the Responses API takes it (providers note, 4.5). */
export function responsesBody(body: JsonObject): JsonObject {
  const {
    messages,
    max_tokens: tokens,
    max_completion_tokens: completionTokens,
    stream_options: _options,
    logit_bias: _bias,
    frequency_penalty: _frequency,
    presence_penalty: _presence,
    stop: _stop,
    previous_response_id: previous,
    tools,
    tool_choice: choice,
    ...rest
  } = body;
  const instructions: string[] = [];
  const input = (Array.isArray(messages) ? messages : []).flatMap((message) => itemsOf(message, instructions));
  const result: JsonObject = { ...rest, input };
  const instruction = instructions.filter((text) => text !== '').join('\n');
  if (instruction !== '') result.instructions = instruction;
  const limit = completionTokens ?? tokens;
  if (limit !== undefined && limit !== null) result.max_output_tokens = limit;
  if (previous) result.previous_response_id = previous;
  if (Array.isArray(tools)) result.tools = tools.map(toolOf);
  if (choice !== undefined) result.tool_choice = choiceOf(choice);
  return result;
}

function itemsOf(message: unknown, instructions: string[]): JsonObject[] {
  if (!isObject(message)) return [];
  const { role, content } = message;
  if (Array.isArray(message.output) && message.output.length > 0) return message.output.flatMap(storedItem);
  if (role === 'system') {
    instructions.push(plainText(content, '\n'));
    return [];
  }
  if (role === 'tool') return [{ type: 'function_call_output', call_id: message.tool_call_id, output: content ?? '' }];
  if (role === 'assistant' && Array.isArray(message.tool_calls) && message.tool_calls.length > 0) {
    const text = plainText(content, '');
    const said = text.trim() === '' ? [] : [{ type: 'message', role, content: [{ type: 'output_text', text }] }];
    return [...said, ...message.tool_calls.flatMap(callItem)];
  }
  return [{ type: 'message', role, content: partsOf(content, role === 'assistant' ? 'output_text' : 'input_text') }];
}

function plainText(content: unknown, separator: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .flatMap((part) => (isObject(part) && typeof part.text === 'string' ? [part.text] : []))
    .join(separator);
}

function callItem(call: unknown): JsonObject[] {
  if (!isObject(call) || !isObject(call.function)) return [];
  const { name, arguments: args } = call.function;
  return [{ type: 'function_call', call_id: call.id, name, arguments: textual(args) }];
}

function textual(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? {});
}

function partsOf(content: unknown, textType: string): JsonObject[] {
  if (typeof content === 'string') return [{ type: textType, text: content }];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part): JsonObject[] => {
    if (!isObject(part)) return [];
    if (part.type === 'text' || part.type === 'input_text' || part.type === 'output_text') {
      return [{ type: textType, text: part.text ?? '' }];
    }
    if (part.type === 'image_url') {
      const image = isObject(part.image_url) ? part.image_url : { url: part.image_url };
      return [{ type: 'input_image', image_url: image.url, detail: image.detail ?? 'auto' }];
    }
    if (part.type === 'file') {
      const file = isObject(part.file) ? part.file : part;
      const kept = pick(file, ['file_id', 'file_data', 'filename']);
      return kept.file_id || kept.file_data ? [{ type: 'input_file', ...kept }] : [];
    }
    return [];
  });
}

const STORED: Record<string, string[]> = {
  message: ['type', 'role', 'content'],
  function_call: ['type', 'call_id', 'name', 'arguments', 'id'],
  function_call_output: ['type', 'call_id', 'output'],
  reasoning: ['type', 'id', 'summary', 'encrypted_content', 'content'],
};

/** An item of a stored reply, with what the API knows of it. */
function storedItem(item: unknown): JsonObject[] {
  if (!isObject(item)) return [];
  const members = typeof item.type === 'string' ? STORED[item.type] : undefined;
  if (!members) return [item];
  const kept = pick(item, members);
  if (item.type !== 'function_call') return [kept];
  const own = isObject(item.provider_function) ? item.provider_function : {};
  return [{ ...kept, ...pick(own, ['name']), arguments: textual(own.arguments ?? item.arguments) }];
}

function pick(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    keys.filter((key) => object[key] !== undefined && object[key] !== null).map((key) => [key, object[key]]),
  );
}

function toolOf(tool: unknown): unknown {
  if (!isObject(tool) || !isObject(tool.function)) return tool;
  const { name, description, parameters, strict } = tool.function;
  return {
    type: tool.type,
    name,
    ...(description !== undefined && { description }),
    ...(parameters !== undefined && { parameters }),
    strict: strict ?? false,
  };
}

function choiceOf(choice: unknown): unknown {
  return isObject(choice) && isObject(choice.function) ? { type: 'function', name: choice.function.name } : choice;
}

/** A whole answer of the Responses API as a chat completion (providers note, 4.6). */
export function responsesCompletion(answer: JsonObject): JsonObject {
  const items = Array.isArray(answer.output) ? answer.output.filter(isObject) : [];
  const content = items
    .filter(({ type }) => type === 'message')
    .flatMap((item) => (Array.isArray(item.content) ? item.content : []))
    .flatMap((part) =>
      isObject(part) && part.type === 'output_text' && typeof part.text === 'string' ? [part.text] : [],
    )
    .join('');
  const calls = items
    .filter(({ type }) => type === 'function_call')
    .map((item) => ({
      id: item.call_id,
      type: 'function',
      function: { name: item.name, arguments: textual(item.arguments) },
    }));
  const message = { role: 'assistant', content, ...(calls.length > 0 && { tool_calls: calls }) };
  return {
    id: answer.id,
    object: 'chat.completion',
    model: answer.model,
    choices: [{ index: 0, message, finish_reason: calls.length > 0 ? 'tool_calls' : 'stop' }],
    usage: answer.usage ?? null,
  };
}
