import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { type Account, addAccount, signIn } from '../support/client.ts';
import { type Provider, startProvider } from '../support/provider.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** From a server without a provider to a model of one's own that others use. The steps build on each other. */
describe('providers and models in the official client', { skip: missingBrowser() }, () => {
  const person = { name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' };
  let server: TestServer;
  /** Connected from the start, without a single model. */
  let empty: Provider;
  let provider: Provider;
  let browser: Browser;
  let client: Client;
  let ada: Account;

  before(async () => {
    [empty, provider] = [await startProvider({ models: [] }), await startProvider()];
    server = await startServer({ env: { OPENAI_API_BASE_URL: empty.url } });
    browser = await startBrowser();
    client = await openClient(browser, server);
    await client.open('/');
    await client.signUp(person);
    ada = await signIn(server, person.email, person.password);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await provider?.stop();
    await empty?.stop();
  });

  async function recite(reader: Client): Promise<void> {
    await reader.open('/?model=house-poet');
    await reader.page
      .getByRole('button', { name: /House Poet/ })
      .first()
      .waitFor();
    await reader.ask('Hi');
    await reader.shows('SYSTEM<<Speak in rhymes.>>');
    await reader.idle();
  }

  it('answers without any provider how to connect one', async () => {
    await client.newChat('Loggia guide');
    await client.ask('How do I begin?');
    await client.shows(/provider|connection/i);
    await client.idle();
    assertNoProblems(client);
  });

  it('connects a provider', async () => {
    const { page } = client;
    await client.open('/admin/settings/connections');
    await page.getByRole('button', { name: 'Add Connection' }).first().click();
    const form = page.getByRole('dialog').last();
    await form.getByPlaceholder('API Base URL').fill(provider.url);
    await form.getByPlaceholder('API Key').fill('sk-scripted');
    await form.getByRole('button', { name: 'Verify Connection' }).click();
    await page.getByText('Server connection verified').first().waitFor();
    await form.getByRole('button', { name: 'Save', exact: true }).click();
    await page.locator('#url-input').waitFor({ state: 'detached' });
    await client.settled();
    await client.newChat('hello');
    await client.ask('Hi');
    await client.shows(/hello/i);
    await client.idle();
    assert.equal(provider.chats().at(-1)?.headers.authorization, 'Bearer sk-scripted');
    assertNoProblems(client);
  });

  it('makes a model with a name and a prompt of its own', async () => {
    const { page } = client;
    await client.open('/workspace/models/create');
    await page.getByPlaceholder('Model Name').fill('House Poet');
    await page.locator('#model-selector-workspace-base-model-button').click();
    await page.getByPlaceholder('Search a model').fill('echo-system');
    await page
      .getByRole('option', { name: /echo-system/ })
      .first()
      .click();
    await page.getByPlaceholder(/system prompt/i).fill('Speak in rhymes.');
    await page.getByRole('button', { name: 'Save & Create' }).click();
    await page.waitForURL(/\/workspace\/models$/);
    await page.getByText('House Poet').first().waitFor();
    await recite(client);
    assertNoProblems(client);
  });

  it('shares it with everybody', async () => {
    const { page } = client;
    const guest = { email: 'una@example.com', password: (await addAccount(ada, 'una')).password };
    // A preset serves those who may use the model below it.
    await ada.ok('POST', '/api/v1/models/create', {
      json: {
        ...{ id: 'echo-system', name: 'echo-system', base_model_id: null, meta: {}, params: {} },
        access_grants: [{ principal_type: 'user', principal_id: '*', permission: 'read' }],
      },
    });
    await client.open('/workspace/models');
    await page.getByText('House Poet').first().click();
    await page.getByRole('button', { name: 'Access' }).first().click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /Visibility/ })
      .click();
    await page.getByRole('menuitemradio', { name: 'Public' }).click();
    await client.settled();
    const other = await openClient(browser, server);
    await other.open('/auth');
    await other.signIn(guest);
    await recite(other);
    await other.close();
    assertNoProblems(client);
  });
});
