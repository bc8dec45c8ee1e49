import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Part, Providers } from '../../providers/index.ts';
import { openCalls } from '../approval/calls.ts';
import { type LongReply, type ShortReply, summarised } from '../compaction/compaction.ts';
import {
  type ChatMessage,
  type ImageSource,
  inlineImages,
  providerEntry,
  replayOutput,
  thoughtKey,
} from '../prepare/index.ts';
import { tidyMessages } from '../prepare/messages.ts';
import {
  type CodeItem,
  type FunctionCallItem,
  isCallItem,
  isCodeItem,
  newItemId,
  type OutputItem,
} from '../reply/items.ts';
import { unwrapCalls } from '../tool-search/unwrap.ts';
import type { Prepared, RunCode, TurnContext } from '../turn/turn.ts';
import { completionParts } from './completion-parts.ts';
import type { LiveRun } from './live-run.ts';
import { stageCalls } from './pause.ts';
import type { Keep } from './tool-result.ts';
import { runCalls, type Tools } from './tools.ts';
import { untilStopped } from './until-stopped.ts';

export interface RoundsDeps {
  providers: Pick<Providers, 'stream' | 'complete'>;
  /** Rounds with tools one reply may have; negative: as many as the model wants. */
  maxToolRounds: number;
  /** Where pictures that tools give inline are kept. */
  keepFor(turn: TurnContext): Keep;
  /** Summarises what has grown too long between two rounds; null: nothing is changed. */
  shorten(long: LongReply): Promise<ShortReply | null>;
  /** Reads pictures for the model; null: addresses are passed on as they are. */
  images: ImageSource | null;
}

const NO_TOOLS: Tools = new Map();

/**
 * Asks the model, runs the tools it calls, asks again, until it calls none, or the user has to decide about calls. Errors of the provider
 * are the run's `failure`.
 */
export async function writeRounds(run: LiveRun, prepared: Prepared, deps: RoundsDeps): Promise<'ended' | 'waits'> {
  const most = run.turn.toolRounds ?? deps.maxToolRounds;
  let { body, summary } = prepared;
  let blocks = 0;
  if (prepared.runCode) run.watchCode();
  for (let round = 0; ; round += 1) {
    const from = run.reply.items.length;
    if (body.stream === true) await streamRound(run, prepared, body, deps);
    else await wholeRound(run, prepared, body, deps);
    if (run.failure) return 'ended';
    const calls = openCalls(run.reply.items.slice(from));
    if (calls.length === 0) {
      const block = blocks < MOST_BLOCKS ? run.reply.items.slice(from).findLast(isCodeItem) : undefined;
      if (!block || !prepared.runCode || run.reply.items.at(-1) !== block) return 'ended';
      blocks += 1;
      await runBlock(run, block, prepared.runCode);
      body = await nextBody(prepared, body, run, from, deps);
      run.nextRound();
      continue;
    }
    if (most >= 0 && round >= most) {
      run.failure = {
        status: null,
        error: `The limit of ${most} tool rounds for one answer is reached.`,
      };
      return 'ended';
    }
    const tools = prepared.tools ?? NO_TOOLS;
    for (const result of unwrapCalls(calls, tools)) run.reply.add(result);
    const staged = stageCalls(run.turn, openCalls(run.reply.items.slice(from)));
    for (const result of staged.results) run.reply.add(result);
    if (staged.waits) return 'waits';
    const before = run.reply.items.length;
    for (let at = from; at < before; at += 1) show(run, at);
    await runTools(run, openCalls(run.reply.items.slice(from)), tools, deps);
    body = await nextBody(prepared, body, run, from, deps);
    const short = await deps.shorten(longReply(run, prepared, body, summary));
    if (short) {
      summary = short.summary;
      body = { ...body, messages: short.messages };
      run.reply.add(checkpoint(short));
      show(run, run.reply.items.length - 1);
    }
    run.nextRound();
  }
}

async function streamRound(
  run: LiveRun,
  prepared: Prepared,
  body: JsonObject,
  { providers }: RoundsDeps,
): Promise<void> {
  const { signal } = run.turn;
  const heard = new AbortController();
  const call = { ...callOf(run), signal: prepared.runCode ? AbortSignal.any([signal, heard.signal]) : signal };
  const stream = providers.stream(providerEntry(prepared.model), body, call);
  // One race for the whole stream: a provider that hangs must not keep a stopped reply.
  await untilStopped(readStream(run, stream, heard), signal);
  signal.throwIfAborted();
  run.take(run.reply.endRound());
  run.tellUsage();
}

