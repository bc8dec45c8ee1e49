import type { JsonObject } from '../../kernel/json.ts';

/** One piece of a model's answer, whatever the provider's wire looks like. Errors are parts: what came before them counts. */
export type Part =
  /** Visible text. */
  | { type: 'text'; text: string }
  /** Thoughts that came in a field of their own. */
  | { type: 'reasoning'; text: string }
  /** A piece of a tool call; pieces with one `index` belong together, `id` and `name` come once, `arguments` adds up. `extra`: what the provider wants back with it. */
  | { type: 'tool_call'; index: number; id?: string; name?: string; arguments?: string; extra?: JsonObject }
  /** Token figures as the provider counts them. */
  | { type: 'usage'; usage: JsonObject }
  | { type: 'finish'; reason: string }
  /** `status` is the provider's HTTP status, null where there was none; `error` is what the client shows: text or object. */
  | { type: 'error'; status: number | null; error: unknown }
  /** An image the model made; `url` may be a data URL. */
  | { type: 'image'; url: string; [extra: string]: unknown }
  /** Members of a chunk with a meaning of their own: `event`, `selected_model_id`, `sources`, `annotations`, `reasoning_details`. */
  | { type: 'extra'; data: JsonObject };
