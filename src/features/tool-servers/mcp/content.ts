import { isDeepStrictEqual } from 'node:util';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { ServerAnswer } from '../server-tools.ts';

/** The result of a call as a value and files (plugins note, 5.6). Throws what the server says when it says it failed. */
export function readCallResult(result: JsonObject): ServerAnswer {
  const content = (Array.isArray(result.content) ? result.content : []).filter(isObject);
  if (result.isError === true) {
    throw new Error(content.flatMap(textOf).join('\n') || 'The tool failed without saying why.');
  }
  const files: JsonObject[] = [];
  const values = content.flatMap((one) => readItem(one, files));
  const { structuredContent: structured } = result;
  if (isObject(structured) && !isSaid(structured, content)) values.push(sorted(structured));
  const [first] = values;
  if (values.length === 0) return { value: files.length > 0 ? 'The result is in the attached files.' : '', files };
  return { value: values.length === 1 ? first : values, files };
}

function textOf({ type, text }: JsonObject): string[] {
  return type === 'text' && typeof text === 'string' ? [text] : [];
}

function readItem(item: JsonObject, files: JsonObject[]): unknown[] {
  switch (item.type) {
    case 'text':
      return textOf(item).map(parsed);
    case 'image':
    case 'audio':
      return addMedia(item.type, item.data, item.mimeType, files) ? [] : [`[${item.type}: ${String(item.mimeType)}]`];
    case 'resource':
      return isObject(item.resource) ? readResource(item.resource, files) : [];
    case 'resource_link':
      return [[item.title ?? item.name, item.uri].filter((one) => typeof one === 'string').join(': ')];
    default:
      return [];
  }
}

const WAV = new Set(['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave']);
const BASE64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

function addMedia(kind: 'image' | 'audio', data: unknown, mimeType: unknown, files: JsonObject[]): boolean {
  if (typeof data !== 'string' || typeof mimeType !== 'string' || !BASE64.test(data)) return false;
  const type = mimeType.split(';')[0]?.trim().toLowerCase() ?? '';
  const fits = kind === 'image' ? /^image\/[\w.+-]+$/.test(type) : WAV.has(type);
  if (fits) files.push({ type: kind, url: `data:${type};base64,${data.replace(/\s+/g, '')}` });
  return fits;
}

function readResource(resource: JsonObject, files: JsonObject[]): unknown[] {
  const { text, blob, uri, mimeType } = resource;
  if (typeof text === 'string') return [text];
  if (typeof blob !== 'string') return typeof uri === 'string' ? [uri] : [];
  if (addMedia('image', blob, mimeType, files)) return [];
  return [`[Resource: ${String(uri)}] (binary data, mimeType: ${typeof mimeType === 'string' ? mimeType : 'unknown'})`];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Whether the texts say what the structured form says, which servers give beside them. */
function isSaid(structured: JsonObject, content: readonly JsonObject[]): boolean {
  const texts = content.flatMap(textOf);
  if (texts.some((text) => isDeepStrictEqual(parsed(text), structured))) return true;
  if (Object.keys(structured).join() !== 'result' || texts.length === 0) return false;
  const wrapped = Array.isArray(structured.result) ? structured.result : [structured.result];
  const same = (values: readonly unknown[]) =>
    values.length === texts.length &&
    texts.every((text, at) => text === values[at] || isDeepStrictEqual(parsed(text), values[at]));
  return same(wrapped) || same([structured.result]);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}
