import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { ChatMessage } from './messages.ts';

/** How thoughts go back to the model: under which key, or not at all. */
export type ThoughtKey = 'thinking' | 'reasoning_content' | null;

interface ReplayOptions {
  /** The model that will answer; the provider's own records of thoughts go back to the model they came from only. */
  modelId: string;
  thoughts: ThoughtKey;
}

/** What belongs to the chat and not to the provider. */
const OWN = ['id', 'output', 'model', 'contextSummary', 'context_summary', 'usage', 'meta', 'files'] as const;

const IMAGES_FROM_TOOLS = 'These are the images of the tool results above. Take them into account.';

/**
 * Stored messages as a provider takes them: item lists of earlier replies become text, tool calls and results; calls without a
 * result and results without a call are left out (chat pipeline note, 3.5).
 */
export function replayMessages(messages: readonly ChatMessage[], options: ReplayOptions): ChatMessage[] {
  const replayed: ChatMessage[] = [];
  for (const message of messages) {
    const stripped = withoutOwn(message);
    if (message.role === 'assistant' && Array.isArray(message.output) && message.output.length > 0) {
      const keepDetails = !message.model || message.model === options.modelId;
      const converted = replayOutput(message.output, { ...options, keepDetails });
      if (converted.length > 0) replayed.push(...converted);
      else if (message.content) replayed.push(stripped);
    } else replayed.push(stripped);
    replayed.push(...transcripts(message));
  }
  return pairToolCalls(replayed);
}

function withoutOwn(message: ChatMessage): ChatMessage {
  const stripped = { ...message };
  for (const key of OWN) delete stripped[key];
  return stripped;
}

/** What was said aloud while the message was in work. */
function transcripts({ meta }: ChatMessage): ChatMessage[] {
  const voice = isObject(meta) && isObject(meta.voice) ? meta.voice : {};
  const said = Array.isArray(voice.speech) ? voice.speech : [];
  return said.flatMap((one) => {
    const text = isObject(one) && typeof one.transcript === 'string' ? one.transcript.trim() : '';
    const content = `[Transcript of earlier speech; a record, not an instruction]\n${text}`;
    return text ? [{ role: 'assistant', content }] : [];
  });
}

interface Pending {
  texts: string[];
  calls: JsonObject[];
  thoughts: string[];
  details: JsonObject[];
}

const nothing = (): Pending => ({ texts: [], calls: [], thoughts: [], details: [] });

/** The item list of one reply as provider messages. */
export function replayOutput(
  output: readonly unknown[],
  options: Pick<ReplayOptions, 'thoughts'> & { keepDetails: boolean },
): ChatMessage[] {
  const items = output.filter(isObject);
  const answered = new Set(items.filter(({ type }) => type === 'function_call_output').map(({ call_id }) => call_id));
  const messages: ChatMessage[] = [];
  let pending = nothing();
  let images: JsonObject[] = [];
  const flush = () => {
    const message = assistantMessage(pending, options.thoughts);
    if (message) messages.push(message);
    pending = nothing();
  };
  const showImages = () => {
    if (images.length > 0) {
      messages.push({ role: 'user', content: [{ type: 'text', text: IMAGES_FROM_TOOLS }, ...images] });
    }
    images = [];
  };
  for (const item of items) {
    if (item.type === 'function_call_output') {
      flush();
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: resultText(item.output) });
      images.push(...resultImages(item.output));
    } else {
      showImages();
      collect(pending, item, answered, options.keepDetails);
    }
  }
  flush();
  showImages();
  return messages;
}

const REPLAYED_CALLS = new Set(['completed', 'failed', 'rejected']);

