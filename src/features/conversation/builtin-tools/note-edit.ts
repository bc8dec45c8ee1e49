import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** Why an edit is refused; `code` and `index` are the contract, the text is for the model (plugins note, 4.5). */
export interface EditFailure extends JsonObject {
  error: string;
  code: string;
  index?: number;
}

export interface Edited {
  content: string;
  /** Where the new texts stand, in code points of the original. */
  ranges: { start: number; end: number }[];
  count: number;
}

interface Change {
  index: number;
  start: number;
  end: number;
  text: string;
}

/** Characters of context around each place of an ambiguous text. */
const CONTEXT = 40;
const SHOWN_MATCHES = 10;

/** Applies operations to Markdown: all of them, or none. Offsets are code points of the original text. */
export function editNote(markdown: string, operations: readonly unknown[]): Edited | EditFailure {
  const original = [...markdown];
  const changes: Change[] = [];
  for (const [index, operation] of operations.entries()) {
    const read = isObject(operation)
      ? readOperation(original, operation, index, operations.length)
      : fail('invalid_operation', 'An operation must be an object.', index);
    if ('error' in read) return read;
    changes.push(...read.changes);
  }
  changes.sort((a, b) => a.start - b.start || a.end - b.end);
  for (const [at, change] of changes.entries()) {
    const before = changes[at - 1];
    if (before && change.start < before.end) {
      return fail('overlapping_operations', 'Two operations change the same place.', change.index);
    }
  }
  let content = original;
  for (const { start, end, text } of changes.toReversed()) {
    content = [...content.slice(0, start), ...text, ...content.slice(end)];
  }
  return {
    content: content.join(''),
    ranges: changes.map(({ start, end }) => ({ start, end })),
    count: operations.length,
  };
}

export function isFailure<T extends object>(value: T | EditFailure): value is EditFailure {
  return 'error' in value && 'code' in value;
}

export function fail(code: string, error: string, index?: number): EditFailure {
  return { error, code, ...(index === undefined ? {} : { index }) };
}

type Read = { changes: Change[] } | EditFailure;

function readOperation(original: readonly string[], operation: JsonObject, index: number, count: number): Read {
  const { action, content } = operation;
  if (action !== 'replace' && action !== 'replace_text' && action !== 'replace_range') {
    return fail('invalid_action', 'The action must be replace or replace_text.', index);
  }
  if (typeof content !== 'string') return fail('invalid_content', 'An operation needs a content.', index);
  if (action === 'replace') {
    if (count > 1) return fail('invalid_operations', 'replace must be the only operation.', index);
    return { changes: [{ index, start: 0, end: original.length, text: content }] };
  }
  return operation.find === undefined || operation.find === null
    ? readRange(original, operation, content, index)
    : readFind(original, operation, content, index);
}

function readRange(
  original: readonly string[],
  { start, end, expected }: JsonObject,
  text: string,
  index: number,
): Read {
  if (!isOffset(start) || !isOffset(end) || end < start) {
    return fail('invalid_range', 'start and end must be whole numbers, start not after end.', index);
  }
  if (end > original.length) return fail('range_out_of_bounds', `The note has ${original.length} characters.`, index);
  if (expected !== undefined && expected !== null && original.slice(start, end).join('') !== expected) {
    return fail('expected_mismatch', 'The text in this range is another than expected.', index);
  }
  return { changes: [{ index, start, end, text }] };
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function readFind(original: readonly string[], operation: JsonObject, text: string, index: number): Read {
  const { find, occurrence } = operation;
  if (typeof find !== 'string' || find === '') return fail('invalid_find', 'find must be a text.', index);
  const matches = placesOf(original, find);
  if (matches.length === 0) return fail('text_not_found', 'The text is not in the note.', index);
  const change = (place: { start: number; end: number }): Change => ({ index, ...place, text });
  if (operation.replace_all === true) return { changes: matches.map(change) };
  if (occurrence !== undefined && occurrence !== null) {
    const chosen = Number.isSafeInteger(occurrence) ? matches[Number(occurrence) - 1] : undefined;
    if (!chosen) return fail('invalid_occurrence', `occurrence must be between 1 and ${matches.length}.`, index);
    return { changes: [change(chosen)] };
  }
  const [only, ...more] = matches;
  if (only && more.length === 0) return { changes: [change(only)] };
  const shown = matches.slice(0, SHOWN_MATCHES).map(({ start, end }) => ({
    start,
    end,
    context: original.slice(Math.max(0, start - CONTEXT), end + CONTEXT).join(''),
  }));
  return { ...fail('ambiguous_match', `The text is in the note ${matches.length} times.`, index), matches: shown };
}

/** Where a text stands, in code points, without overlaps. */
function placesOf(original: readonly string[], find: string): { start: number; end: number }[] {
  const whole = original.join('');
  const length = [...find].length;
  const places: { start: number; end: number }[] = [];
  let [units, points] = [0, 0];
  for (let at = whole.indexOf(find); at >= 0; at = whole.indexOf(find, at + find.length)) {
    points += [...whole.slice(units, at)].length;
    units = at;
    places.push({ start: points, end: points + length });
  }
  return places;
}
