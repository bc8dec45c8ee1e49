import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Part } from '../part.ts';

/** Whether a stream's value is an event of the Responses API. */
export function isResponsesEvent(value: JsonObject): boolean {
  const { type } = value;
  return typeof type === 'string' && (type === 'error' || type.startsWith('response.'));
}

/** Turns events of the Responses API into parts (providers note, 12.1). */
export function createResponsesReader() {
  const streamed = new Set<string>();
  let finished = false;
  let calls = false;

  function item(event: JsonObject, final: boolean, parts: Part[]): void {
    const one = event.item;
    if (!isObject(one)) return;
    const index = Number.isInteger(event.output_index) ? (event.output_index as number) : 0;
    if (one.type === 'function_call') {
      calls = true;
      const known = streamed.has(`call ${index}`);
      streamed.add(`call ${index}`);
      const id = text(one.call_id) || text(one.id);
      const args = final && !streamed.has(`arguments ${index}`) ? text(one.arguments) : '';
      if (known && args === '') return;
      parts.push({
        type: 'tool_call',
        index,
        ...(!known && id && { id }),
        ...(!known && text(one.name) && { name: text(one.name) }),
        ...(args && { arguments: args }),
      });
    } else if (final && one.type === 'message' && Array.isArray(one.content)) {
      for (const part of one.content) {
        if (isObject(part) && Array.isArray(part.annotations) && part.annotations.length > 0) {
          parts.push({ type: 'extra', data: { annotations: part.annotations.map(nested) } });
        }
      }
    }
  }

  function delta(event: JsonObject, kind: string, parts: Part[]): void {
    const piece = text(event.delta);
    if (piece === '') return;
    if (kind === 'output_text' || kind === 'text' || kind === 'refusal') parts.push({ type: 'text', text: piece });
    else if (kind.startsWith('reasoning')) parts.push({ type: 'reasoning', text: piece });
    else if (kind === 'function_call_arguments') {
      const index = Number.isInteger(event.output_index) ? (event.output_index as number) : 0;
      streamed.add(`arguments ${index}`);
      parts.push({ type: 'tool_call', index, arguments: piece });
    }
  }

  function end(response: JsonObject, parts: Part[]): void {
    finished = true;
    if (isObject(response.usage)) parts.push({ type: 'usage', usage: response.usage });
    const cut = isObject(response.incomplete_details) ? text(response.incomplete_details.reason) : '';
    parts.push({
      type: 'finish',
      reason: calls ? 'tool_calls' : cut === 'max_output_tokens' ? 'length' : cut || 'stop',
    });
  }

  return {
    get finished() {
      return finished;
    },
    read(event: JsonObject, parts: Part[]): void {
      const type = text(event.type);
      const response = isObject(event.response) ? event.response : {};
      switch (type) {
        case 'response.output_item.added':
        case 'response.output_item.done':
          item(event, type.endsWith('done'), parts);
          return;
        case 'response.reasoning_summary_part.added':
          if (Number(event.summary_index) > 0) parts.push({ type: 'reasoning', text: '\n\n' });
          return;
        case 'response.completed':
        case 'response.incomplete':
          end(response, parts);
          return;
        case 'response.failed':
          finished = true;
          parts.push({ type: 'error', status: null, error: response.error ?? 'The provider could not answer.' });
          return;
        case 'error':
          finished = true;
          parts.push({ type: 'error', status: null, error: event.error ?? event });
          return;
      }
      const kind = /^response\.(\w+)\.delta$/.exec(type)?.[1];
      if (kind) delta(event, kind, parts);
    },
  };
}

/** A citation in the form of chat completions. */
function nested(annotation: unknown): unknown {
  if (!isObject(annotation) || annotation.type !== 'url_citation' || isObject(annotation.url_citation))
    return annotation;
  const { type, ...rest } = annotation;
  return { type, url_citation: rest };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
