import type { DeltaEvent, ReplyEvent } from './events.ts';
import {
  isMessageItem,
  isNative,
  isReasoningItem,
  itemText,
  type MessageItem,
  type NewId,
  type OutputItem,
  type ReasoningItem,
  type TextPart,
} from './items.ts';

export interface OutputOptions {
  /** Items the reply has already (a continued reply, or earlier rounds). */
  prior: readonly OutputItem[];
  newId: NewId;
  /** Seconds, with fraction. */
  now: () => number;
}

/** The item list of a reply while it grows, and the events its growth gives. Text is appended, never copied. */
export interface Output {
  items: OutputItem[];
  /** Number of items that were there before the current round. */
  base: number;
  newId: NewId;
  now: () => number;
  push(item: OutputItem): void;
  /** Puts an item before others; deltas cannot tell this, so the whole list is sent. */
  insert(index: number, item: OutputItem): void;
  /** Takes the last item away if it is `item`. */
  drop(item: OutputItem): void;
  addText(item: MessageItem | ReasoningItem, text: string): void;
  /** New text of a continued reply goes to a part of its own. */
  startPart(item: MessageItem): void;
  added(item: OutputItem): void;
  done(item: OutputItem): void;
  closeReasoning(item: ReasoningItem): void;
  tell(event: ReplyEvent): void;
  delta(data: DeltaEvent): void;
  indexOf(item: OutputItem): number;
  /** The events since the last call. */
  take(): ReplyEvent[];
}

export function createOutput({ prior, newId, now }: OutputOptions): Output {
  const items: OutputItem[] = [...prior];
  let events: ReplyEvent[] = [];

  const output: Output = {
    items,
    base: items.length,
    newId,
    now,
    push: (item) => void items.push(item),
    insert(index, item) {
      items.splice(index, 0, item);
      output.tell({ kind: 'snapshot' });
    },
    drop(item) {
      if (items.at(-1) === item) items.pop();
    },
    indexOf: (item) => items.lastIndexOf(item),
    startPart: (item) => void item.content.push({ type: 'output_text', text: '' }),
    addText(item, text) {
      const last = lastPart(item);
      last.text += text;
      output.delta({
        type: item.type === 'message' ? 'response.output_text.delta' : 'response.reasoning_text.delta',
        item_id: item.id,
        output_index: output.indexOf(item),
        content_index: item.content.length - 1,
        delta: text,
      });
    },
    added: (item) =>
      output.tell({
        kind: 'item',
        data: { type: 'response.output_item.added', output_index: output.indexOf(item), item: copy(item) },
      }),
    done: (item) =>
      output.tell({
        kind: 'item',
        data: { type: 'response.output_item.done', output_index: output.indexOf(item), item: copy(item) },
      }),
    closeReasoning(item) {
      if (item.status !== 'in_progress') return;
      item.ended_at = now();
      item.duration = Math.trunc(item.ended_at - item.started_at);
      item.status = 'completed';
      output.done(item);
    },
    tell: (event) => void events.push(event),
    delta(data) {
      const last = events.at(-1);
      if (last?.kind === 'delta' && samePlace(last.data, data)) last.data.delta += data.delta;
      else events.push({ kind: 'delta', data });
    },
    take() {
      const taken = events;
      events = [];
      return taken;
    },
  };
  return output;
}

/** Whether two deltas go to the same place, so that they may be told as one. */
export function samePlace(a: DeltaEvent, b: DeltaEvent): boolean {
  return (
    a.type === b.type &&
    a.item_id === b.item_id &&
    a.output_index === b.output_index &&
    a.content_index === b.content_index
  );
}

function lastPart(item: MessageItem | ReasoningItem): TextPart {
  const last = item.content.at(-1);
  if (last) return last;
  const part: TextPart = { type: 'output_text', text: '' };
  item.content.push(part);
  return part;
}

/** Events outlive the moment: what they tell must not change with the item. */
function copy(item: OutputItem): OutputItem {
  if (isMessageItem(item) || isReasoningItem(item))
    return { ...item, content: item.content.map((part) => ({ ...part })) };
  return { ...item };
}

export function newMessage({ newId }: Output): MessageItem {
  return { type: 'message', id: newId('msg'), status: 'in_progress', role: 'assistant', content: [] };
}

export function newReasoning(
  { newId, now }: Output,
  start_tag: string,
  end_tag: string,
  attributes: Record<string, string>,
): ReasoningItem {
  return {
    type: 'reasoning',
    id: newId('r'),
    status: 'in_progress',
    start_tag,
    end_tag,
    attributes,
    content: [],
    summary: null,
    started_at: now(),
  };
}

/** The open native reasoning item, if it is the last one. */
export function openNative({ items, base }: Output): ReasoningItem | null {
  const last = items.at(-1);
  const open = items.length > base && isReasoningItem(last) && isNative(last) && last.status === 'in_progress';
  return open ? last : null;
}

/** Takes the blanks around the text of an item away; gives what is left. */
export function trimItem(item: MessageItem | ReasoningItem): string {
  const text = itemText(item);
  const trimmed = text.trim();
  if (trimmed !== text || item.content.length === 0) item.content = [{ type: 'output_text', text: trimmed }];
  return trimmed;
}
