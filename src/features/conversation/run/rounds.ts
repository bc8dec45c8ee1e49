import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Providers } from '../../providers/index.ts';
import { type ChatMessage, providerEntry, replayOutput } from '../prepare/index.ts';
import { tidyMessages } from '../prepare/messages.ts';
import type { Prepared } from '../turn/turn.ts';
import { completionParts } from './completion-parts.ts';
import type { LiveRun } from './live-run.ts';
import { openCalls, runCall, type Tools } from './tools.ts';

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
  for await (const parts of untilAborted(stream, signal)) run.take(run.reply.apply(parts));
  signal.throwIfAborted();
  run.take(run.reply.endRound());
}

async function wholeRound(
  run: LiveRun,
  prepared: Prepared,
  body: JsonObject,
  { providers }: RoundsDeps,
): Promise<void> {
  const completion = await providers.complete(providerEntry(prepared.model), body, callOf(run));
  run.turn.signal.throwIfAborted();
  run.completion = completion;
  run.take(run.reply.apply(completionParts(completion)), true);
  run.take(run.reply.endRound(), true);
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

/** The values of a stream until the signal is aborted: then it throws at once, also when the stream hangs. */
async function* untilAborted<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  const iterator = stream[Symbol.asyncIterator]();
  let refuse: ((reason: unknown) => void) | undefined;
  const aborted = () => refuse?.(signal.reason);
  signal.addEventListener('abort', aborted);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await new Promise<IteratorResult<T>>((resolve, reject) => {
        refuse = reject;
        iterator.next().then(resolve, reject);
      });
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', aborted);
    // A stream that hangs would never end its clean-up; it goes on by itself.
    iterator.return?.()?.catch(() => {});
  }
}
