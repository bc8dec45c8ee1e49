import type { JsonObject } from '../../../kernel/json.ts';
import { isObject } from '../../../kernel/json.ts';
import { mergeUsage, normaliseUsage, outputText } from '../../chats/index.ts';
import type { Part } from '../../providers/index.ts';
import { isWaiting } from '../approval/calls.ts';
import { splitObjects } from './concatenated.ts';
import type { ReplyEvent } from './events.ts';
import {
  type FunctionCallItem,
  isCallItem,
  isMessageItem,
  isNative,
  isReasoningItem,
  type NewId,
  newItemId,
  type OutputItem,
  type ReasoningItem,
} from './items.ts';
import { createOutput, newMessage, newReasoning, openNative, trimItem } from './output.ts';
import { CODE, type TagPair, tagPairs } from './tags.ts';
import { createTextFlow } from './text-flow.ts';

export interface ReplyOptions {
  /** Parameter `reasoning_tags`. */
  reasoningTags?: unknown;
  /** Blocks of code are looked for, to be run. */
  runsCode?: boolean;
  /** Items of the reply that is continued; they are changed in place. */
  prior?: OutputItem[];
  newId?: NewId;
  /** Seconds, with fraction. */
  now?: () => number;
}

/** A reply while a provider writes it: parts in, events out. Cost is linear in what arrives. */
export interface Reply {
  /** Applies what one network chunk brought. */
  apply(parts: readonly Part[]): ReplyEvent[];
  /** The provider's stream has ended: open items are closed, tool calls are complete. */
  endRound(): ReplyEvent[];
  /** Puts an item of the server's own (a tool result) at the end. */
  add(item: OutputItem): void;
  /** Every item that is still open is completed; gives the final list. */
  complete(): OutputItem[];
  /** Every item that is still open was interrupted; gives the final list. */
  interrupt(): OutputItem[];
  /** The items now; changes with the reply. */
  readonly items: readonly OutputItem[];
  /** A block of code is complete: nothing more of this round counts. */
  readonly halted: boolean;
  /** The visible text now. */
  content(): string;
  readonly usage: JsonObject | null;
  readonly finishReason: string | null;
  /** Whether anything was written that is worth keeping. */
  readonly started: boolean;
}

