import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type FunctionCallItem, newItemId, type OutputItem } from '../reply/items.ts';
import type { TurnTool } from '../turn/turn.ts';
import { readArguments } from './arguments.ts';
import { thrownText } from './failure.ts';
import { type Keep, readResult, resultItem } from './tool-result.ts';
import { untilStopped } from './until-stopped.ts';

export type Tools = ReadonlyMap<string, TurnTool>;

/** What a call needs besides itself. */
export interface CallScope {
  tools: Tools;
  signal: AbortSignal;
  /** Stores pictures that came inline; null: they stay. */
  keep: Keep | null;
}

/** Runs a call; whatever goes wrong is its result, for the model to see (note 4.4.7). Throws only when the reply is stopped. */
export async function runCall(call: FunctionCallItem, scope: CallScope): Promise<OutputItem> {
  const result = readResult(call.name, await outcomeOf(call, scope));
  const item = await resultItem(result, scope.keep);
  scope.signal.throwIfAborted();
  const status = looksFailed(result.text) ? 'failed' : 'completed';
  call.status = status;
  return { type: 'function_call_output', id: newItemId('fco'), call_id: call.call_id, ...item, status };
}

/** Calls at work at once; a model that asks for more waits. */
const AT_ONCE = 8;

/** Runs the calls of a round side by side; gives their results in the order of the calls, each as soon as those before are there. */
export async function* runCalls(
  calls: readonly FunctionCallItem[],
  scope: CallScope,
  atOnce = AT_ONCE,
): AsyncGenerator<{ call: FunctionCallItem; result: OutputItem }> {
  const results: Promise<OutputItem>[] = [];
  for (const [at, call] of calls.entries()) {
    const before = results[at - atOnce];
    const result = before ? before.then(() => runCall(call, scope)) : runCall(call, scope);
    // Who stops at the first failure must not leave the others unheard.
    result.catch(() => {});
    results.push(result);
  }
  for (const [at, call] of calls.entries()) {
    const result = await results[at];
    if (result) yield { call, result };
  }
}

async function outcomeOf(call: FunctionCallItem, { tools, signal }: CallScope): Promise<unknown> {
  const tool = tools.get(call.name);
  if (!tool) return `Error: Tool "${call.name}" not found.`;
  const args = readArguments(call.arguments);
  if (args === null) return 'Error: the arguments are no JSON. Correct them and call the tool again.';
  if (!isObject(args)) return 'Error: the arguments must be a JSON object. Correct them and call the tool again.';
  // What is stored goes back to providers, some of which read it.
  if (parsed(call.arguments) === null) call.arguments = JSON.stringify(args);
  return (await callTool(tool, args, { callId: call.call_id, signal })).value;
}

/** Runs a tool with the arguments it takes; what it throws is its value. Throws only when the reply is stopped. */
export async function callTool(
  tool: TurnTool,
  given: JsonObject,
  call: { callId: string; signal: AbortSignal },
): Promise<{ args: JsonObject; value: unknown }> {
  const args = tool.takesAnything ? given : knownArguments(tool, given);
  try {
    return { args, value: await untilStopped(tool.run(args, call), call.signal) };
  } catch (error) {
    call.signal.throwIfAborted();
    return { args, value: { error: thrownText(error) } };
  }
}

/** Without those the tool does not declare. */
function knownArguments({ spec }: TurnTool, args: JsonObject): JsonObject {
  const parameters = isObject(spec.parameters) ? spec.parameters : {};
  const declared = isObject(parameters.properties) ? parameters.properties : null;
  if (!declared || parameters.additionalProperties === true) return args;
  return Object.fromEntries(Object.entries(args).filter(([name]) => Object.hasOwn(declared, name)));
}

const ERROR_START = /^\s*(?:error:|exception:|traceback|http error!)/i;

/** Whether the text of a result says that the tool failed (note 4.4.7). */
export function looksFailed(text: string): boolean {
  if (ERROR_START.test(text)) return true;
  if (!text.trimStart().startsWith('{')) return false;
  const value = parsed(text);
  if (!isObject(value)) return false;
  if (value.error) return true;
  if (value.status === 'error' || value.status === 'failed') return true;
  return (value.success === false || value.ok === false) && Boolean(value.message);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
