import type { Database } from '../../../kernel/database/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import {
  type ChatHead,
  contextUsage,
  loadBranch,
  loadMessage,
  type Message,
  sinceCheckpoint,
  upsertMessage,
} from '../../chats/index.ts';
import type { Models, ResolvedModel } from '../../models/index.ts';
import { addSystemText, type ChatMessage, type Draft, type Extension, textOf } from '../prepare/index.ts';
import { answerText } from '../tasks/answers.ts';
import type { TaskCaller } from '../tasks/index.ts';
import type { TurnContext } from '../turn/turn.ts';
import { boundaryOf, roundBoundaryOf } from './boundary.ts';

export interface CompactionDeps {
  database: Database;
  config: Pick<Config, 'get'>;
  log: Pick<Log, 'warn'>;
  models: Pick<Models, 'resolve'>;
  caller: TaskCaller;
}

/** Summaries in place of what was said long ago (chat pipeline note, 8.1). */
export interface Compaction {
  /** Summarises what is too long before the model is asked. */
  step: Extension;
  /** The same between two rounds of a reply; null: it is not too long, or no summary could be made. */
  betweenRounds(long: LongReply): Promise<ShortReply | null>;
  /** Summarises a chat now, all but its current message; answers what the route answers. */
  compact(user: User, chat: ChatHead, modelId: string | null): Promise<JsonObject>;
}

/** A reply between two rounds. */
export interface LongReply {
  turn: TurnContext;
  model: ResolvedModel;
  /** What the provider would be sent. */
  messages: readonly ChatMessage[];
  /** How many of them the last round has added after its answer: the results of its tools. */
  fresh: number;
  /** Figures of the last round. */
  usage: JsonObject | null;
  /** The summary that is in the system message. */
  previous: string | null;
}

export interface ShortReply {
  messages: ChatMessage[];
  summary: string;
  /** The first call that is told as it was. */
  callId: string;
}

const HEADING = '[CONVERSATION SUMMARY]';
/** Characters of each message, and of all, where a model gave no summary. */
const EXCERPT = { one: 500, all: 4_000 };

interface Task {
  user: User;
  model: ResolvedModel;
  metadata: JsonObject;
  signal: AbortSignal;
  previous: string | null;
  compacted: readonly ChatMessage[];
  recent: readonly ChatMessage[];
}

