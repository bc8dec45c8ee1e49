import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type FunctionCallItem, isCallItem, isMessageItem, newItemId, type OutputItem } from '../reply/items.ts';

/** Calls that have not run; `pending`: the user is asked now, `queued`: behind that one, or approved. */
const WAITING = new Set<unknown>(['pending', 'queued', 'requires_approval']);

/** The tool that asks the user; its call is answered, never run, in a stored chat. */
export const ASK_USER = 'ask_user';

export function isWaiting(item: OutputItem | undefined): item is FunctionCallItem {
  return isCallItem(item) && WAITING.has(item.status);
}

/** Calls of these items that have no result yet. */
export function openCalls(items: readonly OutputItem[]): FunctionCallItem[] {
  const answered = new Set<unknown>();
  for (const item of items) if (item.type === 'function_call_output') answered.add((item as JsonObject).call_id);
  return items.filter((item): item is FunctionCallItem => isCallItem(item) && !answered.has(item.call_id));
}

/** Makes calls wait for the user, the first of them now (note 8.2). */
export function holdCalls(calls: readonly FunctionCallItem[]): void {
  for (const [at, call] of calls.entries()) {
    if (!call.call_id) call.call_id = call.id;
    call.status = at === 0 ? 'pending' : 'queued';
  }
}

/** The items of a stored reply; what cannot be one is left out. */
export function itemsOf(output: unknown): OutputItem[] {
  if (!Array.isArray(output)) return [];
  return output.filter((item): item is OutputItem => isObject(item) && typeof item.type === 'string');
}

export function callResult(call: FunctionCallItem, text: string, status: string): OutputItem {
  const output = [{ type: 'input_text', text }];
  return { type: 'function_call_output', id: `fco_${call.call_id}`, call_id: call.call_id, output, status };
}

/** What the user decides about a call. */
export interface Decision {
  callId: string;
  action: 'approve' | 'reject' | 'answer';
  answers: unknown;
  timedOut: boolean;
}

/** How a reply goes on: approved calls run, or all have results and the model is asked. */
export type Resume = 'tools' | 'model';

const REJECTED = 'Error: The user did not approve this call.';

/** Lays a decision over the items of a waiting reply, in place; null: the reply goes on waiting, or is in work. */
export function decide(items: OutputItem[], { callId, action, answers, timedOut }: Decision): Resume | null {
  const call = items.find((item): item is FunctionCallItem => isCallItem(item) && item.call_id === callId);
  if (!call) throw new HttpError(404, 'Tool call not found.', { code: 'call.unknown' });
  if (!openCalls(items).includes(call) || !isWaiting(call) || call.approved === true) throw resolved();
  const asks = call.name === ASK_USER;
  if (action === 'answer') {
    if (!asks) throw new HttpError(400, 'Tool call does not accept answers.', { code: 'call.kind' });
    if (!timedOut && (answers === null || answers === undefined)) {
      throw new HttpError(400, 'Answers are required.', { code: 'call.answers' });
    }
    call.status = 'completed';
    const result = timedOut ? { status: 'cancelled', answers: {}, timed_out: true } : { status: 'answered', answers };
    items.push(callResult(call, JSON.stringify(result), 'completed'));
  } else if (action === 'approve') {
    if (asks) throw new HttpError(400, 'Tool call requires answers.', { code: 'call.kind' });
    call.status = 'queued';
    call.approved = true;
  } else {
    call.status = 'rejected';
    items.push(callResult(call, REJECTED, 'rejected'));
  }
  const others = openCalls(items).filter((other) => other !== call);
  if (others.some((other) => other.approved === true || other.status === 'in_progress')) return null;
  if (action === 'approve') return 'tools';
  return askNext(items) ? null : awaitModel(items);
}

export function resolved(): HttpError {
  return new HttpError(409, 'Tool call has already been resolved.', { code: 'call.resolved' });
}

/** The model is asked next: an empty message says so in what is stored. */
function awaitModel(items: OutputItem[]): Resume {
  const last = items.at(-1);
  if (!(isMessageItem(last) && last.status === 'in_progress')) {
    items.push({ type: 'message', id: newItemId('msg'), status: 'in_progress', role: 'assistant', content: [] });
  }
  return 'model';
}

/** The first waiting call becomes the one the user is asked about. False: none waits. */
export function askNext(items: readonly OutputItem[]): boolean {
  const [first] = openCalls(items).filter(isWaiting);
  if (first) first.status = 'pending';
  return first !== undefined;
}

/** What a run of approved calls finds: a call it may run, a reply that waits (or is in work elsewhere), or that all have results. */
export type Next = FunctionCallItem | 'waits' | 'done';

/** Takes the next approved call, in place. `full`: the user is not asked any more, so every call counts as approved. */
export function takeNext(items: OutputItem[], full: boolean): Next {
  const open = openCalls(items);
  if (open.some(({ status }) => status === 'in_progress')) return 'waits';
  const next = open.find((call) => isWaiting(call) && call.name !== ASK_USER && (full || call.approved === true));
  if (next) {
    next.status = 'in_progress';
    return next;
  }
  if (askNext(items)) return 'waits';
  awaitModel(items);
  return 'done';
}

const LOST = 'Error: The server stopped while this call ran. Whether it took effect is not known.';

/**
 * What is left of a reply whose server stopped, in place: a call that ran has failed and is not run again, whatever waits still
 * waits. Gives how the reply goes on; null: nothing waits, the reply is over.
 */
export function surviveStop(items: OutputItem[]): 'waits' | 'tools' | null {
  const open = openCalls(items);
  if (!open.some(isWaiting)) return null;
  for (const call of open.filter(({ status }) => status === 'in_progress')) {
    call.status = 'failed';
    items.push(callResult(call, LOST, 'failed'));
  }
  if (open.some((call) => isWaiting(call) && call.approved === true)) return 'tools';
  askNext(items);
  return 'waits';
}
