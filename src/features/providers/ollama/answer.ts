import { randomUUID } from 'node:crypto';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Part } from '../part.ts';

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function rate(count: unknown, nanoseconds: unknown): number | string {
  const time = number(nanoseconds);
  return time > 0 ? Math.round((number(count) / (time / 1e9)) * 100) / 100 : 'N/A';
}

/** Token figures of a finished answer in the form of chat completions (providers note, 6.5). */
export function ollamaUsage(data: JsonObject): JsonObject {
  const input = number(data.prompt_eval_count);
  const output = number(data.eval_count);
  const seconds = Math.floor(number(data.total_duration) / 1e9);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  return {
    input_tokens: input,
    output_tokens: output,
    total_tokens: input + output,
    prompt_tokens: input,
    completion_tokens: output,
    'response_token/s': rate(data.eval_count, data.eval_duration),
    'prompt_token/s': rate(data.prompt_eval_count, data.prompt_eval_duration),
    total_duration: number(data.total_duration),
    load_duration: number(data.load_duration),
    prompt_eval_count: input,
    prompt_eval_duration: number(data.prompt_eval_duration),
    eval_count: output,
    eval_duration: number(data.eval_duration),
    approximate_total: `${hours}h${minutes}m${seconds % 60}s`,
    completion_tokens_details: { reasoning_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  };
}

/** Turns the lines of `/api/chat` into parts. */
export function createOllamaReader() {
  let calls = 0;
  let finished = false;
  return {
    get finished() {
      return finished;
    },
    read(line: unknown, parts: Part[]): void {
      if (!isObject(line)) return;
      if (line.error !== undefined && line.error !== null) {
        finished = true;
        parts.push({ type: 'error', status: null, error: line.error });
        return;
      }
      const message = isObject(line.message) ? line.message : {};
      if (typeof message.thinking === 'string' && message.thinking !== '') {
        parts.push({ type: 'reasoning', text: message.thinking });
      }
      if (typeof message.content === 'string' && message.content !== '') {
        parts.push({ type: 'text', text: message.content });
      }
      for (const call of openaiCalls(message.tool_calls)) {
        const { name, arguments: args } = call.function;
        // Each call comes whole; servers number them all 0 when they do not number them.
        parts.push({ type: 'tool_call', index: calls, id: call.id, name, arguments: args });
        calls += 1;
      }
      if (line.done !== true) return;
      finished = true;
      const reason = typeof line.done_reason === 'string' && line.done_reason ? line.done_reason : 'stop';
      parts.push({ type: 'usage', usage: ollamaUsage(line) });
      parts.push({ type: 'finish', reason: calls > 0 ? 'tool_calls' : reason });
    },
  };
}

interface OpenaiCall extends JsonObject {
  index: number;
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

/** Tool calls of Ollama in the form of chat completions. */
export function openaiCalls(list: unknown): OpenaiCall[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((call: unknown): OpenaiCall[] => {
    if (!isObject(call) || !isObject(call.function)) return [];
    const inner = call.function;
    const index = [call.index, inner.index].find(Number.isInteger) ?? 0;
    return [
      {
        index: index as number,
        id: typeof call.id === 'string' && call.id ? call.id : `call_${randomUUID()}`,
        type: 'function',
        function: {
          name: typeof inner.name === 'string' ? inner.name : '',
          arguments: typeof inner.arguments === 'string' ? inner.arguments : JSON.stringify(inner.arguments ?? {}),
        },
      },
    ];
  });
}

/** A whole answer of `/api/chat` as a chat completion (providers note, 6.3). */
export function ollamaCompletion(answer: JsonObject, model: string): JsonObject {
  const message = isObject(answer.message) ? answer.message : {};
  const calls = openaiCalls(message.tool_calls);
  const thinking = typeof message.thinking === 'string' && message.thinking ? message.thinking : null;
  const reason = typeof answer.done_reason === 'string' && answer.done_reason ? answer.done_reason : 'stop';
  return {
    id: `${model}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1_000),
    model,
    choices: [
      {
        index: 0,
        logprobs: null,
        finish_reason: calls.length > 0 ? 'tool_calls' : reason,
        message: {
          role: 'assistant',
          content: typeof message.content === 'string' ? message.content : '',
          ...(thinking !== null && { reasoning_content: thinking }),
          ...(calls.length > 0 && { tool_calls: calls }),
        },
      },
    ],
    object: 'chat.completion',
    usage: ollamaUsage(answer),
  };
}

/** Writes the lines of one answer as chunks of a chat completion stream (providers note, 6.4). */
export function createChunkWriter(model: string) {
  const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1_000), model };
  let first = true;
  let calls = false;
  const frame = (delta: JsonObject, finish: string | null, usage?: JsonObject): string => {
    const role = first ? { role: 'assistant' } : {};
    first = false;
    const choices = [{ index: 0, logprobs: null, finish_reason: finish, delta: { ...role, ...delta } }];
    const chunk = { ...head, choices, object: 'chat.completion.chunk', ...(usage && { usage }) };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  };
  return {
    /** The frames of one line; ends with the end mark on the last line or an error. */
    write(line: unknown): string {
      if (!isObject(line)) return '';
      if (line.error !== undefined && line.error !== null) {
        const message = typeof line.error === 'string' ? line.error : JSON.stringify(line.error);
        return `data: ${JSON.stringify({ error: { message } })}\n\ndata: [DONE]\n\n`;
      }
      const message = isObject(line.message) ? line.message : {};
      const toolCalls = openaiCalls(message.tool_calls);
      calls ||= toolCalls.length > 0;
      const delta: JsonObject = {
        ...(typeof message.content === 'string' && message.content !== '' && { content: message.content }),
        ...(typeof message.thinking === 'string' && message.thinking !== '' && { reasoning_content: message.thinking }),
        ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
      };
      if (line.done !== true) return Object.keys(delta).length > 0 || first ? frame(delta, null) : '';
      const reason = typeof line.done_reason === 'string' && line.done_reason ? line.done_reason : 'stop';
      return `${frame(delta, calls ? 'tool_calls' : reason, ollamaUsage(line))}data: [DONE]\n\n`;
    },
  };
}
