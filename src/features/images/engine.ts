import { STATUS_CODES } from 'node:http';
import { type Egress, type Incoming, type Outgoing, refusalText } from '../../kernel/egress/index.ts';
import { HttpError, wrapped } from '../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { lookAtPicture, type PictureFacts } from '../../kernel/pictures.ts';

/** Bytes of one picture, and of one answer that carries pictures as text. */
export const PICTURE_BYTES = 32 * 1024 * 1024;
const ANSWER_BYTES = 96 * 1024 * 1024;
/** Pictures one request may ask for, or bring. */
export const MAX_PICTURES = 10;

export interface Picture extends PictureFacts {
  bytes: Buffer;
}

/** What an engine made, and the request it was made by (kept with the files). */
export interface Made {
  pictures: Picture[];
  parameters: JsonObject;
}

/** What a picture is to show. */
export interface Wish {
  prompt: string;
  /** As asked for; engines have their own defaults. */
  size: string | null;
  n: number | null;
  steps: number | null;
  negativePrompt: string | null;
}

export interface EditWish {
  prompt: string;
  pictures: Picture[];
  size: string | null;
  n: number | null;
  background: string | null;
}

/** How an engine reaches its server. */
export interface Reach {
  egress: Pick<Egress, 'request' | 'webSocket'>;
  signal: AbortSignal;
  /** Keys that must not come back in a message. */
  secrets: readonly string[];
}

/** A refusal of an engine in the words users see: the reason of the status, and what the server says (providers note, 13). */
async function refusal(answer: Incoming, secrets: readonly string[]): Promise<HttpError> {
  const reason = STATUS_CODES[answer.status] ?? `HTTP ${answer.status}`;
  const text = await refusalText(answer, secrets);
  return new HttpError(400, wrapped(text === '' ? reason : `${reason}: ${text}`), { code: 'image.refused' });
}

export const failed = (text: string, cause?: unknown) =>
  new HttpError(400, wrapped(text), { code: 'image.failed', cause });

/** Asks an engine; throws the 400 for any answer but 2xx. */
export async function ask({ egress, signal, secrets }: Reach, url: string, outgoing: Outgoing = {}): Promise<Incoming> {
  const answer = await egress.request(url, { signal, ...outgoing });
  if (!answer.ok) throw await refusal(answer, secrets);
  return answer;
}

/** Asks for JSON; anything but an object is no answer of an engine. */
export async function askJson(reach: Reach, url: string, outgoing: Outgoing = {}): Promise<JsonObject> {
  const answer = await ask(reach, url, outgoing);
  const value = await answer.json(ANSWER_BYTES).catch((cause: unknown) => {
    throw failed('The engine did not answer with JSON', cause);
  });
  if (!isObject(value)) throw failed('The engine did not answer with an object');
  return value;
}

export function post(body: JsonObject, headers: Record<string, string>): Outgoing {
  return { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** The pictures of an answer, no more of them than anybody may ask for; throws where there is none. */
export function some<T>(found: readonly T[], why = 'The engine sent no picture'): readonly T[] {
  if (found.length === 0) throw failed(why);
  return found.slice(0, MAX_PICTURES);
}

/** A picture an engine sent as base64, with or without a `data:` head. */
export async function fromBase64(text: unknown): Promise<Picture> {
  if (typeof text !== 'string') throw failed('The engine sent no picture');
  if (text.length > PICTURE_BYTES * 1.4) throw failed('The engine sent a picture that is too large');
  return known(Buffer.from(text.startsWith('data:') ? text.slice(text.indexOf(',') + 1) : text, 'base64'));
}

/** A picture at an address an engine named; its own key goes only to its own origin. */
export async function fromAddress(reach: Reach, url: string, own: { base: string; headers: Record<string, string> }) {
  const same = URL.canParse(url) && URL.canParse(own.base) && new URL(url).origin === new URL(own.base).origin;
  const outgoing: Outgoing = same ? { headers: own.headers, redirects: false } : { reach: 'user' };
  const answer = await ask(reach, url, outgoing);
  if (!/^image\//i.test(answer.headers['content-type'] ?? '')) {
    answer.discard();
    throw failed('The engine named something that is no picture');
  }
  return known(await answer.bytes(PICTURE_BYTES));
}

async function known(bytes: Buffer): Promise<Picture> {
  const facts = await lookAtPicture(bytes);
  if (!facts) throw failed('The engine sent something that is no picture');
  return { ...facts, bytes };
}

/** Width and height for engines that count in pixels: the first of these sizes that has both (providers note, 13.3). */
export function pixels(...sizes: (string | null)[]): { width: number; height: number } {
  for (const size of [...sizes, '512x512']) {
    const found = /^\s*(\d{1,5})\s*x\s*(\d{1,5})\s*$/i.exec(size ?? '');
    if (found) return { width: Number(found[1]), height: Number(found[2]) };
  }
  return { width: 512, height: 512 };
}

/** Extra parameters of the administrator: an object, or one as text. */
export function extraParameters(value: unknown): JsonObject {
  if (isObject(value)) return value;
  if (typeof value !== 'string' || value.trim() === '') return {};
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}
