import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

/** The official client, from the first account to an answer that is read on after a reload. The steps build on each other. */
describe('a conversation in the official client', { skip: missingBrowser() }, () => {
  let server: TestServer;
  let browser: Browser;
  let client: Client;

  before(async () => {
    server = await startServer();
    browser = await startBrowser();
    client = await openClient(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it('makes the first account', async () => {
    await client.open('/');
    await client.signUp({ name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' });
    assertNoProblems(client);
  });

  it('shows the answer and the title of a new chat', async () => {
    await client.newChat('echo');
    await client.ask('Hello out there');
    await client.shows('You said: Hello out there');
    await client.idle();
    await client.page.waitForURL(/\/c\/[0-9a-f-]{36}$/);
    await client.page.locator('#sidebar-chat-item', { hasText: 'Scripted Title' }).waitFor();
    await client.page.getByText('What next?').waitFor();
    assertNoProblems(client);
  });

  it('keeps the chat over a reload', async () => {
    await client.page.reload();
    await client.shows('You said: Hello out there');
    assert.equal(await client.page.locator('.chat-user').count(), 1);
    assertNoProblems(client);
  });

  it('goes on with a second turn that the provider sees with the first', async () => {
    await client.ask('And a second time');
    await client.shows('You said: And a second time');
    await client.idle();
    const seen = server.provider.chats().at(-1)?.body.messages as { role: string; content: string }[];
    assert.deepEqual(
      seen.map(({ role, content }) => [role, content]),
      [
        ['user', 'Hello out there'],
        ['assistant', 'You said: Hello out there'],
        ['user', 'And a second time'],
      ],
    );
    assertNoProblems(client);
  });

  it('regenerates an answer beside the first one', async () => {
    const before = server.provider.chats().length;
    await client.page.locator('.regenerate-response-button').last().dispatchEvent('click');
    const again = client.page.getByRole('menuitem', { name: 'Try Again' }).or(client.page.getByText('Try Again'));
    await until(async () => {
      if (server.provider.chats().length > before) return true;
      if (await again.first().isVisible()) await again.first().click();
      return false;
    });
    await client.shows('You said: And a second time');
    await client.idle();
    await client.page.getByText('2/2').last().waitFor();
    assertNoProblems(client);
  });

  it('shows the thoughts of a reasoning model apart from its answer', async () => {
    await client.newChat('reasoner');
    await client.ask('What is the answer?');
    await client.shows('The answer is 42.');
    await client.shows(/Thought for/);
    await client.idle();
    await client.page.getByText(/Thought for/).click();
    await client.shows('First I think. Then I conclude.');
    assertNoProblems(client);
  });

  it('says why a provider failed, also after a reload', async () => {
    await client.newChat('fail-500');
    await client.ask('Will this fail?');
    await client.shows('scripted failure');
    await client.idle();
    await client.page.reload();
    await client.shows('scripted failure');
    assertNoProblems(client);
  });

  it('stops a long answer and keeps what came', async () => {
    await client.newChat('gate-5');
    await client.ask('Tell me everything');
    await client.shows('epsilon4');
    await client.page.getByRole('button', { name: 'Stop', exact: true }).click();
    await client.idle();
    await until(() => server.provider.openStreams() === 0, { what: 'the call to the provider to end' });
    await client.page.reload();
    await client.shows('epsilon4');
    await client.idle();
    assert.doesNotMatch(await client.reply(), /zeta5/);
    assertNoProblems(client);
  });

  it('reads on after a reload in mid-answer', async () => {
    await client.newChat('gate-5');
    await client.ask('Tell me slowly');
    await client.shows('epsilon4');
    await client.page.waitForURL(/\/c\/[0-9a-f-]{36}$/);
    await client.page.reload();
    await client.shows('epsilon4');
    server.provider.release();
    await client.shows('kappa9');
    await client.idle();
    const words = 'alpha0 beta1 gamma2 delta3 epsilon4 zeta5 eta6 theta7 iota8 kappa9';
    assert.ok((await client.reply()).includes(words), await client.reply());
    assertNoProblems(client);
  });
});
