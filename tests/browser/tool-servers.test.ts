import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.ts';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { apiClient } from '../support/client.ts';
import { type McpTestServer, startMcpServer } from '../support/mcp-server.ts';
import { type Provider, startProvider } from '../support/provider.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { openApi, startToolServer, type ToolServer } from '../support/tool-server.ts';

const everyone = [{ principal_type: 'user', principal_id: '*', permission: 'read' }];
const ITEM = openApi('Shop', {
  '/items/{id}': {
    get: {
      operationId: 'get_item',
      summary: 'An item',
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
    },
  },
});
const size = { type: 'object' as const, properties: { size: { type: 'integer' as const } }, required: ['size'] };

/** The official client with tools of servers: chosen, signed in at, asked, answered. */
describe('tools of servers in the official client', { skip: missingBrowser() }, () => {
  let provider: Provider;
  let server: TestServer;
  let shop: ToolServer;
  let gate: AuthorizationServer;
  let mcp: McpTestServer;
  let browser: Browser;
  let client: Client;

  before(async () => {
    provider = await startProvider({ models: ['calls-get_item', 'calls-desk_choose'] });
    shop = await startToolServer(ITEM);
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
    shop.answer(({ method, path }) => {
      if (method === 'OPTIONS') return { status: 204, text: '', headers };
      return path === '/openapi.json' ? { json: ITEM, headers } : { json: { price: 9.5 }, headers };
    });
    gate = await startAuthorizationServer();
    mcp = await startMcpServer({
      era: 'sessions',
      tools: [
        {
          name: 'choose',
          run: async (_args, { mcpReq }) => {
            const given = await mcpReq.elicitInput({ message: 'Which size?', requestedSchema: size });
            return { content: [{ type: 'text', text: JSON.stringify(given) }] };
          },
        },
      ],
      guard: ({ url, headers: sent }) => {
        const { pathname, origin } = new URL(url);
        if (pathname.startsWith('/.well-known/')) {
          return Response.json({ resource: `${origin}/mcp`, authorization_servers: [gate.url] });
        }
        const token = sent.get('authorization')?.replace('Bearer ', '') ?? '';
        return gate.isGood(token) ? undefined : new Response(null, { status: 401 });
      },
    });
    server = await startServer({ provider, env: { ENABLE_DIRECT_INTEGRATIONS: 'true' } });
    browser = await startBrowser();
    client = await openClient(browser, server);
    await client.open('/');
    await client.signUp({ name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' });
    await connect();
    await client.page.reload();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await mcp?.stop();
    await gate?.stop();
    await shop?.stop();
    await provider?.stop();
  });

  async function connect(): Promise<void> {
    const admin = apiClient(server.base, String(await client.page.evaluate('localStorage.token')));
    const { oauth_client_info } = await admin.ok<{ oauth_client_info: string }>(
      'POST',
      '/api/v1/configs/oauth/clients/register',
      { query: { type: 'mcp' }, json: { url: mcp.url, client_id: 'desk' } },
    );
    const config = { enable: true, access_grants: everyone };
    const base = { path: 'openapi.json', auth_type: 'none', key: '', config };
    const connections = [
      { ...base, url: shop.url, info: { id: 'shop', name: 'Corner shop' } },
      {
        ...base,
        type: 'mcp',
        url: mcp.url,
        auth_type: 'oauth_2.1',
        info: { id: 'desk', name: 'Desk', oauth_client_info },
      },
    ];
    await admin.ok('POST', '/api/v1/configs/tool_servers', { json: { TOOL_SERVER_CONNECTIONS: connections } });
    const own = { ...base, url: shop.url, info: {} };
    await admin.ok('POST', '/api/v1/users/user/settings/update', { json: { ui: { toolServers: [own] } } });
  }

  /** Switches a server's tools on in the menu of the composer. */
  async function choose(name: string): Promise<void> {
    const { page } = client;
    await page.locator('#integration-menu-button').click();
    await page.getByRole('menuitem', { name: /^Tools/ }).click();
    // What has to be signed in at first lies below a veil.
    await page
      .locator('[role^=menuitem]')
      .filter({ hasText: new RegExp(`^\\s*${name}\\s*$`) })
      .dispatchEvent('click');
    await page.keyboard.press('Escape');
  }

  it('are called for the model, and the call is shown', async () => {
    await client.newChat('calls-get_item');
    await choose('Corner shop');
    await client.ask('{"id":"7"}');
    await client.shows(/Tool said: .*9\.5/s);
    await client.shows('View Result from get_item');
    await client.idle();
    const [asked] = shop.take().filter(({ path }) => path.startsWith('/items'));
    assert.deepEqual([asked?.path, asked?.headers.origin], ['/items/7', undefined]);
    assertNoProblems(client);
  });

  it('are signed in at, and ask the person', async () => {
    await client.newChat('calls-desk_choose');
    await choose('Desk');
    await client.page.waitForURL((url) => url.pathname === '/' || url.pathname === '');
    await client.settled();
    await client.newChat('calls-desk_choose');
    await choose('Desk');
    await client.ask('{}');
    await client.page.getByText('Which size?').waitFor();
    await client.page.locator('#elicitation-0').fill('3');
    await client.page.getByRole('button', { name: 'Submit' }).click();
    await client.shows(/Tool said: .*"size": 3/s);
    await client.idle();
    assertNoProblems(client);
  });

  it('are called by the browser where the user brought them', async () => {
    await client.newChat('calls-get_item');
    await choose('Shop');
    await client.ask('{"id":"8"}');
    await client.shows(/Tool said: .*9\.5/s);
    await client.idle();
    const [asked] = shop.take().filter(({ method, path }) => method === 'GET' && path.startsWith('/items'));
    assert.deepEqual([asked?.path, asked?.headers.origin], ['/items/8', server.base]);
    assertNoProblems(client);
  });
});
