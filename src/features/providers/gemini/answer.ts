import { randomUUID } from 'node:crypto';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Part } from '../part.ts';

const FINISH: Record<string, string> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
};

/** Whether a value of a stream, or a whole answer, is one of Gemini's own. */
export function isGeminiAnswer(value: JsonObject): boolean {
  return 'candidates' in value || 'usageMetadata' in value || 'promptFeedback' in value;
}

/** Turns answers of `generateContent`, whole or in pieces, into parts. */
export function createGeminiReader() {
  let calls = 0;
  let finished = false;
  const cited = new Set<string>();

  function one(part: JsonObject, parts: Part[]): void {
    if (typeof part.text === 'string' && part.text !== '') {
      parts.push(part.thought === true ? { type: 'reasoning', text: part.text } : { type: 'text', text: part.text });
    }
    if (isObject(part.functionCall)) {
      const { id, name, args } = part.functionCall;
      const signature = part.thoughtSignature;
      parts.push({
        type: 'tool_call',
        index: calls,
        id: typeof id === 'string' && id !== '' ? id : `call_${randomUUID()}`,
        name: String(name ?? ''),
        arguments: JSON.stringify(args ?? {}),
        ...(typeof signature === 'string' && { extra: { google: { thought_signature: signature } } }),
      });
      calls += 1;
    }
    if (isObject(part.inlineData) && typeof part.inlineData.data === 'string' && part.thought !== true) {
      const { mimeType, data } = part.inlineData;
      parts.push({ type: 'image', url: `data:${String(mimeType ?? 'image/png')};base64,${data}` });
    }
  }

  /** The pages an answer rests on, each once. */
  function grounding(metadata: unknown, parts: Part[]): void {
    const chunks = isObject(metadata) && Array.isArray(metadata.groundingChunks) ? metadata.groundingChunks : [];
    const annotations = chunks.flatMap((chunk: unknown): JsonObject[] => {
      const web = isObject(chunk) && isObject(chunk.web) ? chunk.web : null;
      if (!web || typeof web.uri !== 'string' || cited.has(web.uri)) return [];
      cited.add(web.uri);
      return [{ type: 'url_citation', url_citation: { url: web.uri, title: String(web.title ?? web.uri) } }];
    });
    if (annotations.length > 0) parts.push({ type: 'extra', data: { annotations } });
  }

  return {
    get finished() {
      return finished;
    },
    read(value: JsonObject, parts: Part[]): void {
      const candidate = Array.isArray(value.candidates) && isObject(value.candidates[0]) ? value.candidates[0] : {};
      const content = isObject(candidate.content) ? candidate.content : {};
      for (const part of Array.isArray(content.parts) ? content.parts : []) if (isObject(part)) one(part, parts);
      grounding(candidate.groundingMetadata, parts);
      const reason = typeof candidate.finishReason === 'string' ? candidate.finishReason : '';
      const blocked = isObject(value.promptFeedback) ? value.promptFeedback.blockReason : undefined;
      // Each piece repeats the figures so far; the last one counts.
      if (isObject(value.usageMetadata) && (reason !== '' || blocked)) {
        parts.push({ type: 'usage', usage: usageOf(value.usageMetadata) });
      }
      if (typeof blocked === 'string' && blocked !== '') {
        finished = true;
        parts.push({ type: 'error', status: null, error: `The provider has blocked this request (${blocked}).` });
      } else if (reason !== '') {
        finished = true;
        parts.push({ type: 'finish', reason: calls > 0 ? 'tool_calls' : (FINISH[reason] ?? 'stop') });
      }
    },
  };
}

/** Token figures in the form of chat completions. */
function usageOf(metadata: JsonObject): JsonObject {
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  const thoughts = number(metadata.thoughtsTokenCount);
  const prompt = number(metadata.promptTokenCount) + number(metadata.toolUsePromptTokenCount);
  const completion = number(metadata.candidatesTokenCount) + thoughts;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: number(metadata.totalTokenCount) || prompt + completion,
    prompt_tokens_details: { cached_tokens: number(metadata.cachedContentTokenCount) },
    completion_tokens_details: { reasoning_tokens: thoughts },
  };
}

/** A whole answer as a chat completion. */
export function geminiCompletion(answer: JsonObject, model: string): JsonObject {
  const parts: Part[] = [];
  createGeminiReader().read(answer, parts);
  const failure = parts.find((part) => part.type === 'error');
  if (failure) return { error: failure.error };
  const text = (type: 'text' | 'reasoning') => parts.map((part) => (part.type === type ? part.text : '')).join('');
  const delta = parts.reduce<JsonObject>((all, part) => merged(all, deltaOf(part)), {});
  const usage = parts.find((part) => part.type === 'usage')?.usage;
  const finish = parts.find((part) => part.type === 'finish')?.reason ?? 'stop';
  const message = { role: 'assistant', ...delta, content: text('text') };
  const thoughts = text('reasoning');
  return {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1_000),
    model,
    choices: [
      {
        index: 0,
        message: thoughts === '' ? message : { ...message, reasoning_content: thoughts },
        finish_reason: finish,
      },
    ],
    ...(usage && { usage }),
  };
}

function merged(all: JsonObject, more: JsonObject): JsonObject {
  const result = { ...all };
  for (const [key, value] of Object.entries(more)) {
    const before = result[key];
    result[key] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
  }
  return result;
}

/** What a part adds to a message of chat completions. */
function deltaOf(part: Part): JsonObject {
  switch (part.type) {
    case 'text':
      return { content: part.text };
    case 'reasoning':
      return { reasoning_content: part.text };
    case 'tool_call': {
      const { index, id, name, arguments: args, extra } = part;
      const call = { index, id, type: 'function', function: { name, arguments: args } };
      return { tool_calls: [extra ? { ...call, extra_content: extra } : call] };
    }
    case 'image':
      return { images: [{ type: 'image_url', image_url: { url: part.url } }] };
    case 'extra':
      return part.data;
    default:
      return {};
  }
}

/** Writes the pieces of one answer as chunks of a chat completion stream. */
export function createGeminiWriter(model: string) {
  const head = { id: `chatcmpl-${randomUUID()}`, object: 'chat.completion.chunk', model };
  const created = Math.floor(Date.now() / 1_000);
  const reader = createGeminiReader();
  let first = true;
  const frame = (delta: JsonObject, finish: string | null, usage: JsonObject | null): string => {
    const role = first ? { role: 'assistant' } : {};
    first = false;
    const choices = [{ index: 0, delta: { ...role, ...delta }, finish_reason: finish }];
    return `data: ${JSON.stringify({ ...head, created, choices, ...(usage && { usage }) })}\n\n`;
  };
  return {
    /** The frames of one value; ends with the end mark when nothing can follow. */
    write(value: unknown): string {
      if (!isObject(value)) return '';
      if (isObject(value.error)) return `data: ${JSON.stringify({ error: value.error })}\n\ndata: [DONE]\n\n`;
      const parts: Part[] = [];
      reader.read(value, parts);
      const usage = parts.find((part) => part.type === 'usage')?.usage ?? null;
      const frames = parts.map((part) => {
        if (part.type === 'error')
          return `data: ${JSON.stringify({ error: { message: part.error } })}\n\ndata: [DONE]\n\n`;
        if (part.type === 'finish') return `${frame({}, part.reason, usage)}data: [DONE]\n\n`;
        return part.type === 'usage' ? '' : frame(deltaOf(part), null, null);
      });
      return frames.join('');
    },
  };
}
