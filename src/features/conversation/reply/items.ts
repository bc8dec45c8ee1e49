import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../../kernel/json.ts';

export type ItemStatus = 'in_progress' | 'completed' | 'failed' | 'incomplete' | 'pending' | 'queued' | 'rejected';

export interface TextPart {
  type: 'output_text';
  text: string;
}

/** Visible text of the assistant. */
export interface MessageItem {
  type: 'message';
  id: string;
  status: ItemStatus;
  role: 'assistant';
  content: TextPart[];
  /** Set on "solution" blocks. */
  _tag_type?: 'solution';
  start_tag?: string;
  end_tag?: string;
  attributes?: Record<string, string>;
  /** Seconds, with fraction. */
  started_at?: number;
  ended_at?: number;
}

/** Thoughts: native (`attributes.type` is `reasoning_content`) or between tags. */
export interface ReasoningItem {
  type: 'reasoning';
  id: string;
  status: ItemStatus;
  start_tag: string;
  end_tag: string;
  attributes: Record<string, string>;
  content: TextPart[];
  summary: null | TextPart[];
  /** Seconds, with fraction. */
  started_at: number;
  ended_at?: number;
  /** Whole seconds. */
  duration?: number;
  /** Provider's own record of the thoughts, sent back to the same model only. */
  reasoning_details?: JsonObject[];
}

/** A tool the model asks for. */
export interface FunctionCallItem {
  type: 'function_call';
  id: string;
  call_id: string;
  name: string;
  /** JSON text as the model wrote it. */
  arguments: string;
  /** What the provider wants back with the call, such as Google's proof of the thoughts before it. */
  extra_content?: JsonObject;
  /** What the model said, where it called this tool through another. */
  provider_function?: { name: string; arguments: string };
  status: ItemStatus;
  /** The user has agreed to the call. */
  approved?: boolean;
}

/** Code a model without tool calls wants run. */
export interface CodeItem {
  type: 'open_webui:code_interpreter';
  id: string;
  status: ItemStatus;
  start_tag: string;
  end_tag: string;
  attributes: Record<string, string>;
  lang: string;
  code: string;
  output: unknown;
  /** Seconds, with fraction. */
  started_at: number;
  ended_at?: number;
  /** Whole seconds. */
  duration?: number;
}

/** What the reducer itself makes. */
export type ReplyItem = MessageItem | ReasoningItem | FunctionCallItem | CodeItem;

/** An entry of a message's `output`; stored ones may be of kinds only other releases or providers know. */
export type OutputItem = ReplyItem | (JsonObject & { type: string });

export type NewId = (prefix: string) => string;

/** `prefix_` and 24 hex digits. */
export function newItemId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '').slice(0, 24)}`;
}

export function isMessageItem(item: OutputItem | undefined): item is MessageItem {
  return item?.type === 'message' && Array.isArray(item.content);
}

export function isReasoningItem(item: OutputItem | undefined): item is ReasoningItem {
  return item?.type === 'reasoning' && Array.isArray(item.content);
}

export function isCallItem(item: OutputItem | undefined): item is FunctionCallItem {
  return item?.type === 'function_call';
}

export function isCodeItem(item: OutputItem | undefined): item is CodeItem {
  return item?.type === 'open_webui:code_interpreter' && 'code' in item;
}

/** Whether the thoughts came as a field of the provider, not between tags. */
export function isNative(item: ReasoningItem): boolean {
  return item.attributes.type === 'reasoning_content';
}

/** The text of an item's parts. */
export function itemText(item: MessageItem | ReasoningItem): string {
  return item.content.length === 1 ? (item.content[0]?.text ?? '') : item.content.map((part) => part.text).join('');
}
