import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { type Account, signUp } from '../support/client.ts';
import { APP, BASE, type DirectoryServer, missingDirectory, startDirectory } from '../support/directory.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Somebody of the company's directory signs in at the official client. The steps build on each other. */
describe('LDAP in the official client', { skip: missingBrowser() || missingDirectory() }, () => {
  let directory: DirectoryServer;
  let server: TestServer;
  let admin: Account;
  let browser: Browser;
  let client: Client;

  before(async () => {
    directory = await startDirectory();
    await directory.add({ uid: 'grace', cn: 'Grace Hopper', mail: 'grace@example.org', password: 'compiler-1' });
    await directory.group('engineers', ['grace']);
    const env = {
      ENABLE_LDAP: 'true',
      LDAP_SERVER_HOST: 'localhost',
      LDAP_SERVER_PORT: String(directory.tlsPort),
      LDAP_CA_CERT_FILE: directory.authority,
      LDAP_APP_DN: APP.dn,
      LDAP_APP_PASSWORD: APP.password,
      LDAP_SEARCH_BASE: BASE,
      ENABLE_LDAP_GROUP_MANAGEMENT: 'true',
      ENABLE_LDAP_GROUP_CREATION: 'true',
      DEFAULT_USER_ROLE: 'user',
    };
    server = await startServer({ env });
    admin = await signUp(server);
    browser = await startBrowser();
    client = await openClient(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await directory?.stop();
  });

  it('shows why a password is refused', async () => {
    await client.open('/auth');
    await client.page.locator('#username').fill('grace');
    await client.page.locator('#password').fill('wrong');
    await client.page.getByRole('button', { name: 'Authenticate' }).click();
    await client.page.getByText('Authentication failed.').waitFor();
    assert.deepEqual(client.problems.splice(0), ['POST /api/v1/auths/ldap answered 400']);
  });

  it('lets the person in with the password of the directory', async () => {
    await client.page.locator('#password').fill('compiler-1');
    await client.page.getByRole('button', { name: 'Authenticate' }).click();
    await client.page.locator('#chat-input').waitFor();
    await client.settled();
    assertNoProblems(client);
    const { users } = await admin.ok<{ users: { id: string; name: string; email: string }[] }>('GET', '/api/v1/users/');
    const made = users.find(({ email }) => email === 'grace@example.org');
    assert.equal(made?.name, 'Grace Hopper');
    const groups = await admin.ok<{ name: string }[]>('GET', `/api/v1/users/${made?.id}/groups`);
    assert.deepEqual(
      groups.map(({ name }) => name),
      ['engineers'],
    );
  });

  it('keeps the session over a reload', async () => {
    const close = client.page.getByRole('button', { name: "Okay, Let's Go!" });
    if (await close.isVisible()) await close.click();
    await client.page.reload();
    await client.page.locator('#chat-input').waitFor();
    assertNoProblems(client);
  });
});
