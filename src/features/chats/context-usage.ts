import { isObject, type Message } from './document.ts';

/** How full the model's context is, by the figures stored with the messages. */
export interface ContextUsage {
  tokens: number;
  estimated_tokens: number;
  threshold: number;
  percent: number;
  source: 'estimated';
}

export interface ContextLimits {
  /** `chat.context_compaction.token_threshold` */
  threshold: number;
  /** `chat.context_compaction.token_cap`; null = the threshold */
  cap: number | null;
}

const IMAGE_TOKENS = 1000;
const MESSAGE_TOKENS = 4;

/** The usage of a branch (oldest message first); null when it is empty. */
export function contextUsage(branch: readonly Message[], params: unknown, limits: ContextLimits): ContextUsage | null {
  if (branch.length === 0) return null;
  const { messages, summary } = sinceCheckpoint(branch);
  const tokens = tokensOf(messages, summary);
  const own = isObject(params) ? Number(params.compact_token_threshold) : Number.NaN;
  const threshold = Math.min(Number.isFinite(own) && own > 0 ? own : limits.threshold, limits.cap || limits.threshold);
  return {
    tokens,
    estimated_tokens: tokens,
    threshold,
    percent: Math.round((tokens / threshold) * 100),
    source: 'estimated',
  };
}

interface Kept {
  messages: readonly Message[];
  /** What stands for everything before. */
  summary: string | null;
}

/** Cuts a branch at its newest compaction checkpoint. */
export function sinceCheckpoint(branch: readonly Message[]): Kept {
  for (let index = branch.length - 1; index >= 0; index -= 1) {
    const message = branch[index];
    if (!message) continue;
    const compaction = Array.isArray(message.output) ? lastCompaction(message.output) : undefined;
    if (compaction) {
      const kept = { ...message, output: (message.output ?? []).slice(compaction.from) };
      const question = branch[index - 1];
      const before = question?.role === 'user' ? [question] : [];
      return { messages: [...before, kept, ...branch.slice(index + 1)], summary: compaction.summary };
    }
    if (typeof message.contextSummary === 'string' && message.contextSummary.trim()) {
      return { messages: branch.slice(index), summary: message.contextSummary };
    }
  }
  return { messages: branch, summary: null };
}

function lastCompaction(output: readonly unknown[]): { from: number; summary: string } | undefined {
  const item = output.findLast((entry) => isObject(entry) && entry.type === 'open_webui:context_compaction');
  if (!isObject(item) || typeof item.summary !== 'string' || !item.summary.trim()) return undefined;
  const from = output.findIndex(
    (entry) => isObject(entry) && entry.type === 'function_call' && entry.call_id === item.call_id,
  );
  return from < 0 ? undefined : { from, summary: item.summary };
}

function tokensOf(messages: readonly Message[], summary: string | null): number {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const known = usedTokens(messages[index]?.usage);
    if (known > 0) return known + estimateMessages(messages.slice(index + 1));
  }
  return estimateText(summary) + estimateMessages(messages);
}

/** Prompt and completion tokens of a reply, under whatever name the provider gave them. */
function usedTokens(usage: unknown): number {
  if (!isObject(usage)) return 0;
  const prompt =
    number(usage.prompt_tokens) ||
    number(usage.prompt_eval_count) ||
    number(usage.prompt_n) + number(usage.cache_n) ||
    number(usage.input_tokens);
  const completion =
    number(usage.completion_tokens) ||
    number(usage.output_tokens) ||
    number(usage.eval_count) ||
    number(usage.predicted_n);
  return prompt + completion;
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** Tokens of messages no provider has counted. */
export function estimateMessages(messages: readonly Message[]): number {
  let tokens = 0;
  for (const message of messages) {
    tokens += MESSAGE_TOKENS + estimateContent(message.content);
    for (const part of [message.output, message.tool_calls, message.files]) tokens += estimateText(part);
  }
  return tokens;
}

function estimateContent(content: unknown): number {
  if (!Array.isArray(content)) return estimateText(content);
  let tokens = 0;
  for (const block of content) {
    if (!isObject(block)) tokens += estimateText(block);
    else if (typeof block.type === 'string' && block.type.includes('image')) tokens += IMAGE_TOKENS;
    else tokens += estimateText(block.text ?? block.content);
  }
  return tokens;
}

/** Four characters a token; anything but a text is measured as its compact JSON. */
export function estimateText(value: unknown): number {
  if (value === null || value === undefined || value === '') return 0;
  if (Array.isArray(value) && value.length === 0) return 0;
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  const bare = text.includes(';base64,') ? text.replace(/data:[\w/+.;=-]*;base64,[A-Za-z0-9+/=]*/g, '') : text;
  return bare ? Math.max(1, Math.floor(bare.length / 4)) : 0;
}
