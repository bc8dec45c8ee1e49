import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Account, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';

describe('Azure connections with Microsoft Entra', () => {
  const seen: { path: string; authorization: string; key: string }[] = [];
  let identity = { status: 200, asked: 0 };
  const azure = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    const json = (body: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (pathname === '/identity') {
      identity.asked += 1;
      if (request.headers['x-identity-header'] !== 'proof') return json({ error: 'who are you' }, 401);
      const resource = searchParams.get('resource');
      const expires_on = String(Math.floor(Date.now() / 1_000) + 3_600);
      return json(
        { access_token: `entra for ${resource}`, expires_on, resource, token_type: 'Bearer' },
        identity.status,
      );
    }
    const { authorization = '', 'api-key': key = '' } = request.headers;
    seen.push({ path: request.url ?? '', authorization, key: String(key) });
    if (pathname.endsWith('/models')) return json({ data: [{ id: 'gpt-azure' }] });
    request.resume().on('end', () => json({ choices: [{ message: { role: 'assistant', content: 'Hello' } }] }));
    return undefined;
  });
  let server: TestServer;
  let admin: Account;

  before(async () => {
    await new Promise<void>((done) => azure.listen(0, '127.0.0.1', done));
    const base = `http://127.0.0.1:${(azure.address() as AddressInfo).port}`;
    server = await startServer({ env: { IDENTITY_ENDPOINT: `${base}/identity`, IDENTITY_HEADER: 'proof' } });
    admin = await signUp(server);
    await admin.ok('POST', '/openai/config/update', {
      json: {
        ENABLE_OPENAI_API: true,
        OPENAI_API_BASE_URLS: [`${base}/openai/v1`],
        OPENAI_API_KEYS: ['unused-key'],
        OPENAI_API_CONFIGS: { 0: { azure: true, auth_type: 'azure_ad', api_version: '2024-10-21' } },
      },
    });
  });
  after(async () => {
    await server?.stop();
    azure.closeAllConnections();
    azure.close();
  });

  const ask = () =>
    admin.call('POST', '/api/chat/completions', {
      json: { model: 'gpt-azure', messages: [{ role: 'user', content: 'Hi' }] },
    });

  it('ask with the token of the machine, which is kept, and without the key', async () => {
    identity = { status: 200, asked: 0 };
    await admin.ok('GET', '/api/models', { query: { refresh: 'true' } });
    assert.equal((await ask()).status, 200);
    assert.equal((await ask()).status, 200);
    const chats = seen.filter(({ path }) => path.startsWith('/openai/v1/chat/completions'));
    assert.equal(chats.length, 2);
    for (const { authorization, key } of chats) {
      assert.match(authorization, /^Bearer entra for https:\/\/cognitiveservices\.azure\.com/);
      assert.equal(key, '');
    }
    assert.ok(identity.asked <= 1, `${identity.asked} tokens for two answers`);
  });
});
