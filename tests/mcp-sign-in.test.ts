import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.ts';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount } from './support/client.ts';
import { type McpTestServer, startMcpServer } from './support/mcp-server.ts';
import { type Provider, startProvider } from './support/provider.ts';
import type { TestServer } from './support/server.ts';
import { closeSite, openSite, settings, signInAt } from './support/sign-in-site.ts';
import { startSite } from './support/site.ts';
import type { TestSocket } from './support/socket.ts';

const CONFIG = '/api/v1/configs/tool_servers';
const KEY = 'mcp:desk';
const everyone = [{ principal_type: 'user', principal_id: '*', permission: 'read' }];

describe('signing in at an MCP server', () => {
  let provider: Provider;
  let server: TestServer;
  let mcp: McpTestServer;
  let gate: AuthorizationServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    provider = await startProvider({ models: ['hello', 'calls-desk_who'] });
    gate = await startAuthorizationServer();
    mcp = await startMcpServer({
      tools: [{ name: 'who', run: () => ({ content: [{ type: 'text', text: 'you' }] }) }],
      guard: (request) => {
        const { pathname, origin } = new URL(request.url);
        if (pathname.startsWith('/.well-known/oauth-protected-resource')) {
          const facts = { resource: `${origin}/mcp`, authorization_servers: [gate.url], scopes_supported: ['tools'] };
          return Response.json(facts);
        }
        const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? '';
        if (gate.isGood(token)) return undefined;
        const metadata = `${origin}/.well-known/oauth-protected-resource`;
        return new Response(null, {
          status: 401,
          headers: { 'www-authenticate': `Bearer resource_metadata="${metadata}"` },
        });
      },
    });
    ({ server, admin, user, socket } = await startSite({ provider, env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } }));
    await connect();
  });
  after(async () => {
    socket?.close();
    await server?.stop();
    await mcp?.stop();
    await gate?.stop();
    await provider?.stop();
  });

  async function connect(extra: Record<string, unknown> = {}): Promise<void> {
    const form = { url: mcp.url, client_id: 'desk' };
    const { oauth_client_info } = await admin.ok<{ oauth_client_info: string }>(
      'POST',
      '/api/v1/configs/oauth/clients/register',
      { query: { type: 'mcp' }, json: form },
    );
    const connection = {
      type: 'mcp',
      url: mcp.url,
      path: '',
      auth_type: 'oauth_2.1',
      key: '',
      config: { enable: true, access_grants: everyone },
      info: { id: 'desk', name: 'Desk', oauth_client_info },
      ...extra,
    };
    await admin.ok('POST', CONFIG, { json: { TOOL_SERVER_CONNECTIONS: [connection] } });
  }

  /** A browser on its way: signed in here by its session, with cookies of its own. */
  async function authorize(account: Account): Promise<{ url: string; cookie: string }> {
    const answer = await account.call('GET', `/oauth/clients/${KEY}/authorize`);
    assert.equal(answer.status, 302, JSON.stringify(answer.body));
    const cookie = (answer.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
    const back = await fetch(answer.headers.get('location') ?? '', { redirect: 'manual' });
    return { url: back.headers.get('location') ?? '', cookie };
  }
  async function comeBack(url: string, cookie: string, account: Account | null = user): Promise<string> {
    const headers: Record<string, string> = { cookie };
    if (account) headers.authorization = `Bearer ${account.token}`;
    const answer = await fetch(url, { redirect: 'manual', headers });
    assert.equal(answer.status, 307, await answer.text());
    return answer.headers.get('location') ?? '';
  }
  const isSignedIn = async () =>
    (await user.ok<{ authenticated: boolean }[]>('GET', '/api/v1/tools/'))[0]?.authenticated;
  const specs = () => user.call('GET', '/api/v1/tools/id/server:mcp:desk/specs');
  async function told(): Promise<unknown> {
    const extra = { tool_ids: ['server:mcp:desk'] };
    await sendTurn(user, socket, { model: 'calls-desk_who', content: '{}', extra });
    const messages = (provider.chats().at(-1)?.body.messages ?? []) as { role: string; content: unknown }[];
    return messages.findLast(({ role }) => role === 'tool')?.content;
  }

  it('is needed before its tools can be used', async () => {
    assert.equal(await isSignedIn(), false);
    assert.deepEqual((await specs()).body, { detail: 'Auth required' });
    assert.match(String(await told()), /not found/);
    const tried = await admin.ok<{ status: boolean }>('POST', `${CONFIG}/verify`, {
      json: { type: 'mcp', url: gate.url, path: '', auth_type: 'oauth_2.1', key: null, config: {} },
    });
    assert.equal(tried.status, true);
  });

  it('is for whoever began it, in the browser that did', async () => {
    const { url, cookie } = await authorize(user);
    assert.partialDeepStrictEqual(Object.fromEntries(gate.asked()), {
      scope: 'tools',
      resource: mcp.url,
      redirect_uri: `${server.base}/oauth/clients/${KEY}/callback`,
      code_challenge_method: 'S256',
    });
    assert.match(await comeBack(url, '', null), /\?error=OAuth\+callback\+failed/);
    assert.match(await comeBack(url, cookie, admin), /\?error=/);
    assert.equal(await isSignedIn(), false);
    const again = await authorize(user);
    assert.equal(await comeBack(again.url, again.cookie), server.base);
    assert.equal(await isSignedIn(), true);
    assert.match(await comeBack(again.url, again.cookie), /\?error=/, 'a state is good once');
  });

  it('lets the tools be called as that person', async () => {
    assert.equal((await specs()).status, 200);
    assert.equal(await told(), 'you');
    const stranger = await addAccount(admin, 'vic');
    const other = await stranger.call('GET', '/api/v1/tools/id/server:mcp:desk/specs');
    assert.equal(other.status, 401);
  });

  it('is renewed once for many turns, outlives a server that fails, and ends when it is refused', async () => {
    gate.ended(true);
    const { url, cookie } = await authorize(user);
    await comeBack(url, cookie);
    const before = gate.renewals();
    gate.ended(false);
    await Promise.all(Array.from({ length: 5 }, specs));
    assert.equal(gate.renewals(), before + 1);
    gate.ended(true);
    const next = await authorize(user);
    await comeBack(next.url, next.cookie);
    gate.behave('down');
    assert.equal((await specs()).status, 502);
    assert.equal(await isSignedIn(), true, 'a server that fails ends nothing');
    gate.behave('refuse');
    assert.equal((await specs()).status, 502);
    assert.equal(await isSignedIn(), false);
    gate.behave('well');
  });

  it('registers again where the server has forgotten the client', async () => {
    gate.forgetClients();
    gate.ended(false);
    const { url, cookie } = await authorize(user);
    assert.equal(gate.clients().length, 1);
    assert.equal(await comeBack(url, cookie), server.base);
    assert.equal(await told(), 'you');
    assert.equal(await user.ok('DELETE', `/api/v1/auths/oauth/sessions/${KEY}`), true);
    assert.equal(await isSignedIn(), false);
  });

  it('is not for those who may not use the server, and nowhere else', async () => {
    await connect({ config: { enable: true, access_grants: [] } });
    assert.equal((await user.call('GET', `/oauth/clients/${KEY}/authorize`)).status, 404);
    assert.equal((await user.call('GET', '/oauth/clients/mcp:none/authorize')).status, 404);
    assert.equal((await fetch(`${server.base}/oauth/clients/${KEY}/authorize`)).status, 401);
    const failed = await admin.call('POST', '/api/v1/configs/oauth/clients/register', {
      query: { type: 'mcp' },
      json: { url: 'http://127.0.0.1:1/mcp', client_id: 'x' },
    });
    assert.equal(failed.status, 400);
    assert.match(JSON.stringify(failed.body), /Failed to register OAuth client: /);
  });
});

