import { isObject } from '../json.ts';
import type { Incoming } from './incoming.ts';

const MAX_BODY = 64 * 1024;
const MAX_TEXT = 500;

/**
 * What a server says about refusing a request: its own message, or an empty text. Secrets (keys sent with the request) are
 * taken out of it. Never throws; the answer is used up.
 */
export async function refusalText(answer: Incoming, secrets: readonly string[]): Promise<string> {
  let text: string;
  try {
    text = await answer.text(MAX_BODY);
  } catch {
    answer.discard();
    return '';
  }
  try {
    text = messageOf(JSON.parse(text) as unknown);
  } catch {
    text = /^\s*</.test(text) ? '' : text;
  }
  return withoutSecrets(text.trim().slice(0, MAX_TEXT), secrets);
}

function messageOf(body: unknown): string {
  if (typeof body === 'string') return body;
  if (!isObject(body)) return '';
  const { error, message, detail } = body;
  if (isObject(error) && typeof error.message === 'string') return error.message;
  for (const one of [error, message, detail]) if (typeof one === 'string') return one;
  return isObject(detail) && typeof detail.message === 'string' ? detail.message : '';
}

export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, '***');
  return clean;
}
