import { isObject, type JsonObject } from '../json.ts';

/** `{{chat.variables.key}}` or `{{chat.variables.key | definition}}` in a prompt. */
const PLACEHOLDER = /\{\{\s*chat\.variables\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*\}\}/g;
const KEY = /^[a-z][a-z0-9_]*$/;
const PROPERTIES = new Set([
  'default',
  'label',
  'max',
  'maxlength',
  'min',
  'minlength',
  'options',
  'placeholder',
  'required',
  'step',
  'type',
]);
const MAX_NESTING = 32;
const MAX_VALUE = 20_000;
const MAX_TOTAL = 100_000;

/** A variable a prompt asks for: its key, and what the prompt says about it. */
export interface ChatVariable {
  key: string;
  /** `type`, `label`, `default`, `options` …; empty when the prompt only names it. */
  definition: JsonObject;
}

/** The variables of a prompt in order of appearance; null when a key or a definition breaks the rules (chat pipeline note, 3.3). */
export function chatVariablesOf(prompt: string): ChatVariable[] | null {
  const found = new Map<string, ChatVariable>();
  for (const [, key = '', text] of prompt.matchAll(PLACEHOLDER)) {
    if (!KEY.test(key)) return null;
    const definition = text === undefined || text.trim() === '' ? null : readDefinition(text);
    const known = found.get(key);
    if (!known) {
      found.set(key, { key, definition: definition ?? {} });
    } else if (definition) {
      const told = Object.keys(known.definition).length > 0;
      if (told && JSON.stringify(known.definition) !== JSON.stringify(definition)) return null;
      known.definition = definition;
    }
    if (definition?.type === 'select' && !Array.isArray(definition.options)) return null;
  }
  return [...found.values()];
}

/** The prompt with its chat variables replaced; all of them become empty when one breaks the rules or the limits. */
export function fillChatVariables(prompt: string, given: JsonObject): string {
  if (!prompt.includes('chat.variables.')) return prompt;
  const values = valuesFor(chatVariablesOf(prompt), given);
  return prompt.replace(PLACEHOLDER, (_, key: string) => values?.get(key) ?? '');
}

function valuesFor(variables: ChatVariable[] | null, given: JsonObject): Map<string, string> | null {
  if (!variables || JSON.stringify(given).length > MAX_TOTAL) return null;
  const values = new Map<string, string>();
  for (const { key, definition } of variables) {
    const value = (Object.hasOwn(given, key) ? given[key] : undefined) ?? definition.default ?? '';
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (text.length > MAX_VALUE) return null;
    if (definition.type === 'select' && text !== '' && !isListed(definition.options, text)) return null;
    values.set(key, text);
  }
  return values;
}

function isListed(options: unknown, text: string): boolean {
  if (!Array.isArray(options)) return false;
  return options.some((option) => String(isObject(option) ? option.value : option) === text);
}

/** `type` or `type=select`, then `name=value` or `name`, apart by `:` outside of quotes and brackets. */
function readDefinition(text: string): JsonObject {
  const definition: JsonObject = {};
  for (const [index, part] of splitOutside(text, ':').entries()) {
    const [name = '', ...rest] = splitOutside(part, '=');
    const key = name.trim();
    const value = rest.length === 0 ? undefined : readValue(rest.join('=').trim());
    if (index === 0 && value === undefined) definition.type = key;
    else if (PROPERTIES.has(key)) definition[key] = value ?? true;
  }
  return definition;
}

function readValue(text: string): unknown {
  const quoted = /^(["'])([\s\S]*)\1$/.exec(text);
  if (quoted) return quoted[2];
  if (!/^[[{]/.test(text) || nesting(text) > MAX_NESTING) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function nesting(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const char of text) {
    if (char === '[' || char === '{') deepest = Math.max(deepest, ++depth);
    else if (char === ']' || char === '}') depth -= 1;
  }
  return deepest;
}

function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let [start, depth, quote] = [0, 0, ''];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (quote) {
      if (char === '\\') at += 1;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if ('[{('.includes(char)) depth += 1;
    else if (']})'.includes(char)) depth -= 1;
    else if (char === separator && depth <= 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
