import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Account, addAccount, signUp } from './support/client.ts';
import { allow } from './support/documents.ts';
import { type EngineAnswer, type EngineRequest, startEngine } from './support/engine.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

const missingFfmpeg = spawnSync('ffprobe', ['-version']).status === 0 ? false : 'ffmpeg is not installed';

/** Sound made by ffmpeg. */
function recording(seconds: number, ...output: string[]): Buffer {
  const args = ['-v', 'error', '-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`, ...output, 'pipe:1'];
  const { stdout, stderr, status } = spawnSync('ffmpeg', args, { maxBuffer: 512 * 1024 * 1024 });
  assert.equal(status, 0, stderr.toString());
  return stdout;
}

/** A second of silence. */
function silence(): Buffer {
  const head = Buffer.from(
    '524946460000000057415645666d7420100000000100010080bb000000770100020010006461746100000000',
    'hex',
  );
  return Buffer.concat([head, Buffer.alloc(96_000)]);
}

interface Sent {
  name?: string;
  type?: string;
  language?: string;
  signal?: AbortSignal;
}

describe('transcription', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let saved: { tts: Record<string, unknown>; stt: Record<string, unknown> };

  before(async () => {
    server = await startServer();
    admin = await signUp(server);
    user = await addAccount(admin, 'speaker');
    saved = await admin.ok('GET', '/api/v1/audio/config');
  });
  after(() => server?.stop());

  const set = (stt: Record<string, unknown>) =>
    admin.ok('POST', '/api/v1/audio/config/update', { json: { ...saved, stt: { ...saved.stt, ...stt } } });
  const openai = (base: string, more: Record<string, unknown> = {}) =>
    set({ ENGINE: 'openai', OPENAI_API_BASE_URL: base, OPENAI_API_KEY: 'sk-secret-ears', MODEL: 'w', ...more });
  function hear(bytes: Uint8Array, { name = 'talk.wav', type = 'audio/wav', language, signal }: Sent = {}, as = user) {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)], { type }), name);
    if (language !== undefined) form.append('language', language);
    return as.call('POST', '/api/v1/audio/transcriptions', { form, ...(signal && { signal }) });
  }
  const left = async () => (await readdir(join(server.dataDir, 'cache/audio/transcriptions'))).length;
  const textOf = ({ body }: { body: unknown }) => (body as { text: string }).text;
  const detailOf = ({ body }: { body: unknown }) => (body as { detail: string }).detail;
  const heard: EngineAnswer = { json: { text: 'heard' } };
  const fileIn = ({ form }: EngineRequest, field = 'file') => form?.get(field) as File;

  it('leaves nothing of what was said, whether it went well or not', async () => {
    await using engine = await startEngine({
      answer: ({ form }) => (form?.get('language') === 'xx' ? { status: 500, json: {} } : heard),
    });
    await openai(engine.base);
    const { status, body } = await hear(silence());
    assert.equal(status, 200);
    const { filename } = body as { filename: string };
    assert.match(filename, /^[0-9a-f-]{36}\.wav$/);
    await openai('http://127.0.0.1:9');
    assert.equal((await hear(silence())).status, 500);
    assert.equal(await left(), 0);
    assert.equal((await user.call('GET', `/cache/audio/transcriptions/${filename}`)).status, 404);
  });

  it('refuses what is no recording, and who may not', async () => {
    await using engine = await startEngine({ answer: () => heard });
    await openai(engine.base);
    assert.equal((await hear(Buffer.alloc(0))).status, 400);
    assert.equal((await hear(silence(), { type: 'text/plain' })).status, 400);
    for (const name of ['talk.exe', 'talk', 'talk.wav.sh', 'talk.wav/../../x']) {
      assert.equal(detailOf(await hear(silence(), { name })), 'Invalid audio file extension', name);
    }
    assert.deepEqual(engine.requests, []);
    assert.equal((await hear(silence(), { name: '../../TALK.WAV' })).status, 200);
    await allow(admin, (permissions) => {
      if (permissions.chat) permissions.chat.stt = false;
    });
    assert.equal((await hear(silence())).status, 403);
    assert.equal((await hear(silence(), {}, admin)).status, 200);
    await allow(admin, (permissions) => {
      if (permissions.chat) permissions.chat.stt = true;
    });
    assert.equal(await left(), 0);
  });

  it('matches types and ranges of them', async () => {
    await using engine = await startEngine({ answer: () => heard });
    await openai(engine.base, {
      SUPPORTED_CONTENT_TYPES: ['audio/webm;codecs=opus', 'video/*'],
      ALLOWED_EXTENSIONS: [],
    });
    const status = async (type: string) => (await hear(silence(), { type, name: 'x.webm' })).status;
    assert.equal(await status('audio/webm; codecs="opus"'), 200);
    assert.equal(await status('video/webm'), 200);
    assert.equal(await status('audio/wav'), 400);
  });

  it('tells the words of the engine without its key, and waits no longer than the caller', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using engine = await startEngine({
      answer({ form }) {
        const language = form?.get('language');
        if (language === 'hang') {
          resolve();
          return { hangs: true };
        }
        if (language === null) return { status: 401, json: { error: { message: 'bad key sk-secret-ears' } } };
        return { json: { words: 'none' } };
      },
    });
    await openai(engine.base);
    const refused = await hear(silence());
    assert.deepEqual([refused.status, detailOf(refused)], [401, 'External: bad key ***']);
    const leave = new AbortController();
    const call = hear(silence(), { language: 'hang', signal: leave.signal });
    await asked;
    leave.abort();
    await assert.rejects(call);
    await until(() => engine.givenUp() === 1, { what: 'the engine to be left alone' });
    await until(async () => (await left()) === 0, { what: 'the recording to be removed' });
    assert.ok(!server.output().includes('sk-secret'));
  });

  it('asks Deepgram, Azure and Mistral in their own ways', async () => {
    await using engine = await startEngine({
      answer({ path, query, json }) {
        if (path === '/v1/listen') {
          if (query.language === 'xx') return { status: 400, json: { err_msg: 'no such language' } };
          return { json: { results: { channels: [{ alternatives: [{ transcript: 'deep' }] }] } } };
        }
        if (path === '/speechtotext/transcriptions:transcribe') return azure;
        if (path === '/m/audio/transcriptions') return { json: { text: 'mistral' } };
        if (path === '/m/chat/completions' && json.model) {
          return { json: { choices: [{ message: { content: [{ type: 'text', text: 'word for word' }] } }] } };
        }
        return null;
      },
    });
    let azure: EngineAnswer = { json: { combinedPhrases: [{ text: 'azure' }] } };
    await set({ ENGINE: 'azure', AZURE_API_KEY: '' });
    assert.equal((await hear(silence())).status, 400);
    await set({ ENGINE: 'azure', AZURE_API_KEY: 'az', AZURE_BASE_URL: engine.base, AZURE_LOCALES: 'de-DE, fr-FR' });
    assert.equal(textOf(await hear(silence())), 'azure');
    const [asked] = engine.requests as [EngineRequest];
    assert.equal(asked.headers['ocp-apim-subscription-key'], 'az');
    assert.deepEqual(JSON.parse(String(asked.form?.get('definition'))), {
      locales: ['de-DE', 'fr-FR'],
      diarization: { maxSpeakers: 3, enabled: true },
    });
    assert.equal(fileIn(asked, 'audio').size, silence().length);
    azure = { status: 400, json: { error: { code: 'NoLanguageIdentified', message: 'Which language is it?' } } };
    assert.equal(detailOf(await hear(silence())), 'External: Which language is it?');
    azure = { status: 400, json: { error: { code: 'Internal', message: 'host db-17 is down' } } };
    assert.ok(!detailOf(await hear(silence())).includes('db-17'));
    azure = { json: { combinedPhrases: [] } };
    assert.equal((await hear(silence())).status, 500);

    const mistral = { ENGINE: 'mistral', MISTRAL_API_BASE_URL: `${engine.base}/m`, MODEL: '' };
    await set({ ...mistral, MISTRAL_API_KEY: '' });
    assert.equal((await hear(silence())).status, 400);
    await set({ ...mistral, MISTRAL_API_KEY: 'mi' });
    assert.equal(textOf(await hear(silence(), { language: 'fr' })), 'mistral');
    const form = engine.of('/m/audio/transcriptions')[0]?.form;
    assert.deepEqual([form?.get('model'), form?.get('language')], ['voxtral-mini-latest', 'fr']);
    await set({ ...mistral, MISTRAL_API_KEY: 'mi', MISTRAL_USE_CHAT_COMPLETIONS: true });
    assert.equal(textOf(await hear(silence())), 'word for word');

    await using own = await startServer({
      env: { DEEPGRAM_API_BASE_URL: `${engine.base}/v1`, DEEPGRAM_API_KEY: 'dg', AUDIO_STT_ENGINE: 'deepgram' },
    });
    const speaker = await signUp(own);
    assert.equal(textOf(await hear(silence(), { language: 'xx' }, speaker)), 'deep');
    const [first, second] = engine.of('/v1/listen') as [EngineRequest, EngineRequest];
    assert.equal(first.headers.authorization, 'Token dg');
    assert.equal(first.headers['content-type'], 'audio/wav');
    assert.deepEqual([first.query, second.query], [{ smart_format: 'true', language: 'xx' }, { smart_format: 'true' }]);
    assert.deepEqual(first.raw, silence());
  });

  it('reads uploaded recordings, and says why it could not', async () => {
    const answers: EngineAnswer[] = [heard, { status: 500, json: { error: 'out of order' } }];
    await using engine = await startEngine({ answer: () => answers.shift() ?? null });
    await openai(engine.base);
    const upload = async () => {
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(silence())], { type: 'audio/wav' }), 'note.wav');
      const { id } = await user.ok<{ id: string }>('POST', '/api/v1/files/', { form });
      return until(async () => {
        const { data } = await user.ok<{ data: Record<string, unknown> }>('GET', `/api/v1/files/${id}`);
        return data.status === 'completed' || data.status === 'failed' ? data : null;
      });
    };
    assert.equal((await upload()).content, 'heard');
    const failed = await upload();
    assert.deepEqual([failed.status, failed.error], ['failed', 'External: out of order']);
  });

  it('says what is missing for speech recognition of its own', async () => {
    await set({ ENGINE: '' });
    const { status, body } = await hear(silence());
    assert.equal(status, 503);
    assert.match((body as { detail: string }).detail, /@huggingface\/transformers/);
    await set({ ENGINE: 'toString' });
    assert.equal((await hear(silence())).status, 400);
  });

  describe('with ffmpeg', { skip: missingFfmpeg }, () => {
    it('converts what engines do not take, and leaves the rest as it is', async () => {
      await using engine = await startEngine({ answer: () => heard });
      await openai(engine.base);
      const opus = recording(1, '-c:a', 'libopus', '-f', 'webm');
      assert.equal(textOf(await hear(opus, { name: 'a.webm', type: 'video/webm' })), 'heard');
      const sent = Buffer.from(await fileIn(engine.requests[0] as EngineRequest).arrayBuffer());
      assert.deepEqual(sent, opus);
      const aac = recording(1, '-c:a', 'aac', '-f', 'adts');
      assert.equal(textOf(await hear(aac, { name: 'a.m4a', type: 'audio/mp4' })), 'heard');
      assert.ok(fileIn(engine.requests[1] as EngineRequest).name.endsWith('.mp3'));
    });

    it('makes large recordings small', async () => {
      await using engine = await startEngine({
        answer: (request) => ({ json: { text: fileIn(request).name } }),
      });
      await openai(engine.base);
      // 4 minutes of samples that are too many bytes for one request.
      const loud = recording(240, '-ar', '48000', '-ac', '1', '-f', 'wav');
      assert.ok(loud.length > 20 * 1024 * 1024);
      assert.equal(textOf(await hear(loud)), 'small.mp3');
      for (const request of engine.requests) assert.ok(request.raw.length < 21 * 1024 * 1024);
      assert.equal(await left(), 0);
    });

    it('follows no playlist to files and addresses', async () => {
      await using engine = await startEngine({ answer: () => heard });
      await using secret = await startEngine({ answer: () => ({ type: 'audio/mpeg', bytes: silence() }) });
      await openai(engine.base);
      const lists = [
        `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${secret.base}/a.mp3\n#EXT-X-ENDLIST\n`,
        `ffconcat version 1.0\nfile '/etc/passwd'\nfile '${secret.base}/b.mp3'\n`,
      ];
      for (const list of lists) await hear(Buffer.from(list), { name: 'a.mp3', type: 'audio/mpeg' });
      assert.deepEqual(secret.requests, []);
      // What is no sound is for the engine to judge; it got the list itself and nothing else.
      const sent = await Promise.all(engine.requests.map((request) => fileIn(request).text()));
      assert.deepEqual(sent, lists);
    });

    it('hears with Whisper where the library is installed, a window at a time', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'loggia-whisper-'));
      try {
        // Stands in for the library: says how many seconds it was given and in what language.
        const library = pathToFileURL(join(folder, 'library.mjs')).href;
        await writeFile(
          join(folder, 'library.mjs'),
          `import { execFileSync } from 'node:child_process';
           import { writeFileSync } from 'node:fs';
           export const env = {};
           export const pipeline = async (task, model) => async (samples, options) => {
             if (options.language === 'xx') throw new Error('unknown language');
             if (options.language === 'slow') {
               writeFileSync(${JSON.stringify(join(folder, 'busy'))}, '');
               execFileSync('sleep', ['3']);
             }
             if (options.language === 'late') setTimeout(() => { throw new Error('out of step'); }, 1);
             return { text: [task, model, env.allowRemoteModels, Math.round(samples.length / 16000), options.language ?? '-'].join(' ') };
           };`,
        );
        await writeFile(
          join(folder, 'hook.mjs'),
          `import { registerHooks } from 'node:module';
           registerHooks({ resolve: (specifier, context, next) =>
             specifier === '@huggingface/transformers' ? { url: ${JSON.stringify(library)}, shortCircuit: true } : next(specifier, context) });`,
        );
        const hook = pathToFileURL(join(folder, 'hook.mjs')).href;
        await using own = await startServer({ env: { NODE_OPTIONS: `--import=${hook}`, WHISPER_MODEL: 'tiny' } });
        const speaker = await signUp(own);
        const long = recording(620, '-ar', '16000', '-ac', '1', '-b:a', '32k', '-f', 'mp3');
        const sent = { name: 'a.mp3', type: 'audio/mpeg', language: 'de' };
        const base = 'automatic-speech-recognition onnx-community/whisper-tiny false';
        const text = textOf(await hear(long, sent, speaker));
        assert.equal(text, `${base} 600 de ${base} 20 de`);
        const failed = await hear(long, { ...sent, language: 'xx' }, speaker);
        assert.equal(failed.status, 500);
        await until(() => own.output().includes('unknown language'), { what: 'the line in the log' });
        assert.equal((await hear(Buffer.from('no sound'), sent, speaker)).status, 400);

        // A thread in the middle of its work ends when that is done; who comes next does not get this one.
        const short = recording(1, '-ar', '16000', '-ac', '1', '-f', 'mp3');
        const leave = new AbortController();
        const left = hear(short, { ...sent, language: 'slow', signal: leave.signal }, speaker);
        await until(() => existsSync(join(folder, 'busy')), { what: 'the thread to work' });
        leave.abort();
        await assert.rejects(left);
        assert.equal(textOf(await hear(short, sent, speaker)), `${base} 1 de`);

        // One that fails when nobody waits takes nothing else with it.
        assert.equal((await hear(short, { ...sent, language: 'late' }, speaker)).status, 200);
        await until(async () => (await hear(short, sent, speaker)).status === 200, { what: 'a new thread' });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
});
