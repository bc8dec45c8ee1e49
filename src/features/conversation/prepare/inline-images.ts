import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { TurnContext } from '../turn/turn.ts';
import type { ChatMessage } from './messages.ts';

/** An address or file id as data URL, read on behalf of the turn's user; null when it cannot be had. */
export type ImageSource = (url: string, turn: TurnContext) => Promise<string | null>;

/** Every picture as data URL, since providers reach neither our files nor private addresses; what cannot be had stays (note 3.6). */
export async function inlineImages(
  messages: readonly ChatMessage[],
  source: (url: string) => Promise<string | null>,
): Promise<ChatMessage[]> {
  const wanted = new Set(messages.flatMap(({ content }) => (Array.isArray(content) ? content.flatMap(addressOf) : [])));
  if (wanted.size === 0) return [...messages];
  const found = new Map(await Promise.all([...wanted].map(async (url) => [url, await source(url)] as const)));
  return messages.map((message) => {
    if (!Array.isArray(message.content)) return message;
    return { ...message, content: message.content.map((part) => replaced(part, found)) };
  });
}

function addressOf(part: unknown): string[] {
  const url = isImagePart(part) ? urlOf(part) : null;
  return url === null || url.startsWith('data:image/') ? [] : [url];
}

function isImagePart(part: unknown): part is JsonObject {
  return isObject(part) && (part.type === 'image_url' || part.type === 'input_image');
}

function urlOf({ image_url: image }: JsonObject): string | null {
  const url = isObject(image) ? image.url : image;
  return typeof url === 'string' && url !== '' ? url : null;
}

function replaced(part: unknown, found: ReadonlyMap<string, string | null>): unknown {
  if (!isImagePart(part)) return part;
  const data = found.get(urlOf(part) ?? '');
  if (!data) return part;
  return { ...part, image_url: isObject(part.image_url) ? { ...part.image_url, url: data } : data };
}
