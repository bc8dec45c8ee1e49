import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type FunctionCallItem, isCallItem, newItemId, type OutputItem } from '../reply/items.ts';
import type { TurnTool } from '../turn/turn.ts';
import { thrownText } from './failure.ts';

export type Tools = ReadonlyMap<string, TurnTool>;

/** Calls of these items that have no result yet. */
export function openCalls(items: readonly OutputItem[]): FunctionCallItem[] {
  const answered = new Set<unknown>();
  for (const item of items) if (item.type === 'function_call_output') answered.add((item as JsonObject).call_id);
  return items.filter((item): item is FunctionCallItem => isCallItem(item) && !answered.has(item.call_id));
}

/** Runs a call; whatever goes wrong is its result, for the model to see (note 4.4.7). Throws only when the reply is stopped. */
export async function runCall(call: FunctionCallItem, tools: Tools, signal: AbortSignal): Promise<OutputItem> {
  const text = await resultOf(call, tools, signal);
  signal.throwIfAborted();
  const status = looksFailed(text) ? 'failed' : 'completed';
  call.status = status;
  const output = [{ type: 'input_text', text }];
  return { type: 'function_call_output', id: newItemId('fco'), call_id: call.call_id, output, status };
}

async function resultOf(call: FunctionCallItem, tools: Tools, signal: AbortSignal): Promise<string> {
  const tool = tools.get(call.name);
  if (!tool) return `Error: Tool "${call.name}" not found.`;
  const args = readArguments(call.arguments);
  if (!args) return 'Error: the arguments are no JSON object. Correct them and call the tool again.';
  try {
    return resultText(await tool.run(knownArguments(tool, args), { callId: call.call_id, signal }));
  } catch (error) {
    return JSON.stringify({ error: thrownText(error) });
  }
}

function readArguments(text: string): JsonObject | null {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Without those the tool does not declare. */
function knownArguments({ spec }: TurnTool, args: JsonObject): JsonObject {
  const parameters = isObject(spec.parameters) ? spec.parameters : {};
  const declared = isObject(parameters.properties) ? parameters.properties : null;
  if (!declared || parameters.additionalProperties === true) return args;
  return Object.fromEntries(Object.entries(args).filter(([name]) => Object.hasOwn(declared, name)));
}

function resultText(result: unknown): string {
  if (typeof result === 'string') return result;
  if (result === undefined || result === null) return 'null';
  if (Array.isArray(result)) return JSON.stringify({ results: result }, null, 2);
  return isObject(result) ? JSON.stringify(result, null, 2) : String(result);
}

const ERROR_START = /^\s*(?:error:|exception:|traceback|http error!)/i;

/** Whether the text of a result says that the tool failed (note 4.4.7). */
export function looksFailed(text: string): boolean {
  if (ERROR_START.test(text)) return true;
  if (!text.trimStart().startsWith('{')) return false;
  const value = readArguments(text);
  if (!value) return false;
  if (value.error) return true;
  if (value.status === 'error' || value.status === 'failed') return true;
  return (value.success === false || value.ok === false) && Boolean(value.message);
}
