import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PAGES = [
  '/notes',
  '/workspace/models',
  '/workspace/knowledge',
  '/workspace/prompts',
  '/workspace/skills',
  '/workspace/tools',
  '/playground',
  '/calendar',
  '/automations',
  '/admin/users/overview',
  '/admin/users/groups',
  '/admin/analytics',
  '/admin/evaluations/leaderboard',
  '/admin/evaluations/feedback',
  '/admin/functions',
  ...[
    ...['general', 'connections', 'models', 'evaluations', 'integrations', 'documents', 'web', 'code-execution'],
    ...['interface', 'audio', 'images', 'pipelines', 'db', 'authentication', 'users'],
  ].map((tab) => `/admin/settings/${tab}`),
];

/** The client shows these in a dialog over its first page. */
const DIALOG = /^\/admin\/(?:settings|analytics)/;

/** Every page of the official client opens for an administrator without a failing call. */
describe('the pages of the official client', { skip: missingBrowser() }, () => {
  let server: TestServer;
  let browser: Browser;
  let client: Client;

  before(async () => {
    server = await startServer();
    browser = await startBrowser();
    client = await openClient(browser, server);
    await client.open('/');
    await client.signUp({ name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' });
    assertNoProblems(client);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const path of PAGES) {
    it(`opens ${path}`, async () => {
      await client.open(path);
      await client.settled();
      assert.equal(new URL(client.page.url()).pathname, DIALOG.test(path) ? '/' : path);
      assertNoProblems(client);
    });
  }
});
