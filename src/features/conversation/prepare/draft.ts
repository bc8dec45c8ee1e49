import type { JsonObject } from '../../../kernel/json.ts';
import type { Source } from '../sources/context-block.ts';
import type { RunCode, TurnContext, TurnModel, TurnModelEntry, TurnTool } from '../turn/turn.ts';
import type { ChatMessage } from './messages.ts';

/** A provider request while the steps work on it; each changes what it is about and leaves the rest. */
export interface Draft {
  readonly turn: TurnContext;
  /** The model that answers: the turn's, or what an arena picked. */
  model: TurnModel;
  selectedModelId: string | null;
  /** Merged parameters of that model and the request. */
  params: JsonObject;
  messages: ChatMessage[];
  /** The request besides `model`, `messages` and `stream`. */
  body: JsonObject;
  /** Files whose content the answer shall know. */
  files: JsonObject[];
  /** Told to the client before the first text. */
  sources: Source[];
  /** What stands in the system message for what was said long ago. */
  summary: string | null;
  /** Runs a block of code; null: none is looked for. */
  runCode: RunCode | null;
  /** The server's own tools; null: none, or the caller brought theirs. */
  tools: Map<string, TurnTool> | null;
  /** Names of those the provider is not told of; they can be called all the same. */
  deferred: ReadonlySet<string>;
  /** What is to be ended when the reply is over, or when a later step fails. */
  readonly releases: (() => Promise<void>)[];
}

/** One step. Throws HttpError (or anything) to fail the reply. */
export interface Step {
  name: string;
  run(draft: Draft): Promise<void> | void;
}

/**
 * Where a feature puts steps of its own between the built-in ones, in this order (chat pipeline note, 3): compaction (6), folder (10),
 * knowledge (11), inlet filters (13), features such as memory and web search (14), skills (16), files (17), tools (19), sources of
 * files (21), request filters (26).
 */
export type Place =
  | 'compaction'
  | 'folder'
  | 'knowledge'
  | 'inlet'
  | 'features'
  | 'skills'
  | 'files'
  | 'tools'
  | 'sources'
  | 'request';

/** A step of another feature. Those of one place run in the order given. */
export interface Extension extends Step {
  place: Place;
}

/** What is asked at the provider: the base of a preset, else the model itself. */
export function providerEntry(model: TurnModel): TurnModelEntry {
  return model.base ?? model.entry;
}

export function isOllama(model: TurnModel): boolean {
  return providerEntry(model).owned_by === 'ollama';
}
