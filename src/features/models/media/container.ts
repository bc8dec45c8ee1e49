import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** A binary glTF file taken apart: its description, and its bytes. */
export interface Container {
  gltf: JsonObject;
  binary: Buffer;
}

/** Texts of refusals that differ by what the file is to be (providers note, 16.1). */
export interface ContainerTexts {
  noContainer: string;
  badContainer: string;
  badBinary: string;
}

const MAGIC = 0x46546c67;
const JSON_CHUNK = 0x4e4f534a;
const BIN_CHUNK = 0x004e4942;
const MAX_JSON = 2 * 1024 * 1024;

export const refuse = (text: string, cause?: unknown) => new HttpError(400, text, { code: 'model.media', cause });

/** Reads the container of glTF 2: a JSON chunk and one binary chunk to the end. Throws the 400 that says what is wrong. */
export function readContainer(bytes: Buffer, texts: ContainerTexts): Container {
  const hasHead = bytes.length >= 20 && bytes.readUInt32LE(0) === MAGIC && bytes.readUInt32LE(4) === 2;
  if (!hasHead || bytes.readUInt32LE(8) !== bytes.length || bytes.readUInt32LE(16) !== JSON_CHUNK) {
    throw refuse(texts.noContainer);
  }
  const jsonLength = bytes.readUInt32LE(12);
  const binaryAt = 20 + jsonLength;
  if (jsonLength > MAX_JSON || binaryAt > bytes.length) throw refuse(texts.badContainer);
  const hasBinary = binaryAt + 8 <= bytes.length && bytes.readUInt32LE(binaryAt + 4) === BIN_CHUNK;
  if (!hasBinary || binaryAt + 8 + bytes.readUInt32LE(binaryAt) !== bytes.length) throw refuse(texts.badBinary);
  const gltf: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(20, binaryAt)));
  if (!isObject(gltf)) throw refuse(texts.badContainer);
  return { gltf, binary: bytes.subarray(binaryAt + 8) };
}

/** A member that is a list of objects; absent: empty. Throws for anything else. */
export function objects(owner: JsonObject, key: string): JsonObject[] {
  const list = owner[key];
  if (list === undefined) return [];
  if (!Array.isArray(list) || !list.every(isObject)) throw new TypeError(`${key} is no list of objects`);
  return list;
}

export function isIndex(value: unknown, length: number): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < length;
}

/** A whole number of 0 or more; absent: 0. Throws for anything else. */
export function size(value: unknown): number {
  if (value === undefined) return 0;
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw new TypeError('expected a size');
  return Number(value);
}
