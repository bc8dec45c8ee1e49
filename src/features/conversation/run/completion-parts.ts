import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Part } from '../../providers/index.ts';

/** A chat completion that came whole, as the parts a stream would have brought. */
export function completionParts(completion: JsonObject): Part[] {
  const parts: Part[] = [];
  if (completion.error !== undefined && completion.error !== null) {
    return [{ type: 'error', status: null, error: completion.error }];
  }
  const choice = Array.isArray(completion.choices) && isObject(completion.choices[0]) ? completion.choices[0] : {};
  const message = isObject(choice.message) ? choice.message : {};
  const thoughts = [message.reasoning_content, message.reasoning, message.thinking].find(isText);
  if (thoughts !== undefined) parts.push({ type: 'reasoning', text: thoughts });
  const extras = ['annotations', 'reasoning_details', 'sources'].filter((key) => Array.isArray(message[key]));
  if (extras.length > 0) {
    parts.push({ type: 'extra', data: Object.fromEntries(extras.map((key) => [key, message[key]])) });
  }
  const content = contentText(message.content);
  if (content) parts.push({ type: 'text', text: content });
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
  for (const [index, call] of calls.entries()) parts.push(toolCall(call, index));
  if (isObject(completion.usage)) parts.push({ type: 'usage', usage: completion.usage });
  if (isText(choice.finish_reason)) parts.push({ type: 'finish', reason: choice.finish_reason });
  return parts;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

function toolCall(call: JsonObject, index: number): Part {
  const asked = isObject(call.function) ? call.function : {};
  const args = asked.arguments;
  return {
    type: 'tool_call',
    index,
    ...(isText(call.id) ? { id: call.id } : {}),
    ...(isText(asked.name) ? { name: asked.name } : {}),
    arguments: typeof args === 'string' ? args : JSON.stringify(args ?? {}),
    ...(isObject(call.extra_content) ? { extra: call.extra_content } : {}),
  };
}
