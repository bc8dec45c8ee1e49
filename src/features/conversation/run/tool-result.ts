import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { ToolAnswer } from '../turn/turn.ts';

/** What a tool gave, apart: for the model, and for the reader (chat pipeline note, 4.5). */
export interface ToolResult {
  text: string;
  /** Addresses of pictures for the model, also data URLs. */
  images: string[];
  /** For the reader; pictures a server sent as such are here too. */
  files: JsonObject[];
  /** Pages, or their addresses. */
  embeds: string[];
}

const BASE64_IMAGE = /^data:image\/[\w.+-]+;base64,[A-Za-z0-9+/=\s]+$/;
/** Levels of a result that are looked through for pictures. */
const DEEPEST = 64;

/** Puts a data URL where the reader and later rounds find it; gives its address. */
export type Keep = (dataUrl: string) => Promise<string>;

/** The members of a result's item. `keep` null: what came inline stays inline. */
export async function resultItem({ text, images, files, embeds }: ToolResult, keep: Keep | null): Promise<JsonObject> {
  const kept = async (url: string) => (keep && url.startsWith('data:') ? keep(url) : url);
  const shown = await Promise.all(
    files.map(async (file) => (typeof file.url === 'string' ? { ...file, url: await kept(file.url) } : file)),
  );
  const pictures = [
    ...(await Promise.all(images.map(kept))),
    ...shown.flatMap((file: JsonObject) => (file.type === 'image' && typeof file.url === 'string' ? [file.url] : [])),
  ];
  return {
    output: [{ type: 'input_text', text }, ...pictures.map((image_url) => ({ type: 'input_image', image_url }))],
    ...(shown.length > 0 && { files: shown }),
    ...(embeds.length > 0 && { embeds }),
  };
}

/** Takes a result of any kind apart. */
export function readResult(name: string, given: unknown): ToolResult {
  const result: ToolResult = { text: '', images: [], files: [], embeds: [] };
  let value = given;
  if (given instanceof ToolAnswer) {
    value = shown(name, given, result);
    result.files.push(...given.files);
  }
  if (typeof value === 'string' && value.startsWith('data:image/')) {
    result.images.push(value);
    value = `${name}: Image file read successfully.`;
  }
  if (Array.isArray(value)) value = value.filter((one) => !isDataFile(one, result));
  result.text = textOf(withoutImages(value, result.images, 0));
  return result;
}

/** A page a server wants to be seen goes to the reader; the model is told so, or what the server says beside it. */
function shown(name: string, { value, headers }: ToolAnswer, { embeds }: ToolResult): unknown {
  if (!(headers['content-disposition'] ?? '').includes('inline')) return value;
  const [page, context] = Array.isArray(value) ? (value as unknown[]) : [value];
  if ((headers['content-type'] ?? '').includes('text/html') && typeof page === 'string') {
    embeds.push(page);
    return typeof context === 'string' || isObject(context) || Array.isArray(context) ? context : isActive(name);
  }
  const { location } = headers;
  if (location === undefined || !/^https?:\/\//i.test(location)) return value;
  embeds.push(location);
  return isActive(name);
}

function isActive(name: string): JsonObject {
  const message = `${name}: Embedded UI result is active and visible to the user.`;
  return { status: 'success', code: 'ui_component', message };
}

function isDataFile(one: unknown, { files }: ToolResult): boolean {
  if (typeof one !== 'string' || !one.startsWith('data:') || BASE64_IMAGE.test(one)) return false;
  files.push({ type: 'data', content: one });
  return true;
}

/** The value with its pictures taken out. */
function withoutImages(value: unknown, images: string[], depth: number): unknown {
  if (typeof value === 'string') {
    if (!value.startsWith('data:image/') || !BASE64_IMAGE.test(value)) return value;
    images.push(value);
    return '[image]';
  }
  if (depth > DEEPEST) return value;
  if (Array.isArray(value)) return value.map((one) => withoutImages(one, images, depth + 1));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutImages(one, images, depth + 1)]));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return JSON.stringify({ results: value }, null, 2);
  return isObject(value) ? JSON.stringify(value, null, 2) : String(value);
}
