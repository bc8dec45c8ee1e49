import type { User } from '../../../kernel/http/principal.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import type { ChatHead, Message } from '../../chats/index.ts';
import type { ModelEntry, ResolvedModel } from '../../models/index.ts';
import type { Caller } from '../../providers/index.ts';
import type { Resume } from '../approval/calls.ts';
import type { ChatRequest } from './request.ts';

/** The model of a reply. */
export type TurnModel = ResolvedModel;
export type TurnModelEntry = ModelEntry;

/**
 * saved: rows in the database; temporary: nothing is stored, the client sends the whole list; channel: the reply is a message of a
 * channel; none: an API request without a chat (chat pipeline note, 0.1).
 */
export type ChatKind = 'saved' | 'temporary' | 'channel' | 'none';

/** What model and defaults decide over the request (note 1.2, steps 8 and 9). */
export interface TurnSettings {
  stream: boolean;
  functionCalling: 'native' | 'legacy';
  toolApprovalMode: 'ask' | 'full';
  /** false: text is never looked through for thoughts; a pair: only these tags. */
  reasoningTags: unknown;
  /** Deltas that are joined at least before they are sent. */
  deltaChunkSize: number;
  /** Tokens; null: the site's setting. */
  compactTokenThreshold: number | null;
  /** What the user picked: `{ [modelId]: { [control]: option } }`. */
  modelControls: JsonObject;
}

/** An event of the reply as clients get it: `data` of the envelope (note 5.2). */
export interface TurnEvent {
  type: string;
  data?: unknown;
}

/**
 * One reply to be written: admitted, its place in the chat made. Everything after reads this and nothing else of the request. A
 * side-by-side request gives one for each column.
 */
export interface TurnContext {
  user: User;
  /** The request as sent, read once; shared by all columns, never changed. */
  request: ChatRequest;
  /** The model that was asked for, also an arena. Read anew for the reply; `request.model` may be another column's. */
  model: TurnModel;
  kind: ChatKind;
  /** Row of a saved chat at the time of the request, null for the other kinds. */
  chat: ChatHead | null;
  /** `''` for kind `none`. */
  chatId: string;
  /** The message that is written; null in API mode without one. */
  replyId: string | null;
  userMessageId: string | null;
  /** The socket that asked. */
  sessionId: string | null;
  /** Id in the list of tasks; null in API mode. */
  taskId: string | null;
  /** Position among the columns of this request. */
  column: number;
  /** The reply that goes on (Continue), as it was when the request came. */
  continues: Message | null;
  /** How a reply goes on that has waited for the user; null: it is new, or goes on because the user wants more of it. */
  resume: Resume | null;
  /** Site defaults, then the model's, then the request's (note 1.2, step 6), nothing taken out yet. */
  params: JsonObject;
  settings: TurnSettings;
  /** The browser holds the connection of this model (`model_item.direct`). */
  direct: boolean;
  /** Made by the server itself (sub-agents, timers, automations); no person waits at a socket. */
  internal: boolean;
  /** Rounds with tools the reply may have; null: the site's limit. */
  toolRounds: number | null;
  /** What the live request carried, for servers that are asked in the user's own name; kept in memory only. */
  caller: Caller | null;
  /** `chat_id`, `message_id`, `session_id` and the rest of note 0.5 as far as it is known; what header templates and plugins get. */
  metadata: TurnMetadata;
  /** Sends an event of this reply to who watches it, and stores what the note says is stored (5.2). Never throws. */
  emit(event: TurnEvent): void;
  /** Aborted when the reply is stopped or, in API mode, the client goes away. */
  signal: AbortSignal;
}

export interface TurnMetadata extends JsonObject {
  user_id: string;
  chat_id: string;
  message_id: string | null;
  session_id: string | null;
}

/** What the steps before the model call make of a turn. */
export interface Prepared {
  /** Chat completion request for the provider, with the wire id of `model`. */
  body: JsonObject;
  /** The model that answers: the turn's, or what an arena picked. */
  model: TurnModel;
  /** What the arena picked; told to the client and stored as `selectedModelId`. */
  selectedModelId: string | null;
  /** What stands in the system message for what was said long ago. */
  summary: string | null;
  /** Sources found before the call: told before the first text. */
  sources: readonly JsonObject[];
  /** Runs a block of code; null: none is looked for. */
  runCode: RunCode | null;
  /** The server's own tools by the name the model knows; null: none, or the caller brought theirs. */
  tools: ReadonlyMap<string, TurnTool> | null;
  /** Ends what the steps opened for the reply (connections to tool servers). Call it when no tool is run any more. */
  release(): Promise<void>;
}

/** Gives what a block of code wrote; errors are part of it. */
export type RunCode = (
  code: string,
  signal: AbortSignal,
) => Promise<{ stdout: string; stderr: string; result: string }>;

/** A tool that the server runs for the model. */
export interface TurnTool {
  /** OpenAI function schema. */
  spec: JsonObject;
  /** Where it comes from (`server:shop`); absent: one of the server's own. */
  toolId?: string;
  /** The server that has the tool checks arguments itself: those the schema does not declare are passed too. */
  takesAnything?: boolean;
  /** Its calls name another tool, and are turned into calls of that. */
  isDispatcher?: boolean;
  /** Runs it; a result of any JSON kind, or a ToolAnswer. Errors are told to the model. */
  run(args: JsonObject, call: { callId: string; signal: AbortSignal }): Promise<unknown>;
}

/** A tool's result that says more than its value. */
export class ToolAnswer {
  readonly value: unknown;
  /** Headers of a server's answer, names in lower case: they decide whether it is shown as a page. */
  readonly headers: Readonly<Record<string, string>>;
  /** For the reader; pictures also for the model. `url` may be a data URL. */
  readonly files: readonly JsonObject[];
  constructor(value: unknown, extra: { headers?: Record<string, string>; files?: readonly JsonObject[] } = {}) {
    this.value = value;
    this.headers = extra.headers ?? {};
    this.files = extra.files ?? [];
  }
}

/** Steps before the model call (note 3), in order; throws HttpError (or anything) to fail the reply. */
export type Prepare = (turn: TurnContext) => Promise<Prepared>;
