import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { type Account, signUp } from '../support/client.ts';
import { type OpenidServer, startOpenidServer } from '../support/openid-server.ts';
import { freePort, startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

/** The official client signs in at a real OpenID provider. */
describe('signing in at an identity provider in the official client', { skip: missingBrowser() }, () => {
  let idp: OpenidServer;
  let server: TestServer;
  let admin: Account;
  let browser: Browser;
  let client: Client;

  before(async () => {
    const port = await freePort();
    const base = `http://127.0.0.1:${port}`;
    idp = await startOpenidServer({
      redirectUri: `${base}/oauth/oidc/callback`,
      backchannelLogout: `${base}/oauth/backchannel-logout`,
      afterLogout: `${base}/auth`,
    });
    server = await startServer({
      port,
      env: {
        OAUTH_CLIENT_ID: idp.clientId,
        OAUTH_CLIENT_SECRET: idp.clientSecret,
        OPENID_PROVIDER_URL: idp.discovery,
        OAUTH_PROVIDER_NAME: 'Example ID',
        ENABLE_OAUTH_SIGNUP: 'true',
        ENABLE_OAUTH_BACKCHANNEL_LOGOUT: 'true',
        DEFAULT_USER_ROLE: 'user',
        WEBUI_AUTH_SIGNOUT_REDIRECT_URL: `${base}/auth`,
      },
    });
    admin = await signUp(server);
    browser = await startBrowser();
    client = await openClient(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await idp?.stop();
  });

  const accounts = async () => {
    const { users } = await admin.ok<{ users: { name: string; email: string }[] }>('GET', '/api/v1/users/');
    return users.map(({ name, email }) => `${name} <${email}>`).filter((one) => !one.includes(admin.email));
  };

  it('goes to the provider by its button and arrives signed in', async () => {
    const { page } = client;
    await client.open('/auth');
    await page.getByRole('button', { name: 'Continue with Example ID' }).click();
    await page.locator('input[name=login]').fill('cleo');
    assert.equal(new URL(page.url()).origin, idp.url);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('#chat-input').waitFor();
    assert.equal(page.url(), `${server.base}/`);
    await client.settled();
    assert.deepEqual(await accounts(), ['cleo of Example <cleo@example.com>']);
    // The page's scripts could read it once; it is out of their reach by now.
    const cookies = await page.context().cookies();
    assert.equal(cookies.find(({ name }) => name === 'token')?.httpOnly, true);
    await page.reload();
    await page.locator('#chat-input').waitFor();
    assertNoProblems(client);
  });

  it('signs out at the provider too, which ends the other browser’s session', async () => {
    const { page } = client;
    const other = await openClient(browser, server);
    await other.open('/auth');
    await other.page.getByRole('button', { name: 'Continue with Example ID' }).click();
    await other.page.locator('input[name=login]').fill('cleo');
    await other.page.getByRole('button', { name: 'Go on' }).click();
    await other.page.locator('#chat-input').waitFor();
    const token = await other.page.evaluate<string>('localStorage.token');
    await page.getByAltText('Open User Profile Menu').first().click();
    await page.getByRole('menuitem', { name: 'Sign Out' }).click();
    await page.getByRole('button', { name: /sign me out/i }).click();
    await page.getByRole('button', { name: 'Continue with Example ID' }).waitFor();
    assert.equal(new URL(page.url()).origin, server.base);
    await until(async () => {
      const answer = await fetch(`${server.base}/api/v1/auths/`, { headers: { authorization: `Bearer ${token}` } });
      return answer.status === 401;
    });
    await other.close();
  });

  it('says on the sign-in page why it failed', async () => {
    const { page } = client;
    await client.open('/oauth/oidc/callback?error=access_denied&state=x');
    await page.getByText('Sign-in with your identity provider failed.').waitFor();
    await page.getByRole('button', { name: 'Continue with Example ID' }).waitFor();
  });
});
