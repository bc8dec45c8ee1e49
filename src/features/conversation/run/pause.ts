import { ASK_USER, callResult, holdCalls, openCalls } from '../approval/calls.ts';
import { readQuestions } from '../builtin-tools/ask-user.ts';
import type { FunctionCallItem, OutputItem } from '../reply/items.ts';
import type { TurnContext } from '../turn/turn.ts';

/** Whether calls of a reply wait in the chat for the user; elsewhere the person at the tab is asked while the reply is written. */
export function pauses({ kind, internal }: Pick<TurnContext, 'kind' | 'internal'>): boolean {
  return kind === 'saved' && !internal;
}

export interface Staged {
  /** Results that need no run: calls that cannot be asked. */
  results: OutputItem[];
  /** The user has to decide first. */
  waits: boolean;
}

const ALONE = 'Error: ask_user must be the only call of its turn. Call it again alone.';

/** Decides what becomes of the calls of a round before one of them runs: which wait for the user, which are refused (notes 8.2, 8.3). */
export function stageCalls(turn: TurnContext, calls: readonly FunctionCallItem[]): Staged {
  if (!pauses(turn)) return { results: [], waits: false };
  const results: OutputItem[] = [];
  const asks = calls.filter(({ name }) => name === ASK_USER);
  for (const call of asks) {
    const refusal = calls.length > 1 ? ALONE : refusalOf(call);
    if (refusal === null) continue;
    call.status = 'failed';
    results.push(callResult(call, refusal, 'failed'));
  }
  const open = openCalls([...calls, ...results]);
  const asked = open.some(({ name }) => name === ASK_USER);
  const waits = open.length > 0 && (asked || turn.settings.toolApprovalMode === 'ask');
  if (waits) holdCalls(open);
  return { results, waits };
}

function refusalOf(call: FunctionCallItem): string | null {
  let args: unknown;
  try {
    args = JSON.parse(call.arguments || '{}');
  } catch {
    return 'Error: the arguments are no JSON object. Correct them and call the tool again.';
  }
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    return 'Error: the arguments are no JSON object. Correct them and call the tool again.';
  }
  const questions = readQuestions(args as Record<string, unknown>);
  return typeof questions === 'string' ? `Error: ${questions}` : null;
}
