import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { connectClient, type FlowChecks, type ProviderClient } from '../src/features/single-sign-on/client.ts';
import type { LoginProvider } from '../src/features/single-sign-on/providers.ts';
import { fetchThrough } from '../src/features/single-sign-on/transport.ts';
import { createEgress, type Egress } from '../src/kernel/egress/index.ts';
import { loadSettings } from '../src/kernel/settings/index.ts';
import { type OpenidServer, startOpenidServer } from './support/openid-server.ts';
import { until } from './support/wait.ts';

const cookieOf = (jar: Map<string, string>) => [...jar].map(([name, value]) => `${name}=${value}`).join('; ');

function keep(answer: Response, jar: Map<string, string>): void {
  for (const line of answer.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === '') jar.delete(name);
    else jar.set(name, value);
  }
}

/** Goes through the provider's pages as a browser does, and gives the address they lead back to. */
async function agree(url: string, login: string, jar: Map<string, string>): Promise<URL> {
  let at = url;
  let form: URLSearchParams | null = null;
  for (let step = 0; step < 10; step += 1) {
    const answer: Response = await fetch(at, {
      redirect: 'manual',
      headers: { cookie: cookieOf(jar) },
      ...(form && { method: 'POST', body: form }),
    });
    keep(answer, jar);
    await answer.body?.cancel();
    const location = answer.headers.get('location');
    if (location === null) form = new URLSearchParams({ login });
    else {
      form = null;
      at = new URL(location, at).href;
      if (at.startsWith('https://chat.example')) return new URL(at);
    }
  }
  throw new Error(`the provider does not come to an end: ${at}`);
}

