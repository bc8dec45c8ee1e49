import { isObject } from '../../../kernel/json.ts';
import { callResult } from '../approval/calls.ts';
import type { FunctionCallItem, OutputItem } from '../reply/items.ts';
import type { TurnTool } from '../turn/turn.ts';

export const SEARCH_TOOLS = 'search_tools';
export const CALL_TOOL = 'call_tool';

/**
 * Calls through the dispatcher become calls of the tools they name, in place; what the model really said is kept beside. Gives the
 * results of those that name none.
 */
export function unwrapCalls(calls: readonly FunctionCallItem[], tools: ReadonlyMap<string, TurnTool>): OutputItem[] {
  return calls.flatMap((call) => {
    if (tools.get(call.name)?.isDispatcher !== true) return [];
    const wanted = readWanted(call.arguments, tools);
    if (typeof wanted === 'string') {
      call.status = 'failed';
      return [callResult(call, `Error: ${wanted}`, 'failed')];
    }
    call.provider_function = { name: call.name, arguments: call.arguments };
    call.name = wanted.name;
    call.arguments = wanted.arguments;
    return [];
  });
}

/** The call that is meant, or why there is none. */
function readWanted(text: string, tools: ReadonlyMap<string, TurnTool>): { name: string; arguments: string } | string {
  const given = parsed(text);
  if (!isObject(given)) return 'the arguments are no JSON object.';
  const { tool_name: name, params, ...others } = given;
  if (typeof name !== 'string' || Object.keys(others).length > 0) return 'give tool_name and params, and nothing else.';
  if (!tools.has(name) || name === SEARCH_TOOLS || name === CALL_TOOL) {
    return `there is no tool "${name}" to be called. Look it up with ${SEARCH_TOOLS}.`;
  }
  const inner: unknown = typeof params === 'string' ? parsed(params) : params;
  if (!isObject(inner)) return 'params must be the text of a JSON object.';
  return { name, arguments: JSON.stringify(inner) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
