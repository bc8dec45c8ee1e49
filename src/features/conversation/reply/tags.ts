/** A pair of tags around a block of text. */
export interface TagPair {
  start: string;
  end: string;
  kind: 'reasoning' | 'solution' | 'code';
}

/** Code that is to be run, of models that call no tools. */
export const CODE: TagPair = { start: '<code_interpreter>', end: '</code_interpreter>', kind: 'code' };

const REASONING: readonly (readonly [string, string])[] = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<reason>', '</reason>'],
  ['<reasoning>', '</reasoning>'],
  ['<thought>', '</thought>'],
  ['<Thought>', '</Thought>'],
  ['<|begin_of_thought|>', '<|end_of_thought|>'],
  ['◁think▷', '◁/think▷'],
];

/** The tags looked for; `setting` is the parameter `reasoning_tags`: false for none, a pair for exactly that one. */
export function tagPairs(setting: unknown): TagPair[] {
  if (setting === false) return [];
  const solution: TagPair = { start: '<|begin_of_solution|>', end: '<|end_of_solution|>', kind: 'solution' };
  if (Array.isArray(setting) && setting.length === 2) {
    const [start, end] = setting;
    if (typeof start === 'string' && typeof end === 'string' && start && end)
      return [{ start, end, kind: 'reasoning' }, solution];
  }
  return [...REASONING.map(([start, end]): TagPair => ({ start, end, kind: 'reasoning' })), solution];
}

export interface StartMatch {
  tag: TagPair;
  index: number;
  length: number;
  attributes: Record<string, string>;
}

/** Attributes are looked for in this many characters after a tag's name. */
const MAX_TAG_LENGTH = 400;

/** Finds where blocks begin in text that arrives in pieces. */
export interface TagFinder {
  find(text: string): StartMatch | null;
  /** Length of the text's tail that may become a start tag; it waits for more. */
  open(text: string): number;
}

export function createTagFinder(tags: readonly TagPair[]): TagFinder {
  const plain = tags.map((tag) => ({ tag, named: /^<\w+>$/.test(tag.start) ? tag.start.slice(0, -1) : null }));
  const first = [...new Set(tags.map((tag) => tag.start.charAt(0)))];

  function matchAt(text: string, at: number): StartMatch | 'open' | null {
    let open = false;
    for (const { tag, named } of plain) {
      if (text.startsWith(tag.start, at)) return { tag, index: at, length: tag.start.length, attributes: {} };
      const rest = text.length - at;
      if (rest < tag.start.length && tag.start.startsWith(text.slice(at))) open = true;
      if (named === null || !text.startsWith(named, at) || !isSpace(text.charAt(at + named.length))) continue;
      const end = text.indexOf('>', at + named.length);
      if (end >= 0 && end - at <= MAX_TAG_LENGTH) {
        const attributes = attributesOf(text.slice(at + named.length, end));
        return { tag, index: at, length: end + 1 - at, attributes };
      }
      if (end < 0 && rest <= MAX_TAG_LENGTH) open = true;
    }
    return open ? 'open' : null;
  }

  /** The first place where `accept` finds what it wants. */
  function scan<T>(text: string, accept: (found: StartMatch | 'open', at: number) => T | null): T | null {
    for (let at = nextOf(text, first, 0); at >= 0; at = nextOf(text, first, at + 1)) {
      const found = matchAt(text, at);
      const accepted = found === null ? null : accept(found, at);
      if (accepted !== null) return accepted;
    }
    return null;
  }

  return {
    find: (text) => scan(text, (found) => (found === 'open' ? null : found)),
    open: (text) => scan(text, (found, at) => (found === 'open' ? text.length - at : null)) ?? 0,
  };
}

/** Length of the text's tail that is a beginning of `tag`. */
export function openTail(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length -= 1) {
    if (tag.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}

function nextOf(text: string, characters: readonly string[], from: number): number {
  let nearest = -1;
  for (const character of characters) {
    const at = text.indexOf(character, from);
    if (at >= 0 && (nearest < 0 || at < nearest)) nearest = at;
  }
  return nearest;
}

function isSpace(character: string): boolean {
  return character !== '' && character.trim() === '';
}

function attributesOf(text: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/(\w+)\s*=\s*"([^"]+)"/g)) {
    if (name !== undefined && value !== undefined && name !== '__proto__') attributes[name] = value;
  }
  return attributes;
}
