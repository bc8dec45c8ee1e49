import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { DeltaEvent, ItemEvent } from '../reply/events.ts';
import type { OutputItem } from '../reply/items.ts';

/** What a journal notes of a reply, in order. */
export type JournalEntry =
  | DeltaEvent
  | ItemEvent
  /** The whole list, where no smaller entry says it. */
  | { type: 'items'; items: readonly OutputItem[] }
  /** Items beyond this number were dropped. */
  | { type: 'length'; length: number }
  | { type: 'usage'; usage: JsonObject };

export interface Replayed {
  items: OutputItem[];
  usage: JsonObject | null;
}

/** The reply a journal tells of. Pieces that cannot be read end it: what came before them counts. */
export function replay(pieces: readonly string[]): Replayed {
  const reply: Replayed = { items: [], usage: null };
  for (const piece of pieces) {
    const entries = read(piece);
    if (!entries) break;
    for (const entry of entries) if (isObject(entry)) apply(reply, entry as JournalEntry);
  }
  return reply;
}

function read(piece: string): unknown[] | null {
  try {
    const entries: unknown = JSON.parse(piece);
    return Array.isArray(entries) ? entries : null;
  } catch {
    return null;
  }
}

function apply(reply: Replayed, entry: JournalEntry): void {
  const { items } = reply;
  switch (entry.type) {
    case 'items':
      reply.items = [...entry.items];
      return;
    case 'length':
      items.length = Math.min(items.length, entry.length);
      return;
    case 'usage':
      reply.usage = entry.usage;
      return;
    case 'response.output_item.added':
    case 'response.output_item.done':
      items[Math.min(entry.output_index, items.length)] = entry.item;
      return;
    case 'response.function_call_arguments.done':
      setArguments(items[entry.output_index], entry.arguments);
      return;
    default:
      append(items, entry);
  }
}

function setArguments(item: OutputItem | undefined, text: string): void {
  if (item?.type === 'function_call') item.arguments = text;
}

function append(items: OutputItem[], event: DeltaEvent): void {
  const at = Math.min(event.output_index, items.length);
  const item = items[at] ?? newItem(event);
  items[at] = item;
  if (event.type === 'response.function_call_arguments.delta') {
    if (item.type === 'function_call') item.arguments = `${item.arguments ?? ''}${event.delta}`;
    return;
  }
  if (!('content' in item) || !Array.isArray(item.content)) Object.assign(item, { content: [] });
  const { content } = item as unknown as { content: JsonObject[] };
  const index = Math.min(event.content_index ?? 0, content.length);
  const part = content[index] ?? { type: 'output_text', text: '' };
  part.text = `${part.text ?? ''}${event.delta}`;
  content[index] = part;
}

function newItem({ type, item_id: id }: DeltaEvent): OutputItem {
  if (type === 'response.reasoning_text.delta') {
    return { type: 'reasoning', id, status: 'in_progress', content: [], summary: null };
  }
  if (type === 'response.function_call_arguments.delta') {
    return { type: 'function_call', id, call_id: id, name: '', arguments: '', status: 'in_progress' };
  }
  return { type: 'message', id, status: 'in_progress', role: 'assistant', content: [] };
}
