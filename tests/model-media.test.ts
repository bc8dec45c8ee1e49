import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount, signUp } from './support/client.ts';
import { allow } from './support/documents.ts';
import { avatar, type Gltf, glb, movement } from './support/gltf.ts';
import { type Provider, startProvider } from './support/provider.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';

type Json = Record<string, unknown>;

/** The value at a path of an object, to be changed. */
const at = (json: Json, ...path: (string | number)[]) =>
  path.reduce<unknown>((value, key) => (value as Json)[key], json) as Json;

describe('files a model shows', () => {
  let server: TestServer;
  let provider: Provider;
  let admin: Account;
  let user: Account;
  let png: Buffer;

  before(async () => {
    provider = await startProvider({ models: ['hello', 'calls-play_animation'] });
    server = await startServer({ provider });
    admin = await signUp(server);
    user = await addAccount(admin, 'una');
    png = await picture(8, 8);
    await allow(admin, (permissions) => {
      if (permissions.workspace) permissions.workspace.models = true;
    });
    await admin.ok('POST', '/api/v1/models/create', {
      json: {
        id: 'hello',
        name: 'hello',
        meta: {},
        params: {},
        access_grants: [{ principal_type: 'user', principal_id: user.id, permission: 'read' }],
      },
    });
  });
  after(async () => {
    await server?.stop();
    await provider?.stop();
  });

  const picture = (width: number, height: number, format: 'png' | 'gif' | 'avif' = 'png') =>
    sharp({ create: { width, height, channels: 3, background: 'teal' } })
      .toFormat(format)
      .toBuffer();
  async function upload(bytes: Buffer, name: string, as = user, type = 'application/octet-stream'): Promise<string> {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)], { type }), name);
    return (await as.ok<{ id: string }>('POST', '/api/v1/files/?process=false', { form })).id;
  }
  const form = (meta: Json, id = `model-${randomUUID()}`) => ({
    id,
    name: id,
    base_model_id: 'hello',
    meta,
    params: {},
  });
  const create = (meta: Json) => user.call('POST', '/api/v1/models/create', { json: form(meta) });
  const detailOf = ({ body }: { body: unknown }) => (body as { detail: unknown }).detail;
  async function refusalOf(voice_avatar: Json, status = 400) {
    const answer = await create({ voice_avatar });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    return detailOf(answer);
  }
  const made = (original: Gltf, change: (json: Json) => void = () => {}) => {
    const copy = structuredClone(original.json);
    change(copy);
    return glb({ json: copy, binary: original.binary });
  };

  it('is an avatar with movements, which its readers may read and others not', async () => {
    const [vrm, vrma] = [await upload(made(avatar(png)), 'a.vrm'), await upload(made(movement()), 'a.vrma')];
    const voice_avatar = {
      file_id: vrm,
      states: { idle: { file_id: vrma } },
      gestures: [{ file_id: vrma, name: 'wave', description: 'Waves' }],
    };
    const model = form({ voice_avatar });
    const created = await user.call('POST', '/api/v1/models/create', { json: model });
    assert.equal(created.status, 200, JSON.stringify(created.body));
    const reader = await addAccount(admin, 'reader');
    assert.equal((await reader.call('GET', `/api/v1/files/${vrm}/content`)).status, 404);
    const access_grants = [{ principal_type: 'user', principal_id: reader.id, permission: 'read' }];
    await admin.ok('POST', '/api/v1/models/model/access/update', { json: { id: model.id, access_grants } });
    for (const id of [vrm, vrma]) assert.equal((await reader.call('GET', `/api/v1/files/${id}/content`)).status, 200);
    await user.ok('POST', '/api/v1/models/model/update', { json: { ...model, meta: { voice_avatar: null } } });
    assert.equal((await reader.call('GET', `/api/v1/files/${vrm}/content`)).status, 404);
  });

  it('moves where a model that is spoken with asks for it', async () => {
    const [vrm, vrma] = [await upload(made(avatar(png)), 'a.vrm'), await upload(made(movement()), 'a.vrma')];
    const gestures = [{ file_id: vrma, name: 'wave', description: 'Waves' }];
    const model = { ...form({ voice_avatar: { file_id: vrm, gestures } }), base_model_id: 'calls-play_animation' };
    await admin.ok('POST', '/api/v1/models/create', { json: model });
    const socket = await connectSocket(server.base, admin);
    let answer: unknown = { status: 'started' };
    const seen: unknown[] = [];
    socket.raw.on(
      'events',
      (event: { data: { type: string; data?: unknown } }, acknowledge?: (value: unknown) => void) => {
        if (event.data.type !== 'voice:play_animation') return;
        seen.push(event.data.data);
        acknowledge?.(answer);
      },
    );
    const told = async (features: Json, content = '{"name":"wave"}') => {
      await sendTurn(admin, socket, { model: model.id, content, extra: { features } });
      const messages = provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
      return messages.findLast(({ role }) => role === 'tool')?.content ?? '';
    };
    assert.deepEqual(JSON.parse(await told({ voice: true })), { status: 'started' });
    assert.deepEqual(seen, [{ name: 'wave', model_id: model.id }]);
    answer = { status: 'nonsense' };
    assert.deepEqual(JSON.parse(await told({ voice: true })), { status: 'unavailable' });
    assert.deepEqual(JSON.parse(await told({ voice: true }, '{"name":"jump"}')), { status: 'unavailable' });
    assert.equal(seen.length, 2);
    assert.match(await told({}), /not found/);
    socket.close();
  });

  it('is refused where it is no avatar, with the reason', async () => {
    const good = avatar(png);
    const cut = made(good);
    const cases: [Buffer, RegExp | string][] = [
      [Buffer.from('no avatar at all, only words'), 'Upload a binary VRM file.'],
      [cut.subarray(0, cut.length - 4), 'Upload a binary VRM file.'],
      [made(good, (json) => delete json.extensions), /missing its hips bone/],
      [
        made(good, (json) => delete at(json, 'extensions', 'VRMC_vrm', 'humanoid', 'humanBones').head),
        /missing its head bone/,
      ],
      [made(good, (json) => Object.assign(at(json, 'buffers', 0), { uri: 'http://evil/x.bin' })), /Embed all buffers/],
      [made(good, (json) => Object.assign(json, { accessors: [{ count: 5_000_001 }] })), /too complex/],
      [made(good, (json) => Object.assign(at(json, 'images', 0), { mimeType: 'image/svg+xml' })), /Embed PNG, JPEG/],
      [
        made(good, (json) => Object.assign(at(json, 'images', 0), { uri: 'data:image/png;base64,' })),
        /Embed PNG, JPEG/,
      ],
      [
        made(good, (json) => Object.assign(at(json, 'bufferViews', 0), { byteLength: 9_999 })),
        'Invalid embedded avatar texture.',
      ],
      [made(avatar(Buffer.from('this is no picture'))), 'Invalid embedded avatar texture.'],
      [made(avatar(await picture(4_097, 1))), 'Avatar textures are too large. Export at 2048px or below.'],
      [made(good, (json) => Object.assign(json, { nodes: 'none' })), 'Invalid VRM file.'],
      [Buffer.alloc(25 * 1024 * 1024 + 4), 'Avatar must be at most 25 MiB.'],
    ];
    for (const [bytes, text] of cases) {
      const detail = await refusalOf({ file_id: await upload(bytes, 'a.vrm') });
      if (typeof text === 'string') assert.equal(detail, text);
      else assert.match(String(detail), text);
    }
    const old = made(good, (json) => {
      const bones = Object.entries(at(json, 'extensions', 'VRMC_vrm', 'humanoid', 'humanBones'));
      const humanBones = bones.map(([bone, value]) => ({ bone, ...(value as Json) }));
      json.extensions = { VRM: { humanoid: { humanBones } } };
    });
    assert.equal((await create({ voice_avatar: { file_id: await upload(old, 'old.vrm') } })).status, 200);
  });

  it('is refused where a movement is none, with the reason', async () => {
    const good = movement();
    const vrm = await upload(made(avatar(png)), 'a.vrm');
    const set = (path: (string | number)[], values: Json) => (json: Json) =>
      void Object.assign(at(json, ...path), values);
    const sampler = ['animations', 0, 'samplers', 0];
    const channel = ['animations', 0, 'channels', 0];
    const cases: [(json: Json) => void, string][] = [
      [(json) => delete json.extensions, 'Use a VRMA 1.0 humanoid animation.'],
      [set(['extensions', 'VRMC_vrm_animation'], { specVersion: '2.0' }), 'Use a VRMA 1.0 humanoid animation.'],
      [
        set(['extensions', 'VRMC_vrm_animation', 'humanoid', 'humanBones', 'hips'], { node: 9 }),
        'Invalid animation bone.',
      ],
      [set(['nodes', 0], { children: [7] }), 'Invalid animation node hierarchy.'],
      [set(['nodes', 1], { children: [0] }), 'Invalid animation node hierarchy.'],
      [set(['nodes', 0], { rotation: [0, 0, 1] }), 'Invalid animation transform.'],
      [set(['nodes', 1], { children: [1] }), 'Animation nodes must have a single parent.'],
      [set(['scenes', 0], { nodes: [5] }), 'Invalid animation scene.'],
      [set(['buffers', 0], { uri: 'x' }), 'Embed all animation data in the VRMA file.'],
      [set([], { meshes: [{}] }), 'Export animation only, without meshes or textures.'],
      [set([], { extensionsRequired: ['KHR_draco'] }), 'Unsupported animation extension.'],
      [set(['buffers', 0], { byteLength: 1 }), 'Invalid animation buffer.'],
      [set(['accessors', 0], { count: 500_001 }), 'Animation has too many keyframes.'],
      [set(['accessors', 0], { componentType: 5125 }), 'Use float animation keyframes without sparse accessors.'],
      [set(['accessors', 0], { sparse: {} }), 'Use float animation keyframes without sparse accessors.'],
      [set(['accessors', 0], { byteOffset: 4 }), 'Invalid animation accessor.'],
      [set(['bufferViews', 1], { byteOffset: 4_000 }), 'Invalid animation accessor.'],
      [set([], { animations: [] }), 'Export exactly one animation per VRMA file.'],
      [set([...channel, 'target'], { path: 'weights' }), 'Unsupported animation channel.'],
      [set(channel, { sampler: 3 }), 'Invalid animation reference.'],
      [set(sampler, { input: 1 }), 'Invalid animation timing.'],
      [set(sampler, { interpolation: 'CUBICSPLINE' }), 'Export baked animation with linear or stepped keyframes.'],
      [set([...channel, 'target'], { path: 'translation' }), 'Invalid animation output.'],
      [set([...channel, 'target'], { node: 1 }), 'Use a body animation between 0 and 60 seconds.'],
      [set([], { nodes: 7 }), 'Invalid VRMA file.'],
    ];
    for (const [change, text] of cases) {
      const file_id = await upload(made(good, change), 'a.vrma');
      assert.equal(await refusalOf({ file_id: vrm, states: { idle: { file_id } } }), text);
    }
    const infinite = movement();
    infinite.binary.writeFloatLE(Number.NaN, 8);
    const [nan, long] = [await upload(made(infinite), 'a.vrma'), movement()];
    assert.equal(
      await refusalOf({ file_id: vrm, states: { idle: { file_id: nan } } }),
      'Animation keyframes must be finite.',
    );
    long.binary.writeFloatLE(61, 4);
    const file_id = await upload(made(long), 'a.vrma');
    assert.equal(
      await refusalOf({ file_id: vrm, states: { idle: { file_id } } }),
      'Use a body animation between 0 and 60 seconds.',
    );
    assert.equal(
      await refusalOf({ file_id: vrm, states: { idle: { file_id: vrm } } }),
      'An animation must be a VRMA file, not the avatar.',
    );
  });

  it('is one the user may read, and a refusal changes nothing', async () => {
    const theirs = await upload(made(avatar(png)), 'a.vrm', admin);
    const text = 'Avatar or animation file is not accessible. Upload it again.';
    assert.equal(await refusalOf({ file_id: theirs }, 403), text);
    assert.equal(await refusalOf({ file_id: '00000000-0000-4000-8000-000000000000' }, 403), text);
    const own = await upload(made(avatar(png)), 'a.vrm');
    const model = form({ voice_avatar: { file_id: own } });
    await user.ok('POST', '/api/v1/models/create', { json: model });
    const worse = { ...model, name: 'Renamed', meta: { voice_avatar: { file_id: theirs } } };
    assert.equal((await user.call('POST', '/api/v1/models/model/update', { json: worse })).status, 403);
    const { name } = await user.ok('GET', `/api/v1/models/model?id=${model.id}`);
    assert.equal(name, model.id);
    // What the model shows already is not asked for again, even where the file has gone meanwhile.
    await user.ok('DELETE', `/api/v1/files/${own}`);
    await user.ok('POST', '/api/v1/models/model/update', { json: { ...model, name: 'Renamed' } });
  });

  it('is a background that is a picture of some size, served as what it is', async () => {
    const url = (id: string) => ({ background_image_url: `/api/v1/files/${id}/content` });
    const gif = await upload(await picture(20, 20, 'gif'), 'a.png', user, 'image/png');
    assert.equal((await create(url(gif))).status, 200);
    assert.equal((await user.call('GET', `/api/v1/files/${gif}/content`)).headers.get('content-type'), 'image/gif');
    const refused = [
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
      await picture(20, 20, 'avif'),
      png.subarray(0, png.length - 30),
      await picture(5_001, 5_000),
      Buffer.concat([png, Buffer.alloc(5 * 1024 * 1024)]),
    ];
    for (const bytes of refused) {
      const answer = await create(url(await upload(bytes, 'a.png', user, 'image/png')));
      assert.equal(answer.status, 400);
      assert.match(String(detailOf(answer)), /^Background image must be/);
    }
    const theirs = await create(url(await upload(png, 'a.png', admin)));
    assert.deepEqual([theirs.status, detailOf(theirs)], [403, 'Background image is not accessible.']);
  });
});
