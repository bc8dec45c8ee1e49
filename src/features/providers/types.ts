import type { Readable } from 'node:stream';
import type { Credential, User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Part } from './part.ts';

/** One model as the list on the wire has it (providers note, 9.4). Entries are shared: never change one. */
export interface ModelEntry {
  readonly id: string;
  readonly name: string;
  readonly owned_by: string;
  readonly object?: string;
  /** Seconds. */
  readonly created?: number;
  readonly connection_type?: string | null;
  /** `azure`, `llama.cpp`, `lmstudio`, `litellm` or empty. */
  readonly provider?: string;
  /** Place of its connection in `openai.api_base_urls`. */
  readonly urlIdx?: number;
  readonly openai?: JsonObject;
  readonly ollama?: JsonObject;
  readonly loaded?: boolean;
  readonly pipe?: JsonObject;
  readonly preset?: boolean;
  readonly arena?: boolean;
  /** Held by the caller's browser. */
  readonly direct?: boolean;
  readonly info?: JsonObject;
  readonly actions?: readonly JsonObject[];
  readonly filters?: readonly JsonObject[];
  readonly tags?: readonly { readonly name: string }[];
  readonly [extra: string]: unknown;
}

/** On whose behalf a provider is called. */
export interface Call {
  user: User;
  signal: AbortSignal;
  /** Request context: `chat_id`, `message_id`, `session_id`, `task`, … for headers; never sent as such. */
  metadata: JsonObject;
  /** Waited for between two reads of a stream, so that what comes meanwhile is read in one piece. Absent: read as it comes. */
  rest?: () => Promise<void>;
  /** What the live request carried, where there is one. */
  caller?: Caller;
}

export interface Caller {
  credential: Credential | null;
  /** The `cookie` header. */
  cookie?: string | undefined;
  userAgent?: string | undefined;
}

/** An answer to pass on byte for byte. */
export interface Relay {
  status: number;
  headers: Record<string, string>;
  body: Readable;
}

export interface ListOptions {
  /** Asks every connection and waits for the answers. */
  refresh?: boolean;
}

/** Model providers: what they offer and what they answer. `body` is an OpenAI chat completion request throughout. */
export interface Providers {
  /** Base models of all connections, in their order; the last known list of a connection that does not answer. */
  models(options?: ListOptions): Promise<readonly ModelEntry[]>;
  /**
   * Streams an answer: one array of parts per network chunk. Errors are parts and come last; only the caller's abort is
   * thrown. `body.model` is the entry's id or anything: what goes out is the entry's own name at its provider.
   */
  stream(model: ModelEntry, body: JsonObject, call: Call): AsyncIterable<readonly Part[]>;
  /** The whole chat completion. Throws HttpError: the provider's status and body, or 500 when nobody answers. */
  complete(model: ModelEntry, body: JsonObject, call: Call): Promise<JsonObject>;
  /** The provider's stream as chat completion chunks, unread. Throws as `complete` does before the first byte. */
  relay(model: ModelEntry, body: JsonObject, call: Call): Promise<Relay>;
}
