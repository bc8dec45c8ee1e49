import { isObject } from '../../../kernel/json.ts';
import { textOf } from '../prepare/messages.ts';

/** What the variables of a task's template stand for. */
export interface TemplateValues {
  messages: readonly unknown[];
  /** What `{{prompt}}` is; default: the last text of the user among the messages. */
  prompt?: string;
  /** `{{TYPE}}` of an autocompletion. */
  type?: string;
  /** `{{RECENT_MESSAGES}}` and `{{PREVIOUS_SUMMARY}}` of a compaction, whose `{{COMPACTED_MESSAGES}}` are `messages`. */
  recent?: readonly unknown[];
  summary?: string;
  /** `{{responses}}` of a merge. */
  responses?: readonly string[];
  /** `{{TOOLS}}`: what can be called, as JSON. */
  tools?: string;
}

const CUT = '(?::(start|end|middletruncate):(\\d+))?';
const PROMPT = new RegExp(`\\{\\{prompt${CUT}\\}\\}`, 'gi');
const MESSAGES =
  /\{\{((?:COMPACTED_|RECENT_)?MESSAGES)(?::(START|END|MIDDLETRUNCATE):(\d+))?(?:\|(start|end|middletruncate):(\d+))?\}\}/g;

/**
 * A template with its variables replaced (chat pipeline note, 7.4). Each kind is replaced in one pass over the template's own text,
 * so that what people wrote is never taken for a variable.
 */
export function fillTemplate(template: string, values: TemplateValues): string {
  const prompt = values.prompt ?? lastUserText(values.messages);
  const found = new RegExp(
    `${PROMPT.source}|${MESSAGES.source}|\\{\\{TYPE\\}\\}|\\{\\{TOOLS\\}\\}|\\{\\{PREVIOUS_SUMMARY\\}\\}|\\{\\{responses\\}\\}`,
    'gi',
  );
  return template.replace(found, (variable) => replacement(variable, prompt, values) ?? variable);
}

function replacement(variable: string, prompt: string, values: TemplateValues): string | undefined {
  if (/^\{\{prompt/i.test(variable)) {
    return variable.replace(PROMPT, (_, how?: string, count?: string) => cutText(prompt, how, count));
  }
  if (/^\{\{(?:COMPACTED_|RECENT_)?MESSAGES/.test(variable)) {
    return variable.replace(
      MESSAGES,
      (_, which: string, how?: string, count?: string, cut?: string, length?: string) => {
        const messages = which === 'RECENT_MESSAGES' ? (values.recent ?? []) : values.messages;
        return conversation(cutList(messages, how, count), cut, length);
      },
    );
  }
  if (variable === '{{PREVIOUS_SUMMARY}}') return values.summary;
  if (variable === '{{TYPE}}') return values.type;
  if (variable === '{{TOOLS}}') return values.tools;
  if (variable === '{{responses}}') return values.responses?.map((one) => `"""${one}"""`).join('\n\n');
  return undefined;
}

function lastUserText(messages: readonly unknown[]): string {
  const last = messages.findLast((message) => isObject(message) && message.role === 'user');
  return isObject(last) ? textOf(last.content) : '';
}

/** Messages as lines `ROLE: text`. */
function conversation(messages: readonly unknown[], cut?: string, length?: string): string {
  return messages
    .filter(isObject)
    .map(({ role, content }) => `${String(role ?? '').toUpperCase()}: ${cutText(textOf(content), cut, length)}`)
    .join('\n');
}

/** The start or the end of a text, or both with dots between them. */
export function cutText(text: string, how?: string, count?: string): string {
  const length = Number(count);
  if (how === undefined || text.length <= length) return text;
  switch (how.toLowerCase()) {
    case 'start':
      return text.slice(0, length);
    case 'end':
      return length === 0 ? '' : text.slice(-length);
    default:
      return `${text.slice(0, Math.ceil(length / 2))}...${length < 2 ? '' : text.slice(-Math.floor(length / 2))}`;
  }
}

function cutList(messages: readonly unknown[], how?: string, count?: string): readonly unknown[] {
  const length = Number(count);
  if (how === undefined || messages.length <= length) return messages;
  if (length === 0) return [];
  if (how === 'START') return messages.slice(0, length);
  if (how === 'END') return messages.slice(-length);
  const end = Math.floor(length / 2);
  return [...messages.slice(0, Math.ceil(length / 2)), ...(end === 0 ? [] : messages.slice(-end))];
}
