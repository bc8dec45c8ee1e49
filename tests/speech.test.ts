import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { allow } from './support/documents.ts';
import { type EngineAnswer, type EngineRequest, startEngine } from './support/engine.ts';
import { startServer, type TestServer } from './support/server.ts';

const missingFfmpeg = spawnSync('ffprobe', ['-version']).status === 0 ? false : 'ffmpeg is not installed';

const MP3 = Buffer.from('ID3 scripted sound');
const sound: EngineAnswer = { type: 'audio/mpeg', bytes: MP3 };

describe('speech', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let saved: { tts: Record<string, unknown>; stt: Record<string, unknown> };

  before(async () => {
    server = await startServer({ env: { USE_SLIM_DOCKER: 'true' } });
    admin = await signUp(server);
    user = await addAccount(admin, 'reader');
    saved = await admin.ok('GET', '/api/v1/audio/config');
  });
  after(() => server?.stop());

  const set = (tts: Record<string, unknown>) =>
    admin.ok('POST', '/api/v1/audio/config/update', { json: { ...saved, tts: { ...saved.tts, ...tts } } });
  const openai = (base: string, more: Record<string, unknown> = {}) =>
    set({ ENGINE: 'openai', OPENAI_API_BASE_URL: `${base}/v1`, OPENAI_API_KEY: 'sk-secret-mouth', ...more });
  const say = (input: unknown, more: Record<string, unknown> = {}, as: Account = user) =>
    fetch(`${server.base}/api/v1/audio/speech`, {
      method: 'POST',
      headers: { authorization: `Bearer ${as.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ input, ...more }),
    });
  const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
  const detailOf = async (answer: Response) => ((await answer.json()) as { detail: string }).detail;

  it('is made once, and anew when a setting it depends on has changed', async () => {
    await using engine = await startEngine({ answer: () => sound });
    await openai(engine.base);
    const answers = await Promise.all(Array.from({ length: 5 }, () => say('Once upon a time')));
    for (const answer of answers) {
      assert.equal(answer.headers.get('content-type'), 'audio/mpeg');
      assert.deepEqual(await bytesOf(answer), MP3);
    }
    assert.equal(engine.requests.length, 1);
    for (const change of [{ VOICE: 'nova' }, { OPENAI_PARAMS: { speed: 2 } }, { MODEL: 'tts-2' }]) {
      await openai(engine.base, change);
      assert.equal((await say('Once upon a time')).status, 200);
    }
    assert.equal(engine.requests.length, 4);
    const etag = (await say('Once upon a time')).headers.get('etag');
    assert.ok(etag);
    const names = await readdir(join(server.dataDir, 'cache/audio/speech'));
    assert.ok(names.length > 0 && names.every((name) => /^[0-9a-f]{64}\.(mp3|json)$/.test(name)), names.join());
    // Nobody gets at it by its name.
    assert.equal((await user.call('GET', `/cache/audio/speech/${names[0]}`)).status, 404);
  });

  it('refuses what is no speech, keeps none of it, and tells no key', async () => {
    const answers: Record<string, EngineAnswer> = {
      nothing: { type: 'audio/mpeg', bytes: Buffer.alloc(0) },
      page: { type: 'text/html', bytes: Buffer.from('<html>') },
      json: { json: { error: 'no' } },
      huge: { type: 'audio/mpeg', zeros: 100 * 1024 * 1024 },
      rude: { status: 422, json: { error: { message: 'sk-secret-mouth is too rude' } } },
      broken: { status: 500, type: 'text/html', bytes: Buffer.from('<html>trace</html>') },
    };
    await using engine = await startEngine({ answer: ({ json }) => answers[String(json.input)] ?? sound });
    await openai(engine.base);
    const expected = { nothing: 502, page: 502, json: 502, huge: 500, rude: 422, broken: 500 };
    for (const [input, status] of Object.entries(expected)) {
      for (const _again of [1, 2]) {
        const answer = await say(input);
        assert.equal(answer.status, status, input);
        const text = await answer.text();
        assert.ok(!text.includes('secret') && !text.includes('trace'), text);
        if (input === 'rude') assert.equal(JSON.parse(text).detail, 'External: *** is too rude');
      }
    }
    assert.equal(engine.requests.length, 12, 'failures are asked for again');
    assert.ok(!server.output().includes('sk-secret'));
    for (const input of ['', '  ', 7, null]) assert.equal((await say(input)).status, 400);
    const list = await user.call('POST', '/api/v1/audio/speech', { json: [1] });
    assert.deepEqual([list.status, list.body], [400, { detail: 'Invalid JSON payload' }]);
    await openai('http://127.0.0.1:9');
    assert.deepEqual(
      [(await say('nobody there')).status, await detailOf(await say('nobody there'))],
      [500, 'Open WebUI: Server Connection Error'],
    );
  });

  it('goes out as it came where nothing converts it, bare samples as a WAV file', async () => {
    const answers: Record<string, EngineAnswer> = {
      ogg: { type: 'audio/ogg', bytes: Buffer.from('OggS...') },
      flac: { type: 'application/octet-stream', bytes: Buffer.from('fLaC...') },
      pcm: { type: 'audio/pcm; rate=16000; channels=2', bytes: Buffer.alloc(3200) },
    };
    await using engine = await startEngine({ answer: ({ json }) => answers[String(json.input)] ?? null });
    await openai(engine.base);
    assert.equal((await say('ogg')).headers.get('content-type'), 'audio/ogg');
    assert.equal((await say('flac')).headers.get('content-type'), 'audio/flac');
    const wav = await bytesOf(await say('pcm'));
    assert.equal(wav.toString('latin1', 0, 4), 'RIFF');
    assert.deepEqual([wav.readUInt32LE(24), wav.readUInt16LE(22), wav.readUInt32LE(40)], [16_000, 2, 3_200]);
  });

  it('is converted to MP3 where ffmpeg is installed', { skip: missingFfmpeg }, async () => {
    await using engine = await startEngine({
      answer: ({ json }) =>
        json.input === 'broken'
          ? { type: 'audio/ogg', bytes: Buffer.from('OggS is all there is') }
          : { type: 'audio/pcm', bytes: Buffer.alloc(48_000) },
    });
    const env = { AUDIO_TTS_ENGINE: 'openai', AUDIO_TTS_OPENAI_API_BASE_URL: engine.base };
    await using own = await startServer({ env });
    const reader = await signUp(own);
    const speak = (input: string) => reader.call('POST', '/api/v1/audio/speech', { json: { input } });
    const { status, headers } = await speak('samples');
    assert.deepEqual([status, headers.get('content-type')], [200, 'audio/mpeg']);
    assert.equal((await speak('broken')).status, 502);
    const config = await reader.ok<{ tts: object }>('GET', '/api/v1/audio/config');
    const json = { ...config, tts: { ...config.tts, ENGINE: 'transformers' } };
    await reader.ok('POST', '/api/v1/audio/config/update', { json });
    assert.equal((await speak('local')).status, 503);
  });

  it('needs an engine, a permission, and a known kind', async () => {
    await set({ ENGINE: '' });
    assert.equal((await say('x')).status, 404);
    const local = { json: { ...saved, tts: { ...saved.tts, ENGINE: 'transformers' } } };
    assert.equal((await admin.call('POST', '/api/v1/audio/config/update', local)).status, 400);
    await set({ ENGINE: 'constructor' });
    assert.equal(await detailOf(await say('x')), 'Unsupported TTS engine: constructor');
    await using engine = await startEngine({ answer: () => sound });
    await openai(engine.base);
    await allow(admin, (permissions) => {
      if (permissions.chat) permissions.chat.tts = false;
    });
    assert.equal((await say('x')).status, 403);
    assert.equal((await say('x', {}, admin)).status, 200);
    await allow(admin, (permissions) => {
      if (permissions.chat) permissions.chat.tts = true;
    });
  });

  it('is made by ElevenLabs, with a voice that is there', async () => {
    await using engine = await startEngine({
      answer: ({ path }) => {
        if (path === '/v1/voices') return { json: { voices: [{ voice_id: 'v1', name: 'Ann' }] } };
        if (path === '/v1/models') return { json: [{ model_id: 'm1', name: 'Model one' }] };
        return path === '/v1/text-to-speech/v1' ? sound : null;
      },
    });
    await using own = await startServer({
      env: {
        ELEVENLABS_API_BASE_URL: engine.base,
        AUDIO_TTS_ENGINE: 'elevenlabs',
        AUDIO_TTS_API_KEY: 'el-key',
        AUDIO_TTS_MODEL: 'm1',
      },
    });
    const reader = await signUp(own);
    assert.deepEqual(await reader.ok('GET', '/api/v1/audio/voices'), { voices: [{ id: 'v1', name: 'Ann' }] });
    assert.deepEqual(await reader.ok('GET', '/api/v1/audio/models'), { models: [{ id: 'm1', name: 'Model one' }] });
    const speak = (voice: string) => reader.call('POST', '/api/v1/audio/speech', { json: { input: 'Hi', voice } });
    assert.equal((await speak('v1')).status, 200);
    for (const voice of ['v2', '', '../v1']) {
      assert.deepEqual((await speak(voice)).body, { detail: 'Invalid voice id' });
    }
    assert.equal(engine.of('/v1/voices').length, 1, 'the list is kept');
    const [request] = engine.of('/v1/text-to-speech/v1') as [EngineRequest];
    assert.equal(request.headers['xi-api-key'], 'el-key');
    assert.deepEqual(request.json, {
      text: 'Hi',
      model_id: 'm1',
      voice_settings: { stability: 0.5, similarity_boost: 0.5 },
    });
  });

  it('is made by Azure, its text escaped', async () => {
    await using engine = await startEngine({
      answer: ({ path }) =>
        path === '/cognitiveservices/voices/list'
          ? { json: [{ ShortName: 'de-DE-KatjaNeural', DisplayName: 'Katja' }] }
          : sound,
    });
    await set({ ENGINE: 'azure', API_KEY: 'az-key', VOICE: 'de-DE-KatjaNeural', AZURE_SPEECH_BASE_URL: engine.base });
    assert.equal((await say(`a < b & "c" </voice><voice name='x'>`)).status, 200);
    const [request] = engine.of('/cognitiveservices/v1') as [EngineRequest];
    assert.equal(request.headers['ocp-apim-subscription-key'], 'az-key');
    assert.equal(request.headers['x-microsoft-outputformat'], 'audio-24khz-160kbitrate-mono-mp3');
    const ssml = request.raw.toString();
    assert.match(ssml, /xml:lang="de-DE"><voice name="de-DE-KatjaNeural">a &lt; b &amp; &quot;c&quot; &lt;\/voice&gt;/);
    assert.deepEqual((await user.ok('GET', '/api/v1/audio/voices')).voices, [
      { id: 'de-DE-KatjaNeural', name: 'Katja (de-DE-KatjaNeural)' },
    ]);
  });

  it('is made by Mistral', async () => {
    await using engine = await startEngine({
      answer: ({ path }) =>
        path === '/audio/voices'
          ? { json: { items: [{ voice_id: 'm', name: 'Marie' }] } }
          : { json: { audio_data: MP3.toString('base64') } },
    });
    await set({ ENGINE: 'mistral', MISTRAL_API_KEY: '', MISTRAL_API_BASE_URL: engine.base, MODEL: '' });
    assert.equal((await say('Bonjour')).status, 400);
    await set({ ENGINE: 'mistral', MISTRAL_API_KEY: 'mi', MISTRAL_API_BASE_URL: engine.base, MODEL: '' });
    assert.deepEqual(await bytesOf(await say('Bonjour', { voice: 'm' })), MP3);
    assert.deepEqual(engine.of('/audio/speech')[0]?.json, {
      input: 'Bonjour',
      model: 'voxtral-mini-tts-2603',
      voice_id: 'm',
      response_format: 'mp3',
    });
    assert.deepEqual((await user.ok('GET', '/api/v1/audio/voices')).voices, [{ id: 'm', name: 'Marie' }]);
  });

  it('is made by the Realtime API, and its failures have names', async () => {
    const pcm = Buffer.from([1, 0, 2, 0]).toString('base64');
    const seen: Record<string, unknown>[] = [];
    await using engine = await startEngine({
      answer: () => null,
      refuse: ({ query }) => (query.model === 'denied' ? 401 : null),
      socket(socket) {
        const send = (event: unknown) => socket.send(JSON.stringify(event));
        const done = (status: string) => send({ type: 'response.done', response: { id: 'r1', status } });
        send({ type: 'session.created' });
        socket.on('message', (data) => {
          const event = JSON.parse(String(data)) as Record<string, unknown>;
          seen.push(event);
          if (event.type === 'session.update') return send({ type: 'session.updated' });
          const said = JSON.stringify(event);
          if (said.includes('garbage')) return socket.send('{not json');
          if (said.includes('hang up')) return socket.close();
          if (said.includes('refuse')) return send({ type: 'error', error: { message: 'secret reason' } });
          send({ type: 'response.created', response: { id: 'r1' } });
          send({ type: 'response.output_audio.delta', response_id: 'other', delta: pcm });
          if (said.includes('odd')) send({ type: 'response.output_audio.delta', response_id: 'r1', delta: 'AQ==' });
          else if (!said.includes('silence'))
            send({ type: 'response.output_audio.delta', response_id: 'r1', delta: pcm });
          done(said.includes('fail') ? 'failed' : 'completed');
        });
      },
    });
    const realtime = { ENGINE: 'openai-realtime', OPENAI_API_BASE_URL: engine.base, OPENAI_API_KEY: 'sk-rt' };
    await set({ ...realtime, MODEL: 'gpt-realtime', VOICE: 'marin' });
    for (const _again of [1, 2]) {
      const answer = await say('Read me', { voice: 'cedar' });
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'audio/wav']);
      const wav = await bytesOf(answer);
      assert.deepEqual([wav.length, wav.subarray(44)], [48, Buffer.from([1, 0, 2, 0])]);
    }
    assert.equal(engine.requests.length, 1);
    const [update, create] = seen as [{ session: Record<string, unknown> }, { response: Record<string, unknown> }];
    assert.deepEqual(update.session.audio, {
      input: { turn_detection: null, transcription: null },
      output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'cedar' },
    });
    assert.deepEqual(create.response.conversation, 'none');
    const failures = {
      garbage: [502, 'OpenAI Realtime returned invalid audio or event data.'],
      'hang up': [502, 'OpenAI Realtime closed before speech generation completed.'],
      refuse: [502, 'OpenAI Realtime rejected synthesis. Check the model, voice, and key.'],
      fail: [502, 'OpenAI Realtime speech generation did not complete.'],
      silence: [502, 'OpenAI Realtime returned empty or invalid PCM audio.'],
      odd: [502, 'OpenAI Realtime returned empty or invalid PCM audio.'],
      ' ': [400, 'Speech input must be nonempty text.'],
    } as const;
    for (const [input, [status, detail]] of Object.entries(failures)) {
      const answer = await say(input);
      assert.deepEqual([answer.status, await detailOf(answer)], [status, detail], input);
    }
    await set({ ...realtime, MODEL: 'denied' });
    assert.equal(await detailOf(await say('x')), 'OpenAI Realtime connection rejected (HTTP 401).');
    await set({ ...realtime, OPENAI_API_BASE_URL: 'http://127.0.0.1:9' });
    assert.equal(await detailOf(await say('x')), 'Could not connect to OpenAI Realtime.');
    await set({ ...realtime, OPENAI_API_BASE_URL: 'http://me:pw@127.0.0.1:9' });
    assert.equal((await say('x')).status, 400);
    await set({ ...realtime, OPENAI_API_KEY: '' });
    assert.equal(await detailOf(await say('x')), 'Configure an OpenAI Realtime API key.');
  });

  it('keeps the settings of calls when a form leaves them out', async () => {
    const store = (realtime?: object) =>
      admin.ok<{ realtime: { VOICE: string } }>('POST', '/api/v1/audio/config/update', {
        json: { ...saved, realtime },
      });
    await store({ VOICE: 'cedar' });
    assert.equal((await store()).realtime.VOICE, 'cedar');
    const wrong = { ...saved, realtime: { PROVIDER: 'other' } };
    assert.equal((await admin.call('POST', '/api/v1/audio/config/update', { json: wrong })).status, 422);
  });

  it('lists what a server of one’s own offers, asked with the key', async () => {
    await using engine = await startEngine({
      answer: ({ path, headers }) => {
        if (headers.authorization !== 'Bearer sk-secret-mouth') return { status: 401, json: {} };
        if (path === '/v1/models') return { json: { data: [{ id: 'only' }] } };
        return path === '/v1/audio/voices' ? { json: { voices: ['a', { id: 'b' }] } } : null;
      },
    });
    await openai(engine.base);
    assert.deepEqual(await user.ok('GET', '/api/v1/audio/models'), { models: [{ id: 'only' }] });
    assert.deepEqual((await user.ok('GET', '/api/v1/audio/voices')).voices, [
      { id: 'a', name: 'a' },
      { id: 'b', name: 'b' },
    ]);
  });
});
