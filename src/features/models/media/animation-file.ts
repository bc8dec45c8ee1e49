import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { checkChannels } from './animation-channels.ts';
import { type Container, isIndex, objects, readContainer, refuse, size } from './container.ts';

export const ANIMATION_BYTES = 10 * 1024 * 1024;
const EXTENSION = 'VRMC_vrm_animation';
const MAX_NODES = 512;
const MAX_ELEMENTS = 500_000;
const FLOAT = 5126;

/** Values of an accessor, and how many belong together. */
export interface Track {
  values: Float32Array;
  width: number;
}

/** Numbers that belong together, by an accessor's type. */
const WIDTHS: Readonly<Record<string, number>> = { SCALAR: 1, VEC3: 3, VEC4: 4 };
const TRANSFORMS = { translation: 3, rotation: 4, scale: 3, matrix: 16 } as const;

/** Throws the 400 that says why these bytes are no movement for avatars (providers note, 16.1). */
export function checkAnimationFile(bytes: Buffer): void {
  try {
    const container = readContainer(bytes, {
      noContainer: 'Upload a binary VRMA file.',
      badContainer: 'Invalid animation container.',
      badBinary: 'Invalid animation binary data.',
    });
    const bones = humanBones(container.gltf);
    checkNodes(objects(container.gltf, 'nodes'));
    checkScenes(container.gltf);
    checkContents(container);
    checkChannels(container.gltf, readTracks(container), bones);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw refuse('Invalid VRMA file.', error);
  }
}

/** The nodes that are bones of the body. */
function humanBones(gltf: JsonObject): Set<number> {
  const wrong = () => refuse('Use a VRMA 1.0 humanoid animation.');
  const extension = isObject(gltf.extensions) ? gltf.extensions[EXTENSION] : undefined;
  if (!isObject(extension) || (extension.specVersion ?? '1.0') !== '1.0') throw wrong();
  const bones = isObject(extension.humanoid) ? extension.humanoid.humanBones : undefined;
  const nodes = objects(gltf, 'nodes').length;
  if (!isObject(bones) || Object.keys(bones).length === 0 || nodes < 1 || nodes > MAX_NODES) throw wrong();
  return new Set(
    Object.values(bones).map((bone) => {
      if (!isObject(bone) || !isIndex(bone.node, nodes)) throw refuse('Invalid animation bone.');
      return bone.node;
    }),
  );
}

function checkNodes(nodes: readonly JsonObject[]): void {
  const parents = new Map<number, number>();
  for (const [at, node] of nodes.entries()) {
    const children = node.children ?? [];
    if (!Array.isArray(children) || !children.every((child) => isIndex(child, nodes.length))) {
      throw refuse('Invalid animation node hierarchy.');
    }
    for (const [name, length] of Object.entries(TRANSFORMS)) {
      const value = node[name];
      const isFine = Array.isArray(value) && value.length === length && value.every(Number.isFinite);
      if (value !== undefined && !isFine) throw refuse('Invalid animation transform.');
    }
    for (const child of children as number[]) {
      if (parents.has(child)) throw refuse('Animation nodes must have a single parent.');
      parents.set(child, at);
    }
  }
  for (const start of parents.keys()) {
    // A way up that is longer than there are nodes goes in a circle.
    let [at, steps]: [number | undefined, number] = [start, 0];
    for (; at !== undefined; steps += 1) {
      if (steps > nodes.length) throw refuse('Invalid animation node hierarchy.');
      at = parents.get(at);
    }
  }
}

function checkScenes(gltf: JsonObject): void {
  const nodes = objects(gltf, 'nodes').length;
  const scenes = objects(gltf, 'scenes');
  const isFine = scenes.every(
    ({ nodes: shown = [] }) => Array.isArray(shown) && shown.every((at) => isIndex(at, nodes)),
  );
  if (!isFine || (gltf.scene !== undefined && !isIndex(gltf.scene, scenes.length))) {
    throw refuse('Invalid animation scene.');
  }
}

function checkContents({ gltf, binary }: Container): void {
  const buffers = objects(gltf, 'buffers');
  if (buffers.length !== 1 || buffers[0]?.uri !== undefined) throw refuse('Embed all animation data in the VRMA file.');
  if (['images', 'textures', 'meshes', 'skins'].some((key) => objects(gltf, key).length > 0)) {
    throw refuse('Export animation only, without meshes or textures.');
  }
  const required = gltf.extensionsRequired ?? [];
  if (!Array.isArray(required) || required.some((name) => name !== EXTENSION)) {
    throw refuse('Unsupported animation extension.');
  }
  const rest = binary.length - size(buffers[0]?.byteLength);
  if (rest < 0 || rest > 3) throw refuse('Invalid animation buffer.');
}

function readTracks({ gltf, binary }: Container): Track[] {
  const accessors = objects(gltf, 'accessors');
  const views = objects(gltf, 'bufferViews');
  const elements = accessors.reduce((sum, { count }) => sum + size(count), 0);
  if (elements > MAX_ELEMENTS) throw refuse('Animation has too many keyframes.');
  return accessors.map((accessor) => {
    const width = WIDTHS[String(accessor.type)];
    if (accessor.componentType !== FLOAT || width === undefined || accessor.sparse !== undefined) {
      throw refuse('Use float animation keyframes without sparse accessors.');
    }
    if (!isIndex(accessor.bufferView, views.length)) throw refuse('Invalid animation accessor.');
    const values = read(accessor, views[accessor.bufferView] ?? {}, width, binary);
    if (!values.every(Number.isFinite)) throw refuse('Animation keyframes must be finite.');
    return { values, width };
  });
}

function read(accessor: JsonObject, view: JsonObject, width: number, binary: Buffer): Float32Array {
  const count = size(accessor.count);
  const [offset, viewOffset, viewLength] = [size(accessor.byteOffset), size(view.byteOffset), size(view.byteLength)];
  const stride = view.byteStride === undefined ? width * 4 : size(view.byteStride);
  const end = offset + (count - 1) * stride + width * 4;
  const isInside = view.buffer === 0 && end <= viewLength && viewOffset + viewLength <= binary.length;
  if (count < 1 || stride < width * 4 || !isInside) throw refuse('Invalid animation accessor.');
  const values = new Float32Array(count * width);
  for (let at = 0; at < values.length; at += 1) {
    const element = Math.floor(at / width);
    values[at] = binary.readFloatLE(viewOffset + offset + element * stride + (at % width) * 4);
  }
  return values;
}
