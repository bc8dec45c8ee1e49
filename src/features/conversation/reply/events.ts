import type { JsonObject } from '../../../kernel/json.ts';
import type { OutputItem } from './items.ts';

/** A piece of text for one place of the output; neighbours for the same place may be joined. */
export interface DeltaEvent {
  type: 'response.output_text.delta' | 'response.reasoning_text.delta' | 'response.function_call_arguments.delta';
  item_id: string;
  output_index: number;
  content_index?: number;
  delta: string;
}

/** Another change of the output. */
export type ItemEvent =
  | { type: 'response.output_item.added' | 'response.output_item.done'; output_index: number; item: OutputItem }
  | { type: 'response.function_call_arguments.done'; item_id: string; output_index: number; arguments: string };

/** What applying parts to a reply gives, in order. */
export type ReplyEvent =
  | { kind: 'delta'; data: DeltaEvent }
  | { kind: 'item'; data: ItemEvent }
  /** The item list changed in a way no delta tells. */
  | { kind: 'snapshot' }
  | { kind: 'usage'; usage: JsonObject }
  | { kind: 'source'; source: JsonObject }
  | { kind: 'sources'; sources: unknown[] }
  | { kind: 'selected'; modelId: string }
  | { kind: 'image'; image: JsonObject }
  /** Sent on as a socket event of its own (pipelines do that). */
  | { kind: 'event'; event: JsonObject }
  | { kind: 'error'; status: number | null; error: unknown };
