import { detail, HttpError } from '../../kernel/http/errors.ts';
import { isObject } from '../../kernel/json.ts';
import type { Part } from './part.ts';

/** Characters of a provider's text that a person gets to see. */
const SHOWN = 2_000;

/** A provider's refusal: its status, and its body as it came (JSON when it was JSON). */
export interface Failure {
  status: number;
  body: unknown;
  headers: Record<string, string>;
  /** What people are shown, where the body is not fit for it. */
  shown?: unknown;
}

/** The provider refused, or answered nonsense. Sent with the provider's own body (providers note, 2.5). */
export class ProviderError extends HttpError {
  override readonly name = 'ProviderError';
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.status, shownOf(failure), { code: 'provider.refused', headers: failure.headers, body: failure.body });
    this.failure = failure;
  }
}

/** Nobody answered, or the connection broke before the answer was there. */
export function connectionError(cause: unknown, status = 500): HttpError {
  return new HttpError(status, detail.SERVER_CONNECTION_ERROR, { code: 'provider.unreachable', cause });
}

/** What of a failure a person is shown: the provider's error, text or object. */
export function shownOf({ status, body, shown }: Failure): unknown {
  if (shown !== undefined) return shown;
  if (isObject(body)) {
    const { error } = body;
    if (isObject(error) && error.detail !== undefined) return error.detail;
    if (error !== undefined && error !== null && error !== '') return error;
    return body.detail ?? body.message ?? body;
  }
  if (typeof body === 'string') return readable(status, body);
  return body ?? `HTTP ${status}`;
}

function readable(status: number, text: string): string {
  const plain = /<(?:!doctype|html|head|body)\b/i.test(text) ? fromHtml(text) : text.trim();
  if (plain === '') return `HTTP ${status}`;
  return plain.length > SHOWN ? `${plain.slice(0, SHOWN)}…` : plain;
}

/** The visible words of an error page; a page that only names itself gets its status too. */
function fromHtml(html: string): string {
  const body = html
    .slice(0, 200_000)
    .replace(/<(script|style|head)\b[\s\S]*?<\/\1\s*>/gi, ' ')
    .replace(/<[^>]*>/g, ' ');
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(html)?.[1] ?? '';
  const words = (text: string) =>
    text
      .replace(/&nbsp;/g, ' ')
      .replace(/&amp;/g, '&')
      .replace(/\s+/g, ' ')
      .trim();
  return words(body) || words(title);
}

/** The last part of a stream that failed. */
export function failurePart(failure: Failure): Part {
  return { type: 'error', status: failure.status, error: shownOf(failure) };
}

const BROKEN = 'The provider closed the connection before the answer was complete.';

/** What a broken connection means to people; `started`: something of the answer had come. */
export function brokenPart(error: unknown, started: boolean): Part {
  const code = codeOf(error);
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return { type: 'error', status: null, error: 'The provider stopped sending before the answer was complete.' };
  }
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { type: 'error', status: null, error: 'The provider did not finish its answer in the time allowed.' };
  }
  return { type: 'error', status: null, error: started ? BROKEN : detail.SERVER_CONNECTION_ERROR };
}

function codeOf(error: unknown): string {
  return isObject(error) || error instanceof Error ? String((error as { code?: unknown }).code ?? '') : '';
}