async function readStream(run: LiveRun, stream: AsyncIterable<readonly Part[]>, heard: AbortController): Promise<void> {
  const { signal } = run.turn;
  let timer: NodeJS.Timeout | undefined;
  try {
    for await (const parts of stream) {
      if (signal.aborted || heard.signal.aborted) return;
      run.take(run.reply.apply(parts));
      // The figures come at the end; a model that goes on talking after its code is cut off.
      if (run.reply.halted) timer ??= setTimeout(() => heard.abort(), FIGURES_MS);
    }
  } catch (error) {
    if (!heard.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a block of code; what it gave is part of the reply (note 4.4.8). */
async function runBlock(run: LiveRun, block: CodeItem, runCode: RunCode): Promise<void> {
  const { signal } = run.turn;
  const at = run.reply.items.indexOf(block);
  if (block.attributes.type === 'code') block.output = await untilStopped(runCode(block.code, signal), signal);
  signal.throwIfAborted();
  block.ended_at = Date.now() / 1_000;
  block.duration = Math.trunc(block.ended_at - block.started_at);
  block.status = 'completed';
  show(run, at);
  run.delivery.flush();
}

/** Milliseconds a provider has for the figures after a block of code. */
const FIGURES_MS = 1_000;
/** Blocks of code one reply may have. */
const MOST_BLOCKS = 5;

async function wholeRound(
  run: LiveRun,
  prepared: Prepared,
  body: JsonObject,
  { providers }: RoundsDeps,
): Promise<void> {
  const work = providers.complete(providerEntry(prepared.model), body, callOf(run));
  const completion = await untilStopped(work, run.turn.signal);
  run.turn.signal.throwIfAborted();
  run.completion = completion;
  run.take(run.reply.apply(completionParts(completion)), true);
  run.take(run.reply.endRound(), true);
  run.tellUsage();
  if (!run.failure && !run.turn.continues) run.emit({ type: 'chat:completion', data: completion });
}

function callOf({ turn, delivery }: LiveRun) {
  return {
    user: turn.user,
    signal: turn.signal,
    metadata: turn.metadata,
    rest: () => delivery.due(),
    ...(turn.caller && { caller: turn.caller }),
  };
}

async function runTools(
  run: LiveRun,
  calls: readonly FunctionCallItem[],
  tools: Tools,
  deps: RoundsDeps,
): Promise<void> {
  const { turn, reply } = run;
  const keep = turn.kind === 'saved' ? deps.keepFor(turn) : null;
  // Where a person is asked about each call, one question comes after the other.
  const atOnce = turn.settings.toolApprovalMode === 'ask' ? 1 : undefined;
  run.delivery.flush();
  for await (const { call, result } of runCalls(calls, { tools, signal: turn.signal, keep }, atOnce)) {
    reply.add(result);
    show(run, reply.items.indexOf(call));
    show(run, reply.items.length - 1);
    run.delivery.flush();
  }
}

/** Shows an item as it is now; pictures in results are for the model alone. */
function show(run: LiveRun, at: number): void {
  const item = run.reply.items[at];
  if (!item) return;
  run.delivery.push({ type: 'response.output_item.done', output_index: at, item: withoutPictures(item) });
}

function withoutPictures(item: OutputItem): OutputItem {
  if (item.type !== 'function_call_output' || !('output' in item) || !Array.isArray(item.output)) return { ...item };
  const isText = (part: unknown) => !isObject(part) || part.type !== 'input_image';
  return { ...item, output: item.output.filter(isText) };
}

/** The request after calls that waited: the reply so far is part of the history, from its last summary on. */
export async function resumedBody(
  prepared: Prepared,
  run: LiveRun,
  deps: Pick<RoundsDeps, 'images'>,
): Promise<JsonObject> {
  const { body } = prepared;
  const mark = run.reply.items.findLast((item): item is Checkpoint => item.type === 'open_webui:context_compaction');
  const from = mark ? run.reply.items.findIndex((item) => isCallItem(item) && item.call_id === mark.call_id) : 0;
  if (!mark || from <= 0) return nextBody(prepared, body, run, 0, deps);
  const messages = summarised(messagesOf(body), mark.summary);
  return nextBody(prepared, { ...body, messages }, run, from, deps);
}

type Checkpoint = OutputItem & { call_id: string; summary: string };

function longReply(
  { turn, reply }: LiveRun,
  { model }: Prepared,
  body: JsonObject,
  previous: string | null,
): LongReply {
  const messages = messagesOf(body);
  const fresh = messages.length - 1 - messages.findLastIndex(({ role }) => role === 'assistant');
  return { turn, model, messages, fresh, usage: reply.usage, previous };
}

function messagesOf(body: JsonObject): ChatMessage[] {
  return (Array.isArray(body.messages) ? body.messages : []).filter(isObject) as ChatMessage[];
}

/** Says in the reply itself up to where it is summarised, for the turns that follow. */
function checkpoint({ callId, summary }: ShortReply): OutputItem {
  return { type: 'open_webui:context_compaction', id: newItemId('cc'), call_id: callId, summary };
}

/** The request for the next round: what was said and done in this one is part of the history. */
async function nextBody(
  { model }: Prepared,
  body: JsonObject,
  run: LiveRun,
  from: number,
  { images }: Pick<RoundsDeps, 'images'>,
): Promise<JsonObject> {
  const before = messagesOf(body);
  const said = replayOutput(run.reply.items.slice(from), { thoughts: thoughtKey(model), keepDetails: true });
  const seen = images ? await inlineImages(said, (url) => images(url, run.turn)) : said;
  return { ...body, messages: tidyMessages([...before, ...seen]), stream: body.stream === true };
}
