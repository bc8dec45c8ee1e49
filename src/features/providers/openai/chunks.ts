import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { createGeminiReader, isGeminiAnswer } from '../gemini/answer.ts';
import type { Part } from '../part.ts';
import { createResponsesReader, isResponsesEvent } from './responses-events.ts';

/** Turns the JSON values of one stream into parts. Providers differ; what none of them means is left out. */
export interface ChunkReader {
  read(value: unknown, parts: Part[]): void;
  /** Whether a finish reason, or an error, has come. */
  readonly finished: boolean;
}

export function createChunkReader(): ChunkReader {
  /** Places of tool calls whose pieces have no index, by id. */
  const places = new Map<string, number>();
  let lastPlace = -1;
  let finished = false;
  let responses: ReturnType<typeof createResponsesReader> | null = null;
  let gemini: ReturnType<typeof createGeminiReader> | null = null;

  function toolCalls(list: unknown, parts: Part[]): void {
    if (!Array.isArray(list)) return;
    for (const call of list) {
      if (!isObject(call)) continue;
      const id = typeof call.id === 'string' && call.id ? call.id : undefined;
      const index = placeOf(call.index, id);
      const { name, arguments: args } = isObject(call.function) ? call.function : ({} as JsonObject);
      const text =
        args === undefined || args === null ? undefined : typeof args === 'string' ? args : JSON.stringify(args);
      parts.push({
        type: 'tool_call',
        index,
        ...(id !== undefined && { id }),
        ...(typeof name === 'string' && name !== '' && { name }),
        ...(text !== undefined && text !== '' && { arguments: text }),
        ...(isObject(call.extra_content) && { extra: call.extra_content }),
      });
    }
  }

  function placeOf(index: unknown, id: string | undefined): number {
    if (Number.isInteger(index)) {
      lastPlace = Math.max(lastPlace, index as number);
      return index as number;
    }
    if (id === undefined) {
      lastPlace = Math.max(lastPlace, 0);
      return lastPlace;
    }
    const known = places.get(id);
    if (known !== undefined) return known;
    lastPlace += 1;
    places.set(id, lastPlace);
    return lastPlace;
  }

  function choice(value: JsonObject, parts: Part[]): void {
    const delta = isObject(value.delta) ? value.delta : isObject(value.message) ? value.message : null;
    if (delta) {
      reasoning(delta, parts);
      content(delta.content, parts);
      toolCalls(delta.tool_calls, parts);
      images(delta.images, parts);
      if (Array.isArray(delta.annotations)) parts.push({ type: 'extra', data: { annotations: delta.annotations } });
    }
    if (typeof value.finish_reason === 'string' && value.finish_reason) {
      finished = true;
      parts.push({ type: 'finish', reason: value.finish_reason });
    }
  }

  return {
    get finished() {
      return finished;
    },
    read(value, parts) {
      if (!isObject(value)) return;
      if (isResponsesEvent(value)) {
        responses ??= createResponsesReader();
        responses.read(value, parts);
        finished ||= responses.finished;
        return;
      }
      if (isGeminiAnswer(value) && !('choices' in value)) {
        gemini ??= createGeminiReader();
        gemini.read(value, parts);
        finished ||= gemini.finished;
        return;
      }
      ownMembers(value, parts);
      usage(value, parts);
      if (isFailure(value.error)) {
        finished = true;
        parts.push(errorPart(value.error));
        return;
      }
      const first: unknown = Array.isArray(value.choices) ? value.choices[0] : null;
      if (isObject(first)) choice(first, parts);
    },
  };
}

/** The parts of an answer that came as one JSON object. */
export function wholeParts(value: unknown): Part[] {
  const parts: Part[] = [];
  createChunkReader().read(Array.isArray(value) && value.length === 1 ? value[0] : value, parts);
  return parts;
}

function isFailure(error: unknown): boolean {
  return error !== null && error !== undefined && error !== false && error !== '';
}

/** An error object inside a stream. */
export function errorPart(error: unknown): Part {
  const shown = isObject(error) && error.detail !== undefined ? error.detail : error;
  const code = isObject(error) ? Number(error.status ?? error.code) : Number.NaN;
  return { type: 'error', status: code >= 400 && code <= 599 ? code : null, error: shown };
}

function ownMembers(value: JsonObject, parts: Part[]): void {
  const data: JsonObject = {};
  if (isObject(value.event)) data.event = value.event;
  if (typeof value.selected_model_id === 'string') data.selected_model_id = value.selected_model_id;
  if (Array.isArray(value.sources)) data.sources = value.sources;
  for (const _ in data) {
    parts.push({ type: 'extra', data });
    return;
  }
}

function usage(value: JsonObject, parts: Part[]): void {
  if (!isObject(value.usage) && !isObject(value.timings)) return;
  const figures = {
    ...(isObject(value.usage) && value.usage),
    ...(isObject(value.timings) && value.timings),
  };
  parts.push({ type: 'usage', usage: figures });
}

function reasoning(delta: JsonObject, parts: Part[]): void {
  const text = delta.reasoning_content || delta.reasoning || delta.thinking;
  if (typeof text === 'string') parts.push({ type: 'reasoning', text });
  else if (isObject(text) && typeof text.text === 'string') parts.push({ type: 'reasoning', text: text.text });
  const own = isObject(delta.provider_specific_fields) ? delta.provider_specific_fields.reasoning_details : undefined;
  const details = Array.isArray(delta.reasoning_details) ? delta.reasoning_details : own;
  if (Array.isArray(details) && details.length > 0) {
    parts.push({ type: 'extra', data: { reasoning_details: details } });
  }
}

function content(value: unknown, parts: Part[]): void {
  if (value === null || value === undefined || value === '') return;
  if (typeof value === 'string') {
    parts.push({ type: 'text', text: value });
    return;
  }
  if (!Array.isArray(value)) {
    parts.push({ type: 'text', text: typeof value === 'object' ? JSON.stringify(value) : String(value) });
    return;
  }
  for (const piece of value) {
    if (typeof piece === 'string') parts.push({ type: 'text', text: piece });
    else if (isObject(piece)) contentPiece(piece, parts);
  }
}

function contentPiece(piece: JsonObject, parts: Part[]): void {
  if (piece.type === 'thinking' || piece.type === 'reasoning') {
    const inner = piece.thinking ?? piece.text;
    const list: unknown[] = Array.isArray(inner) ? inner : [inner];
    const text = list.map((one) => (isObject(one) ? one.text : one)).filter((one) => typeof one === 'string');
    if (text.length > 0) parts.push({ type: 'reasoning', text: text.join('') });
  } else if (piece.type === 'image_url') images([piece], parts);
  else if (typeof piece.text === 'string' && piece.text !== '') parts.push({ type: 'text', text: piece.text });
}

function images(list: unknown, parts: Part[]): void {
  if (!Array.isArray(list)) return;
  for (const image of list) {
    const inner = isObject(image) ? image.image_url : null;
    const url = isObject(inner) ? inner.url : inner;
    if (typeof url === 'string' && url) parts.push({ type: 'image', url });
  }
}
