import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { Authenticator } from '../support/authenticator.ts';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { apiClient } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';

const ADA = { name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' };
const WANDA = { name: 'Wanda Waits', email: 'wanda@example.com', password: 'Battery-staple-2' };

const tokenOf = (page: Page): Promise<string> => page.evaluate(() => localStorage.token as string);

/** The form, up to what it answers. */
async function enterPassword({ page, open }: Client, { email, password }: typeof ADA): Promise<void> {
  await open('/auth?state=logout&form=signin');
  await page.locator('#email').fill(email);
  await page.locator('#password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

describe('getting in, in the official client', { skip: missingBrowser() }, () => {
  let server: TestServer;
  let browser: Browser;
  let ada: Client;

  before(async () => {
    server = await startServer();
    browser = await startBrowser();
    ada = await openClient(browser, server);
    await ada.open('/');
    await ada.signUp(ADA);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function change(form: Record<string, unknown>): Promise<void> {
    const admin = apiClient(server.base, await tokenOf(ada.page));
    const old = await admin.ok('GET', '/api/v1/auths/admin/config');
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...old, ...form } });
  }

  it('shows an account the app as soon as an administrator lets it in', async () => {
    await change({ ENABLE_SIGNUP: true });
    const wanda = await openClient(browser, server);
    const { page } = wanda;
    await wanda.open('/auth');
    await page.getByRole('button', { name: 'Sign up' }).click();
    await page.locator('#name').fill(WANDA.name);
    await page.locator('#email').fill(WANDA.email);
    await page.locator('#password').fill(WANDA.password);
    await page.getByRole('button', { name: 'Create Account' }).click();
    const waiting = page.getByText('Account Activation Pending');
    await waiting.waitFor();
    await wanda.settled();
    assertNoProblems(wanda);

    await ada.open('/admin/users/overview');
    const role = (name: string) =>
      ada.page
        .locator('tr', { hasText: WANDA.email })
        .getByRole('button', { name: 'Change User Role' })
        .filter({ hasText: name });
    await role('pending').click();
    await ada.page.locator('select[aria-label="Role"]').selectOption('user');
    await ada.page.getByRole('button', { name: 'Save' }).click();
    await page.locator('#chat-input').waitFor();
    await waiting.waitFor({ state: 'detached' });

    // And out again, without a reload.
    await role('user').click();
    await ada.page.locator('select[aria-label="Role"]').selectOption('pending');
    await ada.page.getByRole('button', { name: 'Save' }).click();
    await waiting.waitFor();
    await wanda.close();
  });

  it('asks for a second factor: set-up, then codes of the app or recovery codes', async () => {
    await ada.settled();
    ada.problems.splice(0);
    const { page } = ada;
    await change({ ENABLE_MFA: true });
    await enterPassword(ada, ADA);
    await page.getByRole('heading', { name: 'Set up your authenticator' }).waitFor();
    await page.getByRole('img', { name: 'Authenticator setup QR code' }).waitFor();
    const drawn = await page.evaluate(`document.querySelector('img[src^="data:image/svg"]').naturalWidth`);
    assert.ok(Number(drawn) > 0, 'the picture cannot be shown');
    await page.getByText('Enter the key manually').click();
    const app = new Authenticator((await page.locator('details code').textContent()) ?? '');
    const code = page.locator('input[autocomplete="one-time-code"]');
    const goOn = page.getByRole('button', { name: 'Continue' });
    await code.fill(app.wrong());
    await goOn.click();
    await page.getByText('Invalid code. Check your authenticator and try again.').waitFor();
    await code.fill(app.code());
    await goOn.click();
    await page.getByRole('heading', { name: 'Save your recovery codes' }).waitFor();
    const codes = await page.locator('li.select-all').allTextContents();
    assert.equal(codes.length, 10);
    await page.getByLabel('I have saved my recovery codes').check();
    await goOn.click();
    await page.locator('#chat-input').waitFor();
    await signOut(page);

    await enterPassword(ada, ADA);
    await page.getByRole('heading', { name: 'Verify your sign-in' }).waitFor();
    await code.fill(app.code());
    await goOn.click();
    await page.locator('#chat-input').waitFor();
    await signOut(page);

    await enterPassword(ada, ADA);
    await page.getByRole('button', { name: 'Use a recovery code' }).click();
    await code.fill(codes[0] ?? '');
    await goOn.click();
    await page.locator('#chat-input').waitFor();
    const status = await apiClient(server.base, await tokenOf(page)).ok('GET', '/api/v1/auths/mfa/status');
    assert.deepEqual(status, { enabled: true, required: true, recovery_codes_remaining: 9 });
  });
});

async function signOut(page: Page): Promise<void> {
  await page.getByRole('img', { name: 'Open User Profile Menu' }).first().click();
  await page.getByRole('menuitem', { name: 'Sign Out' }).click();
  await page.locator('#email').waitFor();
}
