import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { lookAtPicture } from '../../../kernel/pictures.ts';
import { type Container, isIndex, objects, readContainer, refuse, size } from './container.ts';

export const AVATAR_BYTES = 25 * 1024 * 1024;
const BONES = ['hips', 'spine', 'head', 'leftUpperArm', 'rightUpperArm', 'leftLowerArm', 'rightLowerArm'];
const MAX_NODES = 512;
const MAX_IMAGES = 32;
const MAX_ELEMENTS = 5_000_000;
const MAX_SIDE = 4096;
const MAX_PIXELS = 32 * 1024 * 1024;
const TEXTURES = new Set(['image/png', 'image/jpeg', 'image/webp']);

/** Throws the 400 that says why these bytes are no avatar for calls (providers note, 16.1). */
export async function checkAvatarFile(bytes: Buffer): Promise<void> {
  try {
    const container = readContainer(bytes, {
      noContainer: 'Upload a binary VRM file.',
      badContainer: 'Invalid avatar container.',
      badBinary: 'Invalid avatar binary data.',
    });
    checkBones(container.gltf);
    checkSize(container.gltf);
    await checkTextures(container);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw refuse('Invalid VRM file.', error);
  }
}

function checkBones(gltf: JsonObject): void {
  const nodes = objects(gltf, 'nodes').length;
  const bones = bonesOf(isObject(gltf.extensions) ? gltf.extensions : {});
  const missing = BONES.find((bone) => !isIndex(bones.get(bone), nodes));
  if (missing) throw refuse(`Avatar is missing its ${missing} bone. Upload a rigged VRM file.`);
}

/** Nodes of bones by name, in the form of VRM 1 and of the release before it. */
function bonesOf({ VRMC_vrm: current, VRM: old }: JsonObject): Map<string, unknown> {
  const humanBones = (extension: unknown) =>
    isObject(extension) && isObject(extension.humanoid) ? extension.humanoid.humanBones : undefined;
  const named = humanBones(current);
  if (isObject(named)) {
    return new Map(Object.entries(named).map(([bone, value]) => [bone, isObject(value) ? value.node : undefined]));
  }
  const listed = humanBones(old);
  const list = Array.isArray(listed) ? listed.filter(isObject) : [];
  return new Map(list.map(({ bone, node }) => [String(bone), node]));
}

function checkSize(gltf: JsonObject): void {
  const buffers = objects(gltf, 'buffers');
  if (buffers.length !== 1 || buffers[0]?.uri !== undefined) throw refuse('Embed all buffers in the VRM file.');
  const elements = objects(gltf, 'accessors').reduce((sum, { count }) => sum + size(count), 0);
  const counts = [objects(gltf, 'nodes').length, objects(gltf, 'images').length];
  if ((counts[0] ?? 0) > MAX_NODES || (counts[1] ?? 0) > MAX_IMAGES || elements > MAX_ELEMENTS) {
    throw refuse('This avatar is too complex for a voice call. Use a lighter export.');
  }
}

async function checkTextures({ gltf, binary }: Container): Promise<void> {
  const views = objects(gltf, 'bufferViews');
  let pixels = 0;
  for (const image of objects(gltf, 'images')) {
    const isEmbedded = image.uri === undefined && isIndex(image.bufferView, views.length);
    if (!isEmbedded || !TEXTURES.has(String(image.mimeType))) {
      throw refuse('Embed PNG, JPEG or WebP textures in the VRM file.');
    }
    const { byteOffset, byteLength, buffer } = views[image.bufferView as number] ?? {};
    const [from, length] = [size(byteOffset), size(byteLength)];
    const isInside = buffer === 0 && length > 0 && from + length <= binary.length;
    const facts = isInside ? await lookAtPicture(binary.subarray(from, from + length)) : null;
    if (!facts || !TEXTURES.has(facts.type)) throw refuse('Invalid embedded avatar texture.');
    pixels += facts.width * facts.height;
    if (Math.max(facts.width, facts.height) > MAX_SIDE || pixels > MAX_PIXELS) {
      throw refuse('Avatar textures are too large. Export at 2048px or below.');
    }
  }
}
