import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount } from './support/client.ts';
import { allow } from './support/documents.ts';
import { type Engine, startEngine } from './support/engine.ts';
import { type Provider, startProvider } from './support/provider.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import type { TestSocket } from './support/socket.ts';

interface ShownFile {
  type: string;
  id: string;
  url: string;
}

describe('pictures in chats', () => {
  let provider: Provider;
  let engine: Engine;
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'blue' } })
      .png()
      .toBuffer();
    provider = await startProvider({ models: ['echo-system', 'hello', 'calls-generate_image', 'calls-edit_image'] });
    engine = await startEngine({
      answer: ({ json, form }) =>
        String(json.prompt ?? form?.get('prompt')).includes('refuse')
          ? { status: 400, json: { error: { message: 'against the rules' } } }
          : { json: { data: [{ b64_json: png.toString('base64') }] } },
    });
    ({ server, admin, user, socket } = await startSite({ provider, env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } }));
    const config = await admin.ok('GET', '/api/v1/images/config');
    await admin.ok('POST', '/api/v1/images/config/update', {
      json: {
        ...config,
        ENABLE_IMAGE_GENERATION: true,
        ENABLE_IMAGE_EDIT: true,
        IMAGES_OPENAI_API_BASE_URL: engine.base,
        IMAGES_EDIT_OPENAI_API_BASE_URL: engine.base,
      },
    });
  });
  after(async () => {
    socket?.close();
    await server?.stop();
    await engine?.stop();
    await provider?.stop();
  });

  const drawing = (more: Record<string, unknown> = {}) => ({ features: { image_generation: true }, ...more });
  const legacy = drawing({ params: { function_calling: 'legacy' } });
  async function replyOf(chatId: string, replyId: string) {
    const { chat } = await user.ok<{ chat: { history: { messages: Record<string, Record<string, unknown>> } } }>(
      'GET',
      `/api/v1/chats/${chatId}`,
    );
    return chat.history.messages[replyId] ?? {};
  }
  const filesOf = (message: Record<string, unknown>) => (message.files ?? []) as ShownFile[];
  const offered = () => {
    const tools = (provider.chats().at(-1)?.body.tools ?? []) as { function: { name: string } }[];
    return tools.map((tool) => tool.function.name).filter((name) => name.endsWith('_image'));
  };
  const eventsOf = (replyId: string, type: string) =>
    socket.events(replyId).flatMap(({ data }) => (data.type === type ? [data.data as Record<string, unknown>] : []));

  it('offers the tools where the feature is on, to those who may', async () => {
    await sendTurn(user, socket, {});
    assert.deepEqual(offered(), []);
    await sendTurn(user, socket, { extra: drawing() });
    assert.deepEqual(offered(), ['generate_image', 'edit_image']);
    await allow(admin, (permissions) => {
      if (permissions.features) permissions.features.image_generation = false;
    });
    await sendTurn(user, socket, { extra: drawing() });
    assert.deepEqual(offered(), []);
    await allow(admin, (permissions) => {
      if (permissions.features) permissions.features.image_generation = true;
    });
    const meta = { builtinTools: { image_generation: false }, capabilities: {} };
    const json = { id: 'plain', base_model_id: 'hello', name: 'Plain', meta, params: {}, access_grants: [] };
    await admin.ok('POST', '/api/v1/models/create', { json });
    await sendTurn(user, socket, { model: 'plain', extra: drawing() });
    assert.deepEqual(offered(), []);
    const incapable = { ...json, id: 'blind', meta: { capabilities: { image_generation: false } } };
    await admin.ok('POST', '/api/v1/models/create', { json: incapable });
    await sendTurn(user, socket, { model: 'blind', extra: drawing() });
    assert.deepEqual(offered(), []);
  });

  it('lets a model draw, shows the picture, keeps it with the reply, and changes it later', async () => {
    const content = JSON.stringify({ prompt: 'A red fox', size: '64x64' });
    const turn = await sendTurn(user, socket, { model: 'calls-generate_image', content, extra: drawing() });
    const reply = await replyOf(turn.chatId, turn.replyId);
    const [file] = filesOf(reply);
    assert.equal(file?.type, 'image');
    assert.equal(file?.url, `/api/v1/files/${file?.id}/content`);
    assert.deepEqual(eventsOf(turn.replyId, 'chat:message:files').at(-1)?.files, [file]);
    assert.equal(engine.of('/images/generations').at(-1)?.json.size, '64x64');
    const { meta } = await user.ok<{ meta: { data: Record<string, unknown> } }>('GET', `/api/v1/files/${file?.id}`);
    assert.deepEqual([meta.data.chat_id, meta.data.message_id], [turn.chatId, turn.replyId]);
    const told = JSON.stringify(provider.chats().at(-1)?.body.messages);
    assert.ok(told.includes('success') && told.includes(String(file?.url)));

    const change = JSON.stringify({ prompt: 'bluer', image_urls: [file?.url] });
    const next = await sendTurn(user, socket, {
      model: 'calls-edit_image',
      content: change,
      chatId: turn.chatId,
      parentId: turn.replyId,
      extra: drawing(),
    });
    assert.equal(filesOf(await replyOf(next.chatId, next.replyId)).length, 1);
    assert.equal(engine.of('/images/edits').at(-1)?.form?.get('prompt'), 'bluer');

    const stranger = await addAccount(admin, 'stranger');
    assert.equal((await stranger.call('GET', String(file?.url))).status, 404);
  });

  it('tells the model why the engine refused', async () => {
    const content = JSON.stringify({ prompt: 'refuse' });
    const { replyId, chatId } = await sendTurn(user, socket, {
      model: 'calls-generate_image',
      content,
      extra: drawing(),
    });
    const told = JSON.stringify(provider.chats().at(-1)?.body.messages);
    assert.ok(told.includes('against the rules'), told);
    assert.deepEqual(filesOf(await replyOf(chatId, replyId)), []);
  });

  it('draws before the answer where tools are not left to the model, and then changes that picture', async () => {
    const first = await sendTurn(user, socket, { model: 'echo-system', content: 'A fox', extra: legacy });
    const statuses = eventsOf(first.replyId, 'status').map(({ description, done }) => [description, done]);
    assert.deepEqual(statuses, [
      ['Creating image', false],
      ['Image created', true],
    ]);
    const reply = await replyOf(first.chatId, first.replyId);
    assert.equal(filesOf(reply).length, 1);
    assert.match(String(reply.content), /SYSTEM<<<context>.*has just been made.*<\/context>/s);
    assert.equal(engine.of('/images/generations').at(-1)?.json.prompt, 'A scripted picture');
    const second = await sendTurn(user, socket, {
      model: 'echo-system',
      content: 'Make it blue',
      chatId: first.chatId,
      parentId: first.replyId,
      extra: legacy,
    });
    const edits = engine.of('/images/edits');
    assert.equal(edits.at(-1)?.form?.get('prompt'), 'Make it blue');
    assert.match(String((await replyOf(second.chatId, second.replyId)).content), /has just been changed/);
    const third = await sendTurn(user, socket, {
      model: 'echo-system',
      content: 'refuse this',
      chatId: first.chatId,
      parentId: second.replyId,
      extra: legacy,
    });
    const failed = await replyOf(third.chatId, third.replyId);
    assert.match(String(failed.content), /could not be made.*against the rules/s);
    assert.deepEqual(filesOf(failed), []);
    assert.equal(eventsOf(third.replyId, 'status').at(-1)?.done, true);
  });
});
