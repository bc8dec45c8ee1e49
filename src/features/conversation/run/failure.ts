import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject } from '../../../kernel/json.ts';

/** Characters of an error that are kept; some providers answer with whole pages. */
const LONGEST = 2_000;

/** What a reader is told of a failed reply: the text within an error of any shape. */
export function failureText(error: unknown, status: number | null = null): string {
  const text = textIn(error, 0);
  const readable = text === null ? '' : withoutSecrets(withoutMarkup(text)).trim();
  if (readable) return readable.length > LONGEST ? `${readable.slice(0, LONGEST)}…` : readable;
  return status === null ? 'The model provider ended the answer with an error.' : `Provider returned HTTP ${status}`;
}

/** What a reader is told of something that was thrown while a reply was made. */
export function thrownText(error: unknown): string {
  if (error instanceof HttpError) return failureText(error.detail, error.status);
  return failureText(error instanceof Error ? error.message : error);
}

const PATH = ['error', 'message', 'detail', 'content'] as const;
const DEEPEST = 6;

/** The first text on the usual ways into an error object. */
function textIn(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return value;
  if (depth > DEEPEST) return null;
  if (Array.isArray(value)) return textIn(value[0], depth + 1);
  if (!isObject(value)) return null;
  for (const key of PATH) {
    const text = textIn(value[key], depth + 1);
    if (text) return text;
  }
  return typeof value.msg === 'string' ? value.msg : null;
}

function withoutMarkup(text: string): string {
  if (!/<(?:!doctype|html|head|body)\b/i.test(text.slice(0, 1_000))) return text;
  return text
    .slice(0, 50_000)
    .replace(/<(script|style|head)\b[^>]*>[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

/** Providers repeat keys in their refusals. */
function withoutSecrets(text: string): string {
  return text
    .replace(/\b(sk|pk|rk|gsk|xai|key)-[\w-]{8,}/g, '$1-…')
    .replace(/\b(Bearer)\s+[\w.~+/-]{8,}=*/gi, '$1 …')
    .replace(/(:\/\/)[^\s/@:]+:[^\s/@]+@/g, '$1');
}
