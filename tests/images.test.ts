import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { type Account, addAccount, signUp } from './support/client.ts';
import { type Engine, type EngineAnswer, type EngineRequest, startEngine } from './support/engine.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

interface Image {
  id: string;
  url: string;
  name: string;
  content_type: string;
}

const picture = (format: 'png' | 'jpeg' | 'webp' | 'gif', width = 8, height = 6) =>
  sharp({ create: { width, height, channels: 3, background: '#3366cc' } })
    .toFormat(format)
    .toBuffer();

const bytesIn = async (file: File | undefined) => Buffer.from(await (file ?? new Blob()).arrayBuffer());

const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');

describe('pictures', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let png: Buffer;
  let saved: Record<string, unknown>;

  before(async () => {
    server = await startServer();
    admin = await signUp(server);
    user = await addAccount(admin, 'painter');
    png = await picture('png');
    saved = await admin.ok('GET', '/api/v1/images/config');
  });
  after(() => server?.stop());

  const set = (change: Record<string, unknown>) =>
    admin.ok('POST', '/api/v1/images/config/update', { json: { ...saved, ...change } });
  const openai = (engine: Engine, more: Record<string, unknown> = {}) =>
    set({
      ENABLE_IMAGE_GENERATION: true,
      ENABLE_IMAGE_EDIT: true,
      IMAGE_GENERATION_ENGINE: 'openai',
      IMAGES_OPENAI_API_BASE_URL: `${engine.base}/v1`,
      IMAGES_OPENAI_API_KEY: 'sk-secret-pictures',
      IMAGE_EDIT_ENGINE: 'openai',
      IMAGE_EDIT_MODEL: 'gpt-image-1',
      IMAGES_EDIT_OPENAI_API_BASE_URL: `${engine.base}/v1`,
      IMAGES_EDIT_OPENAI_API_KEY: 'sk-secret-edits',
      ...more,
    });
  const generate = (prompt: string, more: Record<string, unknown> = {}, as = user) =>
    as.call('POST', '/api/v1/images/generations', { json: { prompt, ...more } });
  const edit = (image: unknown, more: Record<string, unknown> = {}) =>
    user.call('POST', '/api/v1/images/edit', { json: { prompt: 'bluer', image, ...more } });

  async function bytesOf({ url }: Image): Promise<{ type: string | null; bytes: Buffer }> {
    const answer = await fetch(new URL(url, server.base), { headers: { authorization: `Bearer ${user.token}` } });
    return { type: answer.headers.get('content-type'), bytes: Buffer.from(await answer.arrayBuffer()) };
  }

  const drawn = (bytes: Buffer): EngineAnswer => ({ json: { data: [{ b64_json: bytes.toString('base64') }] } });

  it('keeps every format as it came, with the type of its bytes', async () => {
    const formats = ['png', 'jpeg', 'webp', 'gif'] as const;
    const made = await Promise.all(formats.map((format) => picture(format)));
    let at = 0;
    await using engine = await startEngine({ answer: () => drawn(made[at] ?? png) });
    await openai(engine);
    for (const format of formats) {
      const { status, body } = await generate('x');
      assert.equal(status, 200);
      const [image] = body as [Image];
      assert.equal(image.content_type, `image/${format}`);
      const { type, bytes } = await bytesOf(image);
      assert.equal(type, `image/${format}`);
      assert.deepEqual(bytes, made[at]);
      at += 1;
    }
  });

  it('refuses what is no picture and tells the reason of the engine without its key', async () => {
    const answers: Record<string, EngineAnswer> = {
      svg: drawn(SVG),
      text: drawn(Buffer.from('hello')),
      cut: drawn(png.subarray(0, 20)),
      none: { json: { data: [] } },
      list: { json: [1, 2] },
      html: { status: 502, type: 'text/html', bytes: Buffer.from('<html>secret page</html>') },
      refuse: { status: 401, json: { error: { message: 'Incorrect API key provided: sk-secret-pictures' } } },
      number: { json: { data: [{ b64_json: 12 }] } },
    };
    await using engine = await startEngine({ answer: ({ json }) => answers[String(json.prompt)] ?? null });
    await openai(engine);
    const files = async () => (await user.ok<{ total: number }>('GET', '/api/v1/files/')).total;
    const before = await files();
    for (const prompt of Object.keys(answers)) {
      const { status, body } = await generate(prompt);
      assert.equal(status, 400, prompt);
      const { detail } = body as { detail: string };
      assert.match(detail, /^\[ERROR: .+\]$/, prompt);
      assert.ok(!detail.includes('sk-secret') && !detail.includes('secret page'), detail);
      if (prompt === 'refuse') assert.equal(detail, '[ERROR: Unauthorized: Incorrect API key provided: ***]');
    }
    assert.equal(await files(), before);
    assert.ok(!server.output().includes('sk-secret'), 'the log has no key');
  });

  it('reads no more of an answer than a picture can be', async () => {
    await using engine = await startEngine({
      answer: ({ path, json }) => {
        if (path === '/huge.png') return { type: 'image/png', zeros: 200 * 1024 * 1024 };
        return {
          json: { data: [{ url: json.prompt === 'page' ? `${engine.base}/page` : `${engine.base}/huge.png` }] },
        };
      },
    });
    await openai(engine);
    assert.equal((await generate('huge')).status, 400);
    assert.equal((await generate('page')).status, 400);
  });

  it('gives the key only to the origin of the engine, and fetches nothing private elsewhere', async () => {
    await using other = await startEngine({ answer: () => ({ type: 'image/png', bytes: png }) });
    await using engine = await startEngine({
      answer: ({ path }) => {
        if (path === '/moved.png') return { status: 302, headers: { location: `${other.base}/x.png` }, json: {} };
        if (path === '/own.png') return { type: 'image/png', bytes: png };
        const url = target;
        return { json: { data: [{ url }] } };
      },
    });
    let target = `${engine.base}/own.png`;
    await openai(engine);
    assert.equal((await generate('x')).status, 200);
    assert.equal(engine.of('/own.png')[0]?.headers.authorization, 'Bearer sk-secret-pictures');
    for (const url of [`${other.base}/x.png`, `${engine.base}/moved.png`, 'file:///etc/passwd']) {
      target = url;
      assert.equal((await generate('x')).status, 400, url);
    }
    assert.deepEqual(other.requests, []);
  });

  it('stops asking when the caller goes away', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using engine = await startEngine({
      answer: () => {
        resolve();
        return { hangs: true };
      },
    });
    await openai(engine);
    const leave = new AbortController();
    const call = user.call('POST', '/api/v1/images/generations', { json: { prompt: 'x' }, signal: leave.signal });
    await asked;
    leave.abort();
    await assert.rejects(call);
    await until(() => engine.givenUp() === 1, { what: 'the engine to be left alone' });
  });

  it('asks for a sensible number of pictures, and for the permission', async () => {
    await using engine = await startEngine({ answer: () => drawn(png) });
    await openai(engine);
    for (const n of [0, -1, 11]) assert.equal((await generate('x', { n })).status, 400);
    assert.equal(engine.requests.length, 0);
    await set({});
    assert.equal((await generate('x')).status, 403);
    assert.equal((await generate('x', {}, admin)).status, 403);
  });

  describe('edits', () => {
    it('sends own files, data URLs and several pictures; JPEGs of a turned camera upright', async () => {
      const turned = await sharp({ create: { width: 10, height: 4, channels: 3, background: 'red' } })
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer();
      const cmyk = await sharp(turned).toColourspace('cmyk').jpeg().toBuffer();
      await using engine = await startEngine({ answer: () => drawn(png) });
      await openai(engine);
      const [first] = (await generate('x')).body as [Image];
      const data = `data:image/jpeg;base64,${turned.toString('base64')}`;
      const given = [first.url, first.id, data, `data:image/jpeg;base64,${cmyk.toString('base64')}`];
      const { status, body } = await edit(given, { n: 2, size: '64x64', background: 'opaque' });
      assert.equal(status, 200, JSON.stringify(body));
      const [{ form, headers }] = engine.of('/v1/images/edits') as [EngineRequest];
      assert.equal(headers.authorization, 'Bearer sk-secret-edits');
      assert.ok(form);
      assert.deepEqual(
        ['model', 'prompt', 'n', 'size', 'background', 'response_format'].map((name) => form.get(name)),
        ['gpt-image-1', 'bluer', '2', '64x64', 'opaque', null],
      );
      const sent = form.getAll('image[]') as File[];
      assert.equal(sent.length, 4);
      assert.deepEqual(await bytesIn(sent[0]), png);
      const upright = await sharp(await bytesIn(sent[2])).metadata();
      assert.deepEqual([upright.width, upright.height, upright.orientation ?? 1], [4, 10, 1]);
      const colours = await sharp(await bytesIn(sent[3])).metadata();
      assert.equal(colours.space, 'srgb');
      assert.equal((await edit(data)).status, 200);
      const single = engine.of('/v1/images/edits')[1]?.form?.get('image');
      assert.ok(single instanceof File && single.name.endsWith('.jpg'));
    });

    it('takes no foreign file, no script, no private address and no bomb', async () => {
      await using engine = await startEngine({ answer: () => drawn(png) });
      await openai(engine);
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(png)], { type: 'image/png' }), 'a.png');
      const foreign = await admin.ok<{ id: string }>('POST', '/api/v1/files/?process=false', { form });
      // A PNG that says it has 60,000 x 60,000 pixels.
      const bomb = Buffer.from(png);
      bomb.writeUInt32BE(60_000, 16);
      bomb.writeUInt32BE(60_000, 20);
      const refused = [
        foreign.id,
        `/api/v1/files/${foreign.id}/content`,
        `${server.base}/api/v1/files/${foreign.id}/content`,
        `data:image/svg+xml;base64,${SVG.toString('base64')}`,
        `data:image/png;base64,${SVG.toString('base64')}`,
        `data:image/png;base64,${bomb.toString('base64')}`,
        'data:image/png;base64,',
        'data:image/png,abc',
        `${engine.base}/secret.png`,
        'http://169.254.169.254/latest',
        'file:///etc/passwd',
        '../../etc/passwd',
        '',
      ];
      for (const image of refused) {
        const { status, body } = await edit(image);
        assert.equal(status, 400, image.slice(0, 80));
        assert.deepEqual(body, { detail: '[ERROR: Error loading image]' }, image.slice(0, 80));
      }
      assert.equal((await edit([])).status, 400);
      assert.deepEqual(engine.requests, []);
    });

    it('shows Gemini the pictures with their types and keeps none of their data', async () => {
      const webp = await picture('webp');
      await using engine = await startEngine({
        answer: ({ path }) =>
          path.endsWith(':generateContent')
            ? {
                json: {
                  candidates: [
                    { content: { parts: [{ text: 'Here.' }, { inlineData: { data: png.toString('base64') } }] } },
                  ],
                },
              }
            : null,
      });
      await set({
        ENABLE_IMAGE_EDIT: true,
        IMAGE_EDIT_ENGINE: 'gemini',
        IMAGE_EDIT_MODEL: 'gemini-draws',
        IMAGES_EDIT_GEMINI_API_BASE_URL: engine.base,
        IMAGES_EDIT_GEMINI_API_KEY: 'g-key',
      });
      const { status, body } = await edit(`data:image/webp;base64,${webp.toString('base64')}`);
      assert.equal(status, 200, JSON.stringify(body));
      const [request] = engine.requests as [EngineRequest];
      assert.equal(request.path, '/models/gemini-draws:generateContent');
      assert.equal(request.headers['x-goog-api-key'], 'g-key');
      assert.deepEqual(request.json.contents, [
        {
          parts: [{ text: 'bluer' }, { inline_data: { mime_type: 'image/webp', data: webp.toString('base64') } }],
        },
      ]);
      const [{ id }] = body as [Image];
      const { meta } = await user.ok<{ meta: { data: unknown } }>('GET', `/api/v1/files/${id}`);
      assert.deepEqual(meta.data, { model: 'gemini-draws', prompt: 'bluer' });
    });
  });

  it('have no sizes that are none; null stands for none and for what is there', async () => {
    const store = (change: object) =>
      admin.call('POST', '/api/v1/images/config/update', { json: { ...saved, ...change } });
    const refused = await store({ IMAGE_SIZE: 'big' });
    assert.deepEqual(refused.body, { detail: 'Invalid format. Please use the correct format  (e.g., 512x512).' });
    const { status, body } = await store({ IMAGE_SIZE: null, IMAGE_STEPS: null });
    const { IMAGE_SIZE: size, IMAGE_STEPS: steps } = body as Record<string, unknown>;
    assert.deepEqual([status, size, steps], [200, '', 50]);
  });

  it('draws with Gemini by both methods, and tells why a model drew nothing', async () => {
    const data = png.toString('base64');
    await using engine = await startEngine({
      answer: ({ path, json }) => {
        if (path.endsWith(':predict')) return { json: { predictions: [{ bytesBase64Encoded: data }] } };
        const refused = JSON.stringify(json).includes('refuse');
        const parts = refused ? [{ text: 'I cannot draw that.' }] : [{ inlineData: { data } }];
        return { json: { candidates: [{ content: { parts } }] } };
      },
    });
    const gemini = {
      ENABLE_IMAGE_GENERATION: true,
      IMAGE_GENERATION_ENGINE: 'gemini',
      IMAGES_GEMINI_API_BASE_URL: engine.base,
      IMAGES_GEMINI_API_KEY: 'g-key',
    };
    await set(gemini);
    assert.equal((await generate('A cat', { n: 2 })).status, 200);
    assert.deepEqual(
      [engine.requests[0]?.path, engine.requests[0]?.json],
      [
        '/models/imagen-3.0-generate-002:predict',
        {
          instances: { prompt: 'A cat' },
          parameters: { sampleCount: 2, outputOptions: { mimeType: 'image/png' } },
        },
      ],
    );
    await set({ ...gemini, IMAGES_GEMINI_ENDPOINT_METHOD: 'generateContent', IMAGE_GENERATION_MODEL: 'nano' });
    assert.equal((await generate('A cat')).status, 200);
    assert.deepEqual((await generate('refuse')).body, { detail: '[ERROR: I cannot draw that.]' });
  });

  describe('ComfyUI', () => {
    const workflow = {
      1: { inputs: {}, class_type: 'LoadImage' },
      2: { inputs: {}, class_type: 'LoadImage' },
      9: { inputs: {}, class_type: 'SaveImage' },
    };
    const comfy = (engine: Engine) =>
      set({
        ENABLE_IMAGE_GENERATION: true,
        ENABLE_IMAGE_EDIT: true,
        IMAGE_GENERATION_ENGINE: 'comfyui',
        COMFYUI_BASE_URL: engine.base,
        COMFYUI_WORKFLOW: JSON.stringify(workflow),
        COMFYUI_WORKFLOW_NODES: [{ type: 'prompt', key: 'text', node_ids: ['9'] }],
        IMAGE_EDIT_ENGINE: 'comfyui',
        IMAGES_EDIT_COMFYUI_BASE_URL: engine.base,
        IMAGES_EDIT_COMFYUI_WORKFLOW: JSON.stringify(workflow),
        IMAGES_EDIT_COMFYUI_WORKFLOW_NODES: [{ type: 'image', key: 'image', node_ids: ['1', '2'] }],
      });
    const history = {
      p1: {
        outputs: {
          9: {
            images: [
              { filename: 'a.png', subfolder: '', type: 'temp' },
              { filename: 'b.png', subfolder: 's', type: 'output' },
            ],
          },
        },
      },
    };
    const script = ({ path }: EngineRequest): EngineAnswer | null => {
      if (path === '/api/upload/image') {
        uploads += 1;
        return { json: { name: `up-${uploads}.png` } };
      }
      if (path === '/prompt') return { json: { prompt_id: 'p1' } };
      if (path === '/history/p1') return { json: history };
      return path === '/view' ? { type: 'image/png', bytes: png } : null;
    };
    let uploads = 0;
    const finished = { type: 'executing', data: { node: null, prompt_id: 'p1' } };

    it('uploads pictures for an edit and takes what the workflow saves', async () => {
      await using engine = await startEngine({
        answer: script,
        // Done before anybody has asked: what is said early counts.
        socket: (socket) => socket.send(JSON.stringify(finished)),
      });
      await comfy(engine);
      const data = `data:image/png;base64,${png.toString('base64')}`;
      const { status, body } = await edit([data, data]);
      assert.equal(status, 200, JSON.stringify(body));
      const [prompt] = engine.of('/prompt') as [EngineRequest];
      const sent = prompt.json.prompt as Record<string, { inputs: Record<string, unknown> }>;
      assert.deepEqual([sent[1]?.inputs.image, sent[2]?.inputs.image].sort(), ['up-1.png', 'up-2.png']);
      assert.deepEqual(
        engine.of('/view').map(({ query }) => query),
        [{ filename: 'b.png', subfolder: 's', type: 'output' }],
      );
      const [socket] = engine.of('/ws') as [EngineRequest];
      assert.equal(socket.headers.authorization, undefined, 'no key, no empty header');
    });

    it('asks the history when the socket closes early, and refuses an answer without pictures', async () => {
      let gone: unknown = history;
      await using engine = await startEngine({
        answer: (request) => (request.path === '/history/p1' ? { json: gone } : script(request)),
        socket: (socket) => socket.close(),
      });
      await comfy(engine);
      assert.equal((await generate('x')).status, 200);
      gone = {};
      assert.deepEqual((await generate('x')).body, { detail: '[ERROR: The ComfyUI workflow made no picture]' });
    });

    it('ends the wait for a server that never reports when the caller leaves', async () => {
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      const { promise: queued, resolve: queue } = Promise.withResolvers<void>();
      await using engine = await startEngine({
        answer: (request) => {
          if (request.path === '/prompt') queue();
          return script(request);
        },
        socket: (socket) => void socket.on('close', resolve),
      });
      await comfy(engine);
      const leave = new AbortController();
      const call = user.call('POST', '/api/v1/images/generations', { json: { prompt: 'x' }, signal: leave.signal });
      await queued;
      leave.abort();
      await assert.rejects(call);
      await closed;
    });

    it('refuses a workflow that is none', async () => {
      await using engine = await startEngine({ answer: script, socket: () => {} });
      await comfy(engine);
      await admin.ok('POST', '/api/v1/images/config/update', {
        json: { ...(await admin.ok('GET', '/api/v1/images/config')), COMFYUI_WORKFLOW: '{not json' },
      });
      assert.deepEqual((await generate('x')).body, { detail: '[ERROR: The ComfyUI workflow is no JSON]' });
      assert.deepEqual(engine.requests, []);
    });
  });
});