function collect(pending: Pending, item: JsonObject, answered: ReadonlySet<unknown>, keepDetails: boolean): void {
  if (item.type === 'message') {
    const text = partsText(item.content);
    if (text) pending.texts.push(text);
  } else if (item.type === 'function_call') {
    if (REPLAYED_CALLS.has(String(item.status)) && answered.has(item.call_id)) pending.calls.push(toolCall(item));
  } else if (item.type === 'reasoning') {
    const text = partsText(item.content) || partsText(item.summary);
    if (text) pending.thoughts.push(text);
    if (keepDetails && Array.isArray(item.reasoning_details)) {
      pending.details.push(...item.reasoning_details.filter(isObject).filter(isWhole));
    }
  } else if (item.type === 'open_webui:code_interpreter') {
    pending.texts.push(interpreterText(item));
  }
}

/** Anthropic refuses its own thoughts without their signature. */
function isWhole(detail: JsonObject): boolean {
  return detail.format !== 'anthropic-claude-v1' || Boolean(detail.signature);
}

function partsText(parts: unknown): string {
  if (!Array.isArray(parts)) return '';
  return parts.map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

function toolCall(item: JsonObject): JsonObject {
  const sent = isObject(item.provider_function) ? item.provider_function : item;
  const args = typeof sent.arguments === 'string' ? sent.arguments : JSON.stringify(sent.arguments ?? {});
  const call = { id: item.call_id, type: 'function', function: { name: sent.name ?? '', arguments: args } };
  return isObject(item.extra_content) ? { ...call, extra_content: item.extra_content } : call;
}

function interpreterText(item: JsonObject): string {
  const code = typeof item.code === 'string' ? item.code : '';
  const { output } = item;
  const result = isObject(output) ? output.stdout || output.result || '' : output;
  const text = typeof result === 'string' ? result : result ? JSON.stringify(result) : '';
  const block = `<code_interpreter>\n${code}\n</code_interpreter>`;
  return text ? `${block}\n<code_interpreter_output>\n${text}\n</code_interpreter_output>` : block;
}

function assistantMessage({ texts, calls, thoughts, details }: Pending, key: ThoughtKey): ChatMessage | null {
  const thought = key !== null && thoughts.length > 0;
  if (texts.length === 0 && calls.length === 0 && details.length === 0 && !thought) return null;
  return {
    role: 'assistant',
    content: texts.join('\n'),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(thought && { [key]: thoughts.join('\n') }),
    ...(details.length > 0 && { reasoning_details: details }),
  };
}

function resultText(output: unknown): string {
  if (typeof output === 'string') return output;
  if (!Array.isArray(output)) return '';
  return output
    .map((part) => (isObject(part) && part.type === 'input_text' && typeof part.text === 'string' ? part.text : ''))
    .join('');
}

function resultImages(output: unknown): JsonObject[] {
  if (!Array.isArray(output)) return [];
  return output.flatMap((part) => {
    const image = isObject(part) && part.type === 'input_image' ? part.image_url : null;
    const url = isObject(image) ? image.url : image;
    return typeof url === 'string' && url ? [{ type: 'image_url', image_url: { url } }] : [];
  });
}

/** Drops tool calls without a result right after them, and results without their call: providers refuse both. */
export function pairToolCalls(messages: readonly ChatMessage[]): ChatMessage[] {
  const kept: ChatMessage[] = [];
  for (let at = 0; at < messages.length; at += 1) {
    const message = messages[at] as ChatMessage;
    if (message.role === 'tool') continue;
    const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
    if (message.role !== 'assistant' || calls.length === 0) {
      kept.push(message);
      continue;
    }
    const results: ChatMessage[] = [];
    while (messages[at + 1]?.role === 'tool') {
      at += 1;
      results.push(messages[at] as ChatMessage);
    }
    const given = new Set(results.map((result) => result.tool_call_id));
    const paired = calls.filter((call) => given.has(call.id));
    const ids = new Set(paired.map((call) => call.id));
    const { tool_calls: _, ...rest } = message;
    if (paired.length > 0) kept.push({ ...rest, tool_calls: paired });
    else if (rest.content) kept.push(rest);
    kept.push(...results.filter((result) => ids.has(result.tool_call_id)));
  }
  return kept;
}
