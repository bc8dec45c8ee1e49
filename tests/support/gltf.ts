/** What a binary glTF file is made of. */
export interface Gltf {
  json: Record<string, unknown>;
  binary: Buffer;
}

/** A binary glTF 2 file. */
export function glb({ json, binary }: Gltf): Buffer {
  const text = Buffer.from(JSON.stringify(json));
  const description = Buffer.concat([text, Buffer.alloc((4 - (text.length % 4)) % 4, 0x20)]);
  const bytes = Buffer.concat([binary, Buffer.alloc((4 - (binary.length % 4)) % 4)]);
  const head = Buffer.alloc(20);
  head.write('glTF', 0, 'latin1');
  head.writeUInt32LE(2, 4);
  head.writeUInt32LE(28 + description.length + bytes.length, 8);
  head.writeUInt32LE(description.length, 12);
  head.write('JSON', 16, 'latin1');
  const chunk = Buffer.alloc(8);
  chunk.writeUInt32LE(bytes.length, 0);
  chunk.write('BIN\0', 4, 'latin1');
  return Buffer.concat([head, description, chunk, bytes]);
}

const BONES = ['hips', 'spine', 'head', 'leftUpperArm', 'rightUpperArm', 'leftLowerArm', 'rightLowerArm'];

/** The smallest rigged avatar, with one texture. */
export function avatar(texture: Buffer): Gltf & { json: Record<string, unknown> } {
  const humanBones = Object.fromEntries(BONES.map((bone, node) => [bone, { node }]));
  return {
    binary: texture,
    json: {
      asset: { version: '2.0' },
      extensions: { VRMC_vrm: { humanoid: { humanBones } } },
      nodes: BONES.map((name) => ({ name })),
      buffers: [{ byteLength: texture.length }],
      bufferViews: [{ buffer: 0, byteOffset: 0, byteLength: texture.length }],
      images: [{ bufferView: 0, mimeType: 'image/png' }],
    },
  };
}

/** A movement of one bone: two keyframes within a second. */
export function movement(): Gltf {
  const floats = Buffer.from(new Float32Array([0, 1, 0, 0, 0, 1, 0, 0.7, 0, 0.7]).buffer);
  return {
    binary: floats,
    json: {
      asset: { version: '2.0' },
      extensions: { VRMC_vrm_animation: { specVersion: '1.0', humanoid: { humanBones: { hips: { node: 0 } } } } },
      nodes: [{ name: 'hips', children: [1] }, { name: 'spine' }],
      scenes: [{ nodes: [0] }],
      scene: 0,
      buffers: [{ byteLength: floats.length }],
      bufferViews: [
        { buffer: 0, byteOffset: 0, byteLength: 8 },
        { buffer: 0, byteOffset: 8, byteLength: 32 },
      ],
      accessors: [
        { bufferView: 0, componentType: 5126, type: 'SCALAR', count: 2 },
        { bufferView: 1, componentType: 5126, type: 'VEC4', count: 2 },
      ],
      animations: [
        {
          channels: [{ sampler: 0, target: { node: 0, path: 'rotation' } }],
          samplers: [{ input: 0, output: 1, interpolation: 'LINEAR' }],
        },
      ],
    },
  };
}