export function createReply(options: ReplyOptions = {}): Reply {
  const { now = () => Date.now() / 1_000, newId = newItemId } = options;
  const prior = withoutEmptyEnd(options.prior ?? []);
  const output = createOutput({ prior, newId, now });
  const tags: readonly TagPair[] = [...tagPairs(options.reasoningTags), ...(options.runsCode ? [CODE] : [])];
  const lastPrior = prior.at(-1);
  const continued = isMessageItem(lastPrior) ? lastPrior : null;
  const text = createTextFlow(output, tags, continued);
  const calls = new Map<number, FunctionCallItem>();
  let usage: JsonObject | null = null;
  let finishReason: string | null = null;
  let started = false;

  function reasoningItem(): ReasoningItem {
    const open = openNative(output);
    if (open) return open;
    const round = output.items.slice(output.base);
    const known = round.find((item): item is ReasoningItem => isReasoningItem(item) && isNative(item));
    const firstMessage = round.findIndex(isMessageItem);
    if (firstMessage >= 0 && known) return known;
    const item = newReasoning(output, '<think>', '</think>', { type: 'reasoning_content' });
    if (firstMessage < 0) {
      output.push(item);
      output.added(item);
      return item;
    }
    Object.assign(item, { status: 'completed', ended_at: item.started_at, duration: 0 });
    output.insert(output.base + firstMessage, item);
    return item;
  }

  function reasoning(piece: string): void {
    if (!piece) return;
    text.flush();
    output.addText(reasoningItem(), piece);
  }

  function details(list: unknown): void {
    if (!Array.isArray(list)) return;
    const item = reasoningItem();
    item.reasoning_details ??= [];
    for (const detail of list) if (isObject(detail)) mergeDetail(item.reasoning_details, detail);
  }

  function toolCall(part: Extract<Part, { type: 'tool_call' }>): void {
    text.flush();
    const item = calls.get(part.index) ?? newCall(part);
    if (part.name) item.name = part.name;
    if (part.extra) item.extra_content = part.extra;
    if (!part.arguments) return;
    item.arguments += part.arguments;
    output.delta({
      type: 'response.function_call_arguments.delta',
      item_id: item.id,
      output_index: output.indexOf(item),
      delta: part.arguments,
    });
  }

  function newCall({ index, id, name }: Extract<Part, { type: 'tool_call' }>): FunctionCallItem {
    const taken = !id || output.items.some((item) => isCallItem(item) && item.call_id === id);
    const callId = taken ? newId('fc') : id;
    const item: FunctionCallItem = {
      type: 'function_call',
      id: callId,
      call_id: callId,
      name: name ?? '',
      arguments: '',
      status: 'in_progress',
    };
    calls.set(index, item);
    output.push(item);
    output.added(item);
    return item;
  }

  function extra(data: JsonObject): void {
    if (isObject(data.event)) output.tell({ kind: 'event', event: data.event });
    if (typeof data.selected_model_id === 'string') output.tell({ kind: 'selected', modelId: data.selected_model_id });
    if (Array.isArray(data.sources)) output.tell({ kind: 'sources', sources: data.sources });
    if (Array.isArray(data.annotations)) {
      for (const source of data.annotations.map(citation)) if (source) output.tell({ kind: 'source', source });
    }
    details(data.reasoning_details);
  }

  function one(part: Part): void {
    switch (part.type) {
      case 'text':
        started = true;
        text.add(part.text);
        return;
      case 'reasoning':
        started = true;
        reasoning(part.text);
        return;
      case 'tool_call':
        started = true;
        toolCall(part);
        return;
      case 'usage': {
        const figures = normaliseUsage(part.usage);
        if (!figures) return;
        usage = usage ? mergeUsage(usage, figures) : figures;
        output.tell({ kind: 'usage', usage });
        return;
      }
      case 'finish':
        finishReason = part.reason;
        return;
      case 'error':
        output.tell({ kind: 'error', status: part.status, error: part.error });
        return;
      case 'extra':
        extra(part.data);
        return;
      case 'image':
        started = true;
        output.tell({ kind: 'image', image: { ...part } });
    }
  }

  function closeRound(): void {
    text.flush();
    const last = output.items.at(-1);
    if (isMessageItem(last) && output.items.length > output.base && trimItem(last) === '') output.drop(last);
    for (const item of output.items.slice(output.base)) if (isReasoningItem(item)) output.closeReasoning(item);
  }

  /** Some models write the arguments of several calls into one: each object becomes a call of its own. */
  function splitCall(item: FunctionCallItem): FunctionCallItem[] {
    const [first, ...more] = splitObjects(item.arguments);
    if (first === undefined || more.length === 0) return [item];
    item.arguments = first;
    const split = more.map((text): FunctionCallItem => {
      const id = newId('call');
      return { ...item, id, call_id: id, arguments: text };
    });
    for (const one of split) {
      output.push(one);
      output.added(one);
    }
    return [item, ...split];
  }

  function closeCalls(): void {
    for (const item of [...calls.values()].flatMap(splitCall)) {
      item.status = 'completed';
      const { id: item_id } = item;
      const data = { item_id, output_index: output.indexOf(item), arguments: item.arguments };
      output.tell({ kind: 'item', data: { type: 'response.function_call_arguments.done', ...data } });
      output.done(item);
    }
    calls.clear();
  }

  return {
    get items() {
      return output.items;
    },
    get usage() {
      return usage;
    },
    get finishReason() {
      return finishReason;
    },
    get halted() {
      return text.halted;
    },
    get started() {
      return started;
    },
    content: () => outputText(output.items),
    apply(parts) {
      for (const part of parts) one(part);
      return output.take();
    },
    endRound() {
      closeRound();
      closeCalls();
      return output.take();
    },
    add: (item) => output.push(item),
    complete() {
      closeRound();
      output.take();
      if (output.items.length === 0)
        output.push({ ...newMessage(output), content: [{ type: 'output_text', text: '' }] });
      for (const item of output.items) if (item.status === 'in_progress') item.status = 'completed';
      return output.items;
    },
    interrupt() {
      text.flush();
      output.take();
      return interruptItems(output.items);
    },
  };
}

/** Marks what an interruption left open, in place. */
export function interruptItems(items: OutputItem[]): OutputItem[] {
  const answered = new Set<unknown>();
  for (const item of items) if (item.type === 'function_call_output') answered.add((item as JsonObject).call_id);
  for (const item of items) {
    const unanswered = isCallItem(item) && item.status === 'completed' && !answered.has(item.call_id);
    if (item.status === 'in_progress' || unanswered) item.status = 'incomplete';
    if (isWaiting(item)) {
      item.status = 'rejected';
      delete item.approved;
    }
  }
  return items;
}

function withoutEmptyEnd(items: OutputItem[]): OutputItem[] {
  const last = items.at(-1);
  const empty = isMessageItem(last) && last.status === 'in_progress' && outputText([last]) === '';
  return empty ? items.slice(0, -1) : items;
}

/** Pieces of one detail share an `index`; their text adds up. */
function mergeDetail(list: JsonObject[], detail: JsonObject): void {
  const known = Number.isInteger(detail.index) ? list.find((one) => one.index === detail.index) : undefined;
  if (!known) {
    list.push({ ...detail });
    return;
  }
  for (const [key, value] of Object.entries(detail)) {
    const before = known[key];
    const joined = (key === 'text' || key === 'summary') && typeof before === 'string' && typeof value === 'string';
    known[key] = joined ? before + value : value;
  }
}

function citation(annotation: unknown): JsonObject | null {
  if (!isObject(annotation) || annotation.type !== 'url_citation' || !isObject(annotation.url_citation)) return null;
  const { url, title } = annotation.url_citation;
  const name = typeof title === 'string' && title ? title : url;
  return { source: { name, url }, document: [name], metadata: [{ source: url, name }] };
}