describe('an OpenID provider', () => {
  let server: OpenidServer;
  let egress: Egress;
  let client: ProviderClient;
  const told: string[] = [];
  const listener = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      told.push(new URLSearchParams(text).get('logout_token') ?? '');
      response.end('{}');
    });
  });
  const provider = (change: Partial<LoginProvider> = {}): LoginProvider => ({
    name: 'oidc',
    label: 'Example ID',
    clientId: server.clientId,
    clientSecret: server.clientSecret,
    endpoints: { discovery: server.discovery },
    scope: 'openid email profile',
    subjectClaim: 'sub',
    redirectUri: null,
    pkce: 'offered',
    clientAuth: 'client_secret_basic',
    authorizeParams: {},
    pictureUrl: null,
    timeoutMs: 5_000,
    ...change,
  });
  const connect = (change?: Partial<LoginProvider>) =>
    connectClient({ provider: provider(change), fetch: fetchThrough(egress, 5_000), includeClientId: true });
  const newFlow = (): FlowChecks => ({
    state: randomBytes(16).toString('hex'),
    nonce: randomBytes(16).toString('hex'),
    redirectUri: 'https://chat.example/oauth/oidc/callback',
    verifier: client.newVerifier(),
  });

  before(async () => {
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    server = await startOpenidServer({
      redirectUri: 'https://chat.example/oauth/oidc/callback',
      backchannelLogout: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
      afterLogout: 'https://chat.example/auth',
    });
    const env = { WEBUI_SECRET_KEY: 'x', DATA_DIR: '/tmp' };
    egress = createEgress({ settings: loadSettings(env), env: {} });
    client = await connect();
  });
  after(async () => {
    await egress.close();
    listener.closeAllConnections();
    listener.close();
    await server.stop();
  });

  it('gives tokens for a code, once, and new ones for the refresh token', async () => {
    assert.equal(client.issuer, server.url);
    const flow = newFlow();
    assert.ok(flow.verifier, 'the provider says that it takes PKCE');
    const back = await agree(await client.authorizationUrl(flow, {}), 'ada', new Map());
    const { tokens, claims } = await client.exchange(flow, back.search);
    assert.deepEqual([claims?.sub, claims?.nonce], ['ada', flow.nonce]);
    assert.deepEqual(await client.userinfo(tokens.access_token), {
      sub: 'ada',
      email: 'ada@example.com',
      email_verified: true,
      name: 'ada of Example',
      groups: ['Readers'],
    });
    const known = await client.introspect(tokens.access_token);
    assert.deepEqual([known.active, known.client_id], [true, server.clientId]);
    const renewed = await client.refresh(String(tokens.refresh_token), 'openid email');
    assert.notEqual(renewed.tokens.access_token, tokens.access_token);
    assert.equal(renewed.claims?.sub, 'ada');
    // A code that is used twice takes its tokens with it.
    await assert.rejects(client.exchange(flow, back.search), { error: 'invalid_grant' });
    await assert.rejects(client.userinfo(renewed.tokens.access_token));
    await assert.rejects(client.refresh('unknown', null), { error: 'invalid_grant' });
  });

  it('takes the ways to prove the client that it offers', async () => {
    for (const clientAuth of ['client_secret_basic', 'none'] as const) {
      const other = await connect({ clientAuth, ...(clientAuth === 'none' && { clientSecret: null }) });
      const flow = newFlow();
      const back = await agree(await other.authorizationUrl(flow, {}), 'bob', new Map());
      const exchange = other.exchange(flow, back.search);
      if (clientAuth === 'none') await assert.rejects(exchange, { error: 'invalid_client' });
      else assert.equal((await exchange).claims?.sub, 'bob');
    }
  });

  it('refuses another verifier, and is refused with another nonce or state', async () => {
    for (const change of [{ verifier: 'x'.repeat(43) }, { nonce: 'other' }, { state: 'other' }]) {
      const flow = newFlow();
      const back = await agree(await client.authorizationUrl(flow, {}), 'eve', new Map());
      await assert.rejects(client.exchange({ ...flow, ...change }, back.search));
    }
  });

  it('tells of sign-outs in a way that can be verified', async () => {
    const jar = new Map<string, string>();
    const flow = newFlow();
    const back = await agree(await client.authorizationUrl(flow, {}), 'cleo', jar);
    const { tokens, claims } = await client.exchange(flow, back.search);
    const url = new URL(String(client.endSessionEndpoint));
    url.searchParams.set('id_token_hint', String(tokens.id_token));
    const page = await fetch(url, { headers: { cookie: cookieOf(jar) } });
    keep(page, jar);
    const [, action = '', xsrf = ''] = /action="([^"]+)".*name="xsrf" value="([^"]+)"/s.exec(await page.text()) ?? [];
    const body = new URLSearchParams({ xsrf, logout: 'yes' });
    await fetch(action, { method: 'POST', redirect: 'manual', headers: { cookie: cookieOf(jar) }, body });
    await until(() => told.length > 0, { what: 'the back-channel request' });
    const payload = await client.verifyLogout(told[0] ?? '');
    assert.deepEqual([payload.sub, payload.sid], ['cleo', claims?.sid]);
    await assert.rejects(client.verifyLogout(String(tokens.id_token)));
  });

  it('is looked at by the doctor', async () => {
    const doctor = async (discovery: string) => {
      const dataDir = await mkdtemp(join(tmpdir(), 'loggia-doctor-'));
      const { PATH = '', HOME = '' } = process.env;
      const env = {
        PATH,
        HOME,
        DATA_DIR: dataDir,
        OAUTH_CLIENT_ID: 'loggia',
        OAUTH_CLIENT_SECRET: 'a-secret',
        OPENID_PROVIDER_URL: discovery,
        OAUTH_TIMEOUT: '2',
        OPENAI_API_BASE_URL: `${server.url}/none`,
      };
      const run = promisify(execFile)(join(import.meta.dirname, '../bin/loggia'), ['doctor'], { env });
      // With a problem, here at least that of the model provider, it ends with 1.
      const { stdout } = await run.catch((error: { stdout: string }) => error);
      await rm(dataDir, { recursive: true, force: true });
      return stdout;
    };
    assert.match(await doctor(server.discovery), new RegExp(`ok +sign-in: +oidc: ${server.url}\n`));
    const wrong = await doctor(`${server.url}/wrong/.well-known/openid-configuration`);
    assert.match(wrong, /problem +sign-in: +oidc: OAUTH_\w+\n +-> is OPENID_PROVIDER_URL right/);
    assert.doesNotMatch(wrong, /a-secret/);
  });
});
