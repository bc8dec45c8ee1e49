import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** A message of a provider request while it is prepared; `content` is a text, a list of parts or null. */
export interface ChatMessage extends JsonObject {
  role: string;
  content?: unknown;
}

/** Where a text goes: in front of what is there, or after it. */
export type Side = 'before' | 'after';

/** Puts a text into the system message at the front, making one where there is none (chat pipeline note, 3.1). */
export function addSystemText(messages: readonly ChatMessage[], text: string, side: Side = 'before'): ChatMessage[] {
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: text }, ...messages];
  return [withText(first, text, side), ...rest];
}

/** The same for the last message if it is the user's. */
export function addUserText(messages: readonly ChatMessage[], text: string, side: Side = 'before'): ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== 'user') return [...messages, { role: 'user', content: text }];
  return [...messages.slice(0, -1), withText(last, text, side)];
}

/** The message with a text before or after its own, apart by a line break; a list gets it in every text part. */
function withText(message: ChatMessage, text: string, side: Side): ChatMessage {
  const join = (own: string) => (side === 'before' ? `${text}\n${own}` : `${own}\n${text}`);
  const { content } = message;
  if (!Array.isArray(content)) return { ...message, content: typeof content === 'string' ? join(content) : text };
  return {
    ...message,
    content: content.map((part) => (isTextPart(part) ? { ...part, text: join(part.text) } : part)),
  };
}

export function isTextPart(part: unknown): part is JsonObject & { type: 'text'; text: string } {
  return isObject(part) && part.type === 'text' && typeof part.text === 'string';
}

/** The text of a message: its content, or its text parts joined by line breaks. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .filter(isTextPart)
    .map((part) => part.text)
    .join('\n');
}

/** The text of the last message of the user; empty without one. */
export function lastUserText(messages: readonly ChatMessage[]): string {
  return textOf(messages.findLast((message) => message.role === 'user')?.content);
}

/** As providers want it: no blank text parts beside others, and at most one system message, at the front (note 3, step 27). */
export function tidyMessages(messages: readonly ChatMessage[]): ChatMessage[] {
  const cleaned = messages.map(withoutBlankParts);
  const system = cleaned.filter((message) => message.role === 'system');
  if (system.length === 0 || (system.length === 1 && cleaned[0]?.role === 'system')) return cleaned;
  const text = system.map((message) => textOf(message.content)).join('\n');
  return [{ role: 'system', content: text }, ...cleaned.filter((message) => message.role !== 'system')];
}

function withoutBlankParts(message: ChatMessage): ChatMessage {
  const { content } = message;
  if (!Array.isArray(content)) return message;
  const kept = content.filter((part) => !isTextPart(part) || part.text.trim() !== '');
  return kept.length === 0 || kept.length === content.length ? message : { ...message, content: kept };
}
