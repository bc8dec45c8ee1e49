import { isObject, type JsonObject } from '../../../kernel/json.ts';

const MAX_FOLLOW_UPS = 5;
const MAX_FOLLOW_UP_LENGTH = 400;

/** The title a model gave; null when it gave none. */
export function readTitle(completion: unknown): string | null {
  const title = answerObject(completion, 'title')?.title;
  if (typeof title !== 'string') return null;
  return title.replace(/\s+/g, ' ').trim() || null;
}

/** The tags a model gave, trimmed and distinct; null when the answer cannot be read. */
export function readTags(completion: unknown): string[] | null {
  return texts(answerObject(completion, 'tags')?.tags);
}

/** The questions a model proposed: at most five, each short enough to be shown; none when the answer cannot be read. */
export function readFollowUps(completion: unknown): string[] {
  const given = texts(answerObject(completion, 'follow_ups')?.follow_ups) ?? [];
  return given.filter((one) => one.length <= MAX_FOLLOW_UP_LENGTH).slice(0, MAX_FOLLOW_UPS);
}

/** The search queries a model wants; null when the answer cannot be read. */
export function readQueries(completion: unknown): string[] | null {
  return texts(answerObject(completion, 'queries')?.queries);
}

/** The description of a picture that a model gave; null when the answer cannot be read. */
export function readImagePrompt(completion: unknown): string | null {
  const prompt = answerObject(completion, 'prompt')?.prompt;
  return typeof prompt === 'string' && prompt.trim() !== '' ? prompt.trim() : null;
}

/** The tools a model would call: a list, or one of them alone; none when the answer cannot be read. */
export function readToolCalls(completion: unknown): { name: string; parameters: JsonObject }[] {
  const list = answerObject(completion, 'tool_calls')?.tool_calls;
  const calls = Array.isArray(list) ? list : [answerObject(completion, 'name')];
  return calls.filter(isObject).flatMap(({ name, parameters }) => {
    if (typeof name !== 'string') return [];
    return [{ name, parameters: isObject(parameters) ? parameters : {} }];
  });
}

function texts(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  const given = value.filter((one) => typeof one === 'string').map((one) => one.trim());
  return [...new Set(given.filter((one) => one !== ''))];
}

/** What a model said: the text of its message, else its thoughts (some models put everything there). */
export function answerText(completion: unknown): string {
  const choices = isObject(completion) && Array.isArray(completion.choices) ? completion.choices : [];
  const message = isObject(choices[0]) && isObject(choices[0].message) ? choices[0].message : {};
  for (const text of [message.content, message.reasoning_content]) if (typeof text === 'string' && text) return text;
  return '';
}

/** The JSON object with member `key` in an answer: alone, in a code block, among other text, after thoughts in tags. */
export function answerObject(completion: unknown, key: string): JsonObject | null {
  const said = answerText(completion);
  const text = said.replace(/<(think|thinking|reason|reasoning|thought)>[\s\S]*?<\/\1>/gi, '');
  for (const candidate of candidates(text)) {
    const value = parse(candidate);
    if (isObject(value) && key in value) return value;
  }
  return null;
}

/** From the first `{` to the last `}`, then each outermost pair of braces, last one first. */
function candidates(text: string): string[] {
  const [first, last] = [text.indexOf('{'), text.lastIndexOf('}')];
  if (first < 0 || last < first) return [];
  return [text.slice(first, last + 1), ...outermost(text).reverse()];
}

function outermost(text: string): string[] {
  const found: string[] = [];
  let [depth, start] = [0, 0];
  let quoted = false;
  for (let at = text.indexOf('{'); at < text.length; at += 1) {
    const char = text[at];
    if (quoted) {
      if (char === '\\') at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"' && depth > 0) quoted = true;
    else if (char === '{' && depth++ === 0) start = at;
    else if (char === '}' && depth > 0 && --depth === 0) found.push(text.slice(start, at + 1));
  }
  return found;
}

/** JSON, also with the usual slips of models: a comma before a closing bracket, line breaks inside of texts. */
function parse(text: string): unknown {
  for (const version of [
    text,
    text.replace(/,(\s*[}\]])/g, '$1'),
    text.replace(/,(\s*[}\]])/g, '$1').replace(/\s*\n\s*/g, ' '),
  ]) {
    try {
      return JSON.parse(version);
    } catch {
      // The next, more forgiving reading may succeed.
    }
  }
  return undefined;
}