export function createCompaction(deps: CompactionDeps): Compaction {
  const { database, config, log } = deps;
  const limits = () => ({
    threshold: config.get('chat.context_compaction.token_threshold'),
    cap: config.get('chat.context_compaction.token_cap'),
  });

  async function summarise({ user, model, metadata, signal, previous, compacted, recent }: Task): Promise<string> {
    const values = { messages: compacted, recent, summary: previous ?? '' };
    const completion = await deps.caller.complete({
      task: 'context_compaction',
      user,
      model,
      values,
      metadata,
      signal,
    });
    return answerText(completion).trim() || excerpt(previous, compacted);
  }

  const keep = (chatId: string, messageId: string, contextSummary: string) =>
    database.transaction((tx) => upsertMessage(tx, chatId, messageId, { contextSummary }, { touch: false }));

  async function shorten(draft: Draft): Promise<void> {
    const { turn } = draft;
    if (!config.get('chat.context_compaction.enable') || turn.userMessageId === null) return;
    const system = draft.messages[0]?.role === 'system' ? draft.messages.slice(0, 1) : [];
    const said = draft.messages.slice(system.length);
    const kept = sinceCheckpoint(said as Message[]);
    const messages = kept.messages as readonly ChatMessage[];
    const params = { compact_token_threshold: turn.settings.compactTokenThreshold };
    const usage = contextUsage(said as Message[], params, limits());
    const at = usage && usage.tokens > usage.threshold ? boundaryOf(messages, retention()) : null;
    const made = at === null ? null : await summarisePart(draft, messages, at, kept.summary);
    const summary = made ?? kept.summary;
    const rest = made === null || at === null ? messages : messages.slice(at);
    draft.messages = [...system, ...rest];
    if (summary) draft.messages = addSystemText(draft.messages, `${HEADING}\n${summary}`, 'after');
    draft.summary = summary;
  }

  async function betweenRounds(long: LongReply): Promise<ShortReply | null> {
    const { turn, model, messages, usage, previous } = long;
    if (!config.get('chat.context_compaction.enable') || turn.userMessageId === null) return null;
    const counted = usage ? [{ role: 'assistant', usage }, ...messages.slice(messages.length - long.fresh)] : messages;
    const params = { compact_token_threshold: turn.settings.compactTokenThreshold };
    const used = contextUsage(counted as unknown as Message[], params, limits());
    if (!used || used.tokens <= used.threshold) return null;
    const system = messages[0]?.role === 'system' ? messages.slice(0, 1) : [];
    const said = messages.slice(system.length);
    const at = roundBoundaryOf(said, retention());
    const callId = at === null ? null : firstCallOf(said[at]);
    if (at === null || callId === null) return null;
    const summary = await summarisePart({ turn, model }, said, at, previous);
    if (summary === null) return null;
    const question = said.slice(0, at).findLast(({ role }) => role === 'user');
    const kept = [...withoutSummary(system, previous), ...(question ? [question] : []), ...said.slice(at)];
    return { messages: addSystemText(kept, `${HEADING}\n${summary}`, 'after'), summary, callId };
  }

  const retention = () => config.get('chat.context_compaction.retention_percentage');

  /** The summary of what comes before; null when none could be made, then everything is sent. */
  async function summarisePart(
    { turn, model }: Pick<Draft, 'turn' | 'model'>,
    messages: readonly ChatMessage[],
    at: number,
    previous: string | null,
  ): Promise<string | null> {
    const [compacted, recent] = [messages.slice(0, at), messages.slice(at)];
    tell(turn, { description: 'Summarizing the conversation', done: false });
    try {
      const { user, metadata, signal } = turn;
      const summary = await summarise({ user, model, metadata, signal, previous, compacted, recent });
      const id = recent[0]?.id;
      const stored = turn.kind === 'saved' && typeof id === 'string';
      if (stored) await keep(turn.chatId, id, summary);
      const checkpoint = stored ? { checkpoint_message_id: id } : {};
      tell(turn, { description: 'Summarized the conversation', done: true, ...checkpoint, context_summary: summary });
      return summary;
    } catch (error) {
      turn.signal.throwIfAborted();
      log.warn({ err: error, chat: turn.chatId }, 'a conversation could not be summarised; all of it is sent');
      tell(turn, { description: 'The conversation could not be summarized', done: true, error: true });
      return null;
    }
  }

  return {
    step: { place: 'compaction', name: 'compaction', run: shorten },
    betweenRounds,

    async compact(user, chat, modelId) {
      const { db } = database;
      const branch = chat.current_message_id ? await loadBranch(db, chat.id, chat.current_message_id) : [];
      const usage = (messages: readonly Message[]) => contextUsage(messages, {}, limits());
      const kept = sinceCheckpoint(branch);
      const current = kept.messages.at(-1);
      const short = { ok: true, compacted: false, context_usage: usage(branch) };
      if (!current) return { ...short, reason: 'empty' };
      if (kept.messages.length < 2) return { ...short, reason: 'too_short' };
      const id = modelId ?? branch.findLast(({ model }) => typeof model === 'string')?.model ?? '';
      const model = id === '' ? null : await deps.models.resolve(user, id);
      if (!model) throw new HttpError(400, 'Model not found', { code: 'model.unknown' });
      const compacted = kept.messages.slice(0, -1) as readonly ChatMessage[];
      const summary = await summarise({
        user,
        model,
        metadata: { user_id: user.id, chat_id: chat.id, message_id: current.id },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        previous: kept.summary,
        compacted,
        recent: [current as ChatMessage],
      });
      await keep(chat.id, current.id, summary);
      const now = (await loadMessage(db, chat.id, current.id)) ?? current;
      return {
        ok: true,
        compacted: true,
        dropped_messages: compacted.length,
        kept_messages: 1,
        summary_chars: summary.length,
        context_usage: usage([...branch.slice(0, -1), now]),
      };
    },
  };
}

/** The question alone, with the summary that stands for everything before and part of its answer. */
export function summarised(messages: readonly ChatMessage[], summary: string): ChatMessage[] {
  const question = messages.findLast(({ role }) => role === 'user');
  const kept = [...messages.filter(({ role }) => role === 'system'), ...(question ? [question] : [])];
  return addSystemText(kept, `${HEADING}\n${summary}`, 'after');
}

/** The system message without the summary a new one stands for. */
function withoutSummary(system: readonly ChatMessage[], previous: string | null): readonly ChatMessage[] {
  if (previous === null) return system;
  const old = `${HEADING}\n${previous}`;
  return system.flatMap((message) => {
    if (typeof message.content !== 'string') return [message];
    const content = message.content.replace(old, '').trim();
    return content === '' ? [] : [{ ...message, content }];
  });
}

function firstCallOf(message: ChatMessage | undefined): string | null {
  const [call] = Array.isArray(message?.tool_calls) ? message.tool_calls : [];
  return isObject(call) && typeof call.id === 'string' ? call.id : null;
}

const TIMEOUT_MS = 300_000;

function tell(turn: TurnContext, data: JsonObject): void {
  turn.emit({ type: 'context_compaction', data: { action: 'context_compaction', ...data } });
}

/** What stands for a summary that a model did not give: how each message began. */
function excerpt(previous: string | null, messages: readonly ChatMessage[]): string {
  const lines = messages.map(({ role, content }) => `${role.toUpperCase()}: ${textOf(content).slice(0, EXCERPT.one)}`);
  return [...(previous ? [previous] : []), ...lines].join('\n').slice(0, EXCERPT.all);
}
