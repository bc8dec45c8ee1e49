import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import type { WebSocket } from 'ws';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { type Provider, startProvider } from '../support/provider.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const WAVE_HEAD = Buffer.from(
  '524946460000000057415645666d7420100000000100010080bb000000770100020010006461746100770100',
  'hex',
);

type Event = Record<string, unknown> & { type: string };

describe('pictures and sound in the official client', { skip: missingBrowser() }, () => {
  let provider: Provider;
  let engine: Engine;
  let server: TestServer;
  let browser: Browser;
  let client: Client;
  /** What the voice provider was sent. */
  const said: Event[] = [];

  before(async () => {
    const picture = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'orange' } })
      .png()
      .toBuffer();
    const sound = Buffer.concat([WAVE_HEAD, Buffer.alloc(96_000)]);
    sound.writeUInt32LE(sound.length - 8, 4);
    provider = await startProvider({ models: ['echo', 'calls-generate_image'] });
    engine = await startEngine({
      answer: ({ path }) => {
        if (path === '/images/generations') return { json: { data: [{ b64_json: picture.toString('base64') }] } };
        if (path === '/audio/speech') return { type: 'audio/wav', bytes: sound };
        return path === '/audio/transcriptions' ? { json: { text: 'Spoken into the microphone' } } : null;
      },
      socket: (socket) => answerCall(socket, said),
    });
    server = await startServer({
      provider,
      env: {
        ENABLE_IMAGE_GENERATION: 'true',
        IMAGES_OPENAI_API_BASE_URL: engine.base,
        AUDIO_TTS_ENGINE: 'openai',
        AUDIO_TTS_OPENAI_API_BASE_URL: engine.base,
        AUDIO_STT_ENGINE: 'openai',
        AUDIO_STT_OPENAI_API_BASE_URL: engine.base,
        AUDIO_REALTIME_ENABLED: 'true',
        AUDIO_REALTIME_OPENAI_API_BASE_URL: engine.base,
        AUDIO_REALTIME_OPENAI_API_KEY: 'sk-call',
      },
    });
    browser = await startBrowser();
    client = await openClient(browser, server);
    await client.open('/');
    await client.signUp({ name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await engine?.stop();
    await provider?.stop();
  });

  it('draws a picture in a chat and shows it, also after a reload', async () => {
    const { page } = client;
    await client.newChat('calls-generate_image');
    await page.locator('#integration-menu-button').click();
    const toggle = page.getByRole('menuitemcheckbox', { name: 'Image' });
    await toggle.click();
    await until(async () => (await toggle.getAttribute('aria-checked')) === 'true', { what: 'the switch' });
    await page.keyboard.press('Escape');
    await client.ask(JSON.stringify({ prompt: 'An orange' }));
    const isDrawn = () =>
      page.evaluate(
        `[...document.querySelectorAll('.chat-assistant img')].some(({ src, naturalWidth }) => src.includes('/files/') && naturalWidth === 64)`,
      );
    await until(isDrawn, { what: 'the picture' });
    await client.idle();
    assert.equal(engine.of('/images/generations')[0]?.json.prompt, 'An orange');
    await page.reload();
    await until(isDrawn, { what: 'the picture after a reload' });
    assertNoProblems(client);
  });

  it('reads an answer aloud', async () => {
    const { page } = client;
    await client.newChat('echo');
    await client.ask('Read this to me.');
    await client.shows('You said: Read this to me.');
    await client.idle();
    await page.evaluate(`{
      window.played = 0;
      const { play } = HTMLMediaElement.prototype;
      HTMLMediaElement.prototype.play = function () {
        this.addEventListener('ended', () => { window.played += 1; });
        return play.call(this);
      };
    }`);
    await page.getByRole('button', { name: 'Read Aloud' }).last().dispatchEvent('click');
    await until(() => engine.of('/audio/speech').length > 0, { what: 'speech to be asked for' });
    assert.match(String(engine.of('/audio/speech')[0]?.json.input), /You said|Read this/);
    await until(() => page.evaluate('window.played > 0'), { what: 'the sound to be played to its end' });
    assertNoProblems(client);
  });

  it('writes down what is said into the microphone', async () => {
    const { page } = client;
    await client.newChat('echo');
    await page.getByRole('button', { name: /Dictate|Voice input/i }).click();
    const confirm = page.locator('#confirm-recording-button');
    await confirm.waitFor();
    await confirm.click();
    await until(async () => ((await page.locator('#chat-input').textContent()) ?? '').includes('Spoken into'), {
      what: 'the text',
    });
    assert.ok(engine.of('/audio/transcriptions').length > 0);
    assertNoProblems(client);
  });

  it('calls a model, which is asked in the chat and answers aloud', async () => {
    const { page } = client;
    await client.newChat('echo');
    await page.getByRole('button', { name: 'Voice mode' }).click();
    const handed = () => said.find(({ item }) => (item as Event | undefined)?.type === 'function_call_output');
    const { item } = await until(handed, { what: 'the answer of the chat to be handed to the voice' });
    assert.deepEqual(JSON.parse(String((item as Record<string, unknown>).output)), {
      status: 'completed',
      answer: 'You said: What is new?',
    });
    const speaks = ({ response }: Event) => JSON.stringify(response ?? {}).includes('"call_id":"c1"');
    await until(() => said.some(speaks), { what: 'the voice to be asked to say it' });
    await client.shows('You said: What is new?');
    assertNoProblems(client);
  });
});

/** A voice provider that hears one sentence and hands it to the chat. */
function answerCall(socket: WebSocket, said: Event[]): void {
  const send = (event: unknown) => socket.send(JSON.stringify(event));
  send({ type: 'session.created' });
  let isHeard = false;
  socket.on('message', (data) => {
    const event = JSON.parse(String(data)) as Event;
    said.push(event);
    if (event.type === 'session.update') send({ type: 'session.updated' });
    if (event.type === 'input_audio_buffer.append' && !isHeard) {
      isHeard = true;
      for (const type of ['speech_started', 'speech_stopped'])
        send({ type: `input_audio_buffer.${type}`, item_id: 'i1' });
      const type = 'conversation.item.input_audio_transcription.completed';
      send({ type, item_id: 'i1', transcript: 'What is new?' });
    }
    if (event.type !== 'response.create') return;
    const { metadata } = event.response as { metadata: Record<string, string> };
    const response = { id: `r${said.length}`, metadata };
    send({ type: 'response.created', response });
    if (metadata.input_item_id) {
      const call = { type: 'function_call', status: 'completed', name: 'generate_chat_completion', call_id: 'c1' };
      const item = { ...call, arguments: JSON.stringify({ request: 'What is new?' }) };
      send({ type: 'response.output_item.done', response_id: response.id, item });
    }
    send({ type: 'response.done', response: { ...response, status: 'completed' } });
  });
}
