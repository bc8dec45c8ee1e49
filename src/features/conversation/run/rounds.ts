import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Part, Providers } from '../../providers/index.ts';
import { type ChatMessage, providerEntry, replayOutput } from '../prepare/index.ts';
import { tidyMessages } from '../prepare/messages.ts';
import type { Prepared } from '../turn/turn.ts';
import { completionParts } from './completion-parts.ts';
import type { LiveRun } from './live-run.ts';
import { openCalls, runCall, type Tools } from './tools.ts';
import { untilStopped } from './until-stopped.ts';

export interface RoundsDeps {
  providers: Pick<Providers, 'stream' | 'complete'>;
  /** Rounds with tools one reply may have; negative: as many as the model wants. */
  maxToolRounds: number;
}

const NO_TOOLS: Tools = new Map();

/** Asks the model, runs the tools it calls, asks again, until it calls none. Errors of the provider are the run's `failure`. */
export async function writeRounds(run: LiveRun, prepared: Prepared, deps: RoundsDeps): Promise<void> {
  const { signal } = run.turn;
  let { body } = prepared;
  for (let round = 0; ; round += 1) {
    const from = run.reply.items.length;
    if (body.stream === true) await streamRound(run, prepared, body, deps);
    else await wholeRound(run, prepared, body, deps);
    if (run.failure) return;
    const calls = openCalls(run.reply.items.slice(from));
    if (calls.length === 0) return;
    if (deps.maxToolRounds >= 0 && round >= deps.maxToolRounds) {
      run.failure = {
        status: null,
        error: `The limit of ${deps.maxToolRounds} tool rounds for one answer is reached.`,
      };
      return;
    }
    publish(run, from);
    for (const call of calls) run.reply.add(await runCall(call, prepared.tools ?? NO_TOOLS, signal));
    publish(run, from);
    body = nextBody(body, run.reply.items.slice(from));
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
  const stream = providers.stream(providerEntry(prepared.model), body, callOf(run));
  // One race for the whole stream: a provider that hangs must not keep a stopped reply.
  await untilStopped(readStream(run, stream), signal);
  signal.throwIfAborted();
  run.take(run.reply.endRound());
  run.tellUsage();
}

async function readStream(run: LiveRun, stream: AsyncIterable<readonly Part[]>): Promise<void> {
  const { signal } = run.turn;
  for await (const parts of stream) {
    if (signal.aborted) return;
    run.take(run.reply.apply(parts));
  }
}

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

function callOf({ turn }: LiveRun) {
  return { user: turn.user, signal: turn.signal, metadata: turn.metadata };
}

/** Shows the items of the round as they are now. */
function publish(run: LiveRun, from: number): void {
  for (const [at, item] of run.reply.items.slice(from).entries()) {
    run.delivery.push({ type: 'response.output_item.done', output_index: from + at, item: { ...item } });
  }
  run.delivery.flush();
}

/** The request for the next round: what was said and done in this one is part of the history. */
function nextBody(body: JsonObject, items: readonly object[]): JsonObject {
  const before = (Array.isArray(body.messages) ? body.messages : []).filter(isObject) as ChatMessage[];
  const said = replayOutput(items, { thoughts: null, keepDetails: true });
  return { ...body, messages: tidyMessages([...before, ...said]), stream: body.stream === true };
}