it('servers that want it get the token of the identity provider of the person who asks', async () => {
  const site = await openSite();
  const mcp = await startMcpServer({ tools: [{ name: 'who', run: () => ({ content: [] }) }] });
  try {
    const config = { enable: true, access_grants: everyone };
    const info = { id: 'staff' };
    const connection = { type: 'mcp', url: mcp.url, path: '', auth_type: 'system_oauth', key: '', config, info };
    await site.admin.ok('POST', CONFIG, { json: { TOOL_SERVER_CONNECTIONS: [connection] } });
    site.idp.reset();
    site.idp.person = { sub: 'asking', email: 'asking@example.com', name: 'Asking' };
    site.idp.tokens = { access_token: 'at-asking', expires_in: 3_600 };
    const back = await settings(site, { DEFAULT_USER_ROLE: 'user' });
    const visitor = await signInAt(site);
    const headers = { cookie: visitor.cookie() };
    await visitor.signedIn().ok('GET', '/api/v1/tools/id/server:mcp:staff/specs', { headers });
    assert.deepEqual(new Set(mcp.takeAuthorizations()), new Set(['Bearer at-asking']));
    await site.admin.ok('GET', '/api/v1/tools/id/server:mcp:staff/specs');
    assert.deepEqual(new Set(mcp.takeAuthorizations()), new Set([undefined]), 'who has none sends none');
    await back();
  } finally {
    await mcp.stop();
    await closeSite(site);
  }
});
