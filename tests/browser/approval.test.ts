import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const plan = (...rounds: { name: string; arguments: unknown }[][]) => JSON.stringify(rounds);
const ago = (days_ago: number) => ({ name: 'calculate_timestamp', arguments: { days_ago } });

interface History {
  currentId: string;
  messages: Record<string, { output?: { status: string }[] }>;
}

/** The official client, where the user decides about tool calls. */
describe('tool calls that wait in the official client', { skip: missingBrowser() }, () => {
  let server: TestServer;
  let browser: Browser;
  let client: Client;

  before(async () => {
    const asks = JSON.stringify({ tool_approval_mode: 'ask' });
    server = await startServer({ env: { ENABLE_TOOL_PERMISSIONS: 'true', DEFAULT_MODEL_PARAMS: asks } });
    browser = await startBrowser();
    client = await openClient(browser, server);
    await client.open('/');
    await client.signUp({ name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const allow = () => client.page.locator('.tool-call-allow-button');
  const deny = () => client.page.locator('.tool-call-deny-button');

  /** The items of the chat's last reply, as the client reads them. */
  async function outputOf(chatId: string): Promise<{ status: string }[]> {
    const token = await client.page.evaluate('localStorage.token');
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${server.base}/api/v1/chats/${chatId}`, { headers });
    const { chat } = (await answer.json()) as { chat: { history: History } };
    const { messages, currentId } = chat.history;
    return messages[currentId]?.output ?? [];
  }

  it('run when they are allowed', async () => {
    await client.newChat('plan');
    await client.ask(plan([ago(1)]));
    await client.shows('Allow calculate_timestamp?');
    await allow().click();
    await client.shows(/Tools said: .*calculated_timestamp/s);
    await client.shows('View Result from calculate_timestamp');
    await client.idle();
    assertNoProblems(client);
  });

  it('do not run when they are denied', async () => {
    await client.newChat('plan');
    await client.ask(plan([ago(1)]));
    await deny().click();
    await client.shows(/Tools said: Error: /);
    await client.shows('Denied calculate_timestamp');
    await client.idle();
    assertNoProblems(client);
  });

  it('wait over a reload, and are asked one after the other', async () => {
    await client.newChat('plan');
    await client.ask(plan([ago(1), ago(2)]));
    await allow().waitFor();
    await client.page.waitForURL(/\/c\/[0-9a-f-]{36}$/);
    await client.page.reload();
    await allow().click();
    // The buttons are those of the second call now.
    const chatId = client.page.url().split('/').at(-1);
    await until(
      async () => (await outputOf(String(chatId))).map(({ status }) => status).join() === 'completed,pending,completed',
    );
    await allow().waitFor();
    await deny().click();
    await client.shows(/Tools said: .*calculated_timestamp.* \| Error: /s);
    await client.idle();
    assertNoProblems(client);
  });

  it('ask the user questions', async () => {
    const options = ['Red', 'Blue'].map((label) => ({ label, description: `It is ${label}` }));
    const questions = [{ id: 'colour', question: 'Which colour?', options }];
    await client.newChat('plan');
    await client.ask(plan([{ name: 'ask_user', arguments: { questions } }]));
    await client.page.getByText('Which colour?').last().waitFor();
    await client.page.getByText('Blue', { exact: true }).last().click();
    // The choice of the only question is sent at once.
    await client.shows(/Tools said: .*"label":"Blue"/);
    await client.idle();
    assertNoProblems(client);
  });
});
