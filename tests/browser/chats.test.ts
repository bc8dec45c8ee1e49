import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertNoProblems, type Client, missingBrowser, openClient, startBrowser } from '../support/browser.ts';
import { type Account, addAccount, signIn } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

interface Listed {
  id: string;
  title: string;
}

/** Keeping, finding, sharing and changing conversations in the official client. The steps build on each other. */
describe('stored chats in the official client', { skip: missingBrowser() }, () => {
  const person = { name: 'Ada Admin', email: 'ada@example.com', password: 'Correct-horse-1' };
  let server: TestServer;
  let browser: Browser;
  let client: Client;
  let ada: Account;
  let files: string;

  before(async () => {
    files = await mkdtemp(join(tmpdir(), 'loggia-browser-'));
    server = await startServer();
    browser = await startBrowser();
    client = await openClient(browser, server);
    await client.open('/');
    await client.signUp(person);
    ada = await signIn(server, person.email, person.password);
    await client.newChat('echo');
    await client.page.getByRole('button', { name: 'Open Sidebar' }).first().click();
    await client.ask('Where do swallows winter?');
    await client.shows('You said: Where do swallows winter?');
    await client.idle();
    await sidebar().getByText('Scripted Title').waitFor();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await rm(files, { recursive: true, force: true });
  });

  const sidebar = () => client.page.getByRole('navigation', { name: 'Chat history' });
  const dialog = () => client.page.getByRole('dialog').last();
  const lastMessage = () => client.page.getByRole('log').getByRole('listitem').last();
  const chats = () => ada.ok<Listed[]>('GET', '/api/v1/chats/', { query: { include_folders: 'true' } });
  const chatId = () => /\/c\/([0-9a-f-]{36})$/.exec(client.page.url())?.[1] ?? '';

  /** An entry of the menu that a chat has in its own window. */
  async function chatAction(name: string): Promise<void> {
    await client.page.getByRole('button', { name: 'Chat actions' }).click();
    await client.page.getByRole('menu').getByText(name, { exact: true }).click();
  }

  async function openSettings(tab: string): Promise<void> {
    await client.page
      .getByRole('button', { name: /User Profile Menu/ })
      .first()
      .click();
    await client.page.getByRole('menuitem', { name: 'Settings' }).click();
    await dialog().getByRole('tab', { name: tab }).click();
  }

  it('puts a chat into a new folder', async () => {
    await client.page.getByRole('button', { name: 'New Folder' }).click();
    await client.page.locator('#folder-name').fill('Birds');
    await client.page.getByRole('button', { name: 'Save', exact: true }).click();
    await sidebar().getByRole('button', { name: 'Birds', exact: true }).waitFor();
    await client.page.locator('#sidebar-chat-item', { hasText: 'Scripted Title' }).hover();
    await client.page.getByRole('button', { name: 'Chat Menu' }).first().click();
    await client.page.getByRole('menu').getByText('Move', { exact: true }).hover();
    await client.page.getByRole('menuitem', { name: 'Birds' }).click();
    await sidebar().getByRole('button', { name: 'Expand Birds' }).click();
    await sidebar()
      .getByRole('button', { name: /^Scripted Title/ })
      .waitFor();
    await client.page.reload();
    await client.shows('You said: Where do swallows winter?');
    const folders = await ada.ok<Listed[]>('GET', '/api/v1/folders/');
    const inside = await ada.ok<Listed[]>('GET', `/api/v1/chats/folder/${folders[0]?.id}/list`);
    assert.deepEqual(
      inside.map((chat) => chat.id),
      [chatId()],
    );
    assertNoProblems(client);
  });

  it('finds it by its words and opens it', async () => {
    const id = chatId();
    await client.newChat('echo');
    await client.page.locator('#sidebar-search-button').first().click();
    await client.page.getByLabel('Search your workspace').fill('swallows winter');
    const hit = dialog().getByRole('option', { name: /Scripted Title/ });
    await hit.filter({ hasText: 'Birds' }).waitFor();
    await client.page.keyboard.press('Enter');
    await client.page.waitForURL(new RegExp(`/c/${id}`));
    await client.shows('You said: Where do swallows winter?');
    assertNoProblems(client);
  });

  it('keeps an edited answer as a copy beside the first', async () => {
    await client.open(`/c/${new URL(client.page.url()).pathname.split('/').at(-1)}`);
    await client.shows('You said: Where do swallows winter?');
    await lastMessage().getByRole('button', { name: 'Edit' }).click();
    await lastMessage().locator('textarea').first().fill('In Africa, says Ada.');
    await client.page.locator('#save-new-message-button').click();
    await client.shows('In Africa, says Ada.');
    await client.page.getByText('2/2').last().waitFor();
    await client.settled();
    await client.page.reload();
    await client.shows('In Africa, says Ada.');
    await lastMessage().getByRole('button', { name: 'Previous message' }).click();
    await client.shows('You said: Where do swallows winter?');
    await lastMessage().getByRole('button', { name: 'Next message' }).click();
    await client.shows('In Africa, says Ada.');
    await client.settled();
    assertNoProblems(client);
  });

  it('forks a chat at an answer', async () => {
    const id = chatId();
    await lastMessage().getByRole('button', { name: 'Fork chat' }).click();
    await client.page.waitForURL((url) => /^\/c\/[0-9a-f-]{36}$/.test(url.pathname) && !url.pathname.endsWith(id));
    await client.shows('In Africa, says Ada.');
    await client.ask('And in summer?');
    await client.shows('You said: And in summer?');
    await client.idle();
    assert.ok((await chats()).some((chat) => chat.title === 'Scripted Title (fork)'));
    await client.open(`/c/${id}`);
    await client.shows('In Africa, says Ada.');
    assert.equal(await client.page.locator('.chat-user').count(), 1);
    assertNoProblems(client);
  });

  it('shares a chat with somebody who opens and copies it', async () => {
    const una = await addAccount(ada, 'una');
    await chatAction('Share');
    await client.page.locator('#copy-and-share-chat-button').click();
    const link = dialog().getByRole('link', { name: /shared this chat/ });
    await link.waitFor();
    await dialog().getByRole('button', { name: 'Add Access' }).click();
    await dialog().getByText('una Example').first().click();
    await dialog().getByRole('button', { name: 'Add', exact: true }).click();
    await dialog().getByText('Sharing mode').waitFor();
    const path = (await link.getAttribute('href')) ?? '';
    await dialog().getByRole('button', { name: 'Close' }).click();
    await client.settled();

    const guest = await openClient(browser, server);
    await guest.open('/auth');
    await guest.signIn(una);
    await guest.open(path);
    await guest.shows('In Africa, says Ada.');
    await guest.page.getByRole('button', { name: 'Clone Chat' }).click();
    await guest.page.waitForURL(/\/c\/[0-9a-f-]{36}$/);
    await guest.shows('In Africa, says Ada.');
    await guest.settled();
    assertNoProblems(guest);
    await guest.close();
    assertNoProblems(client);
  });

  it('asks two models side by side', async () => {
    await client.open('/?models=echo,hello');
    await client.ask('Both of you');
    await client.shows('You said: Both of you');
    await until(async () => (await client.page.locator('.chat-assistant').count()) === 2);
    await client.idle();
    await client.page.waitForURL(/\/c\/[0-9a-f-]{36}$/);
    await client.settled();
    await client.page.reload();
    await client.shows('You said: Both of you');
    await until(async () => (await client.page.locator('.chat-assistant').count()) === 2);
    const stored = await ada.ok<{ chat: { models: string[] } }>('GET', `/api/v1/chats/${chatId()}`);
    assert.deepEqual(stored.chat.models, ['echo', 'hello']);
    assertNoProblems(client);
  });

  it('archives a chat and takes it back', async () => {
    const id = chatId();
    await chatAction('Archive');
    await until(async () => !(await chats()).some((chat) => chat.id === id));
    await openSettings('Archived Chats');
    await dialog().getByRole('button', { name: 'Unarchive Chat' }).click();
    await until(async () => (await chats()).some((chat) => chat.id === id));
    await client.settled();
    assertNoProblems(client);
  });

  it('exports all chats and imports them again, those of ChatGPT too', async () => {
    const before = (await chats()).length;
    await client.open('/');
    await openSettings('Data Controls');
    const [download] = await Promise.all([
      client.page.waitForEvent('download'),
      dialog().getByRole('button', { name: 'Export Chats' }).click(),
    ]);
    const exported = join(files, 'export.json');
    await download.saveAs(exported);
    assert.equal(JSON.parse(await readFile(exported, 'utf8')).length, before);
    await client.page.locator('#chat-import-input').setInputFiles(exported);
    await until(async () => (await chats()).length === 2 * before);

    const foreign = join(files, 'conversations.json');
    await writeFile(foreign, JSON.stringify([CHATGPT]));
    await client.page.locator('#chat-import-input').setInputFiles(foreign);
    await until(async () => (await chats()).some((chat) => chat.title === 'Swifts'));
    const made = (await chats()).find((chat) => chat.title === 'Swifts');
    await client.open(`/c/${made?.id}`);
    await client.shows('They hardly ever land.');
    await client.settled();
    assertNoProblems(client);
  });
});

/** A conversation as ChatGPT exports it. */
const CHATGPT = {
  title: 'Swifts',
  create_time: 1_700_000_000.5,
  update_time: 1_700_000_100.5,
  mapping: {
    root: { id: 'root', message: null, parent: null, children: ['q'] },
    q: {
      id: 'q',
      message: {
        id: 'q',
        author: { role: 'user' },
        create_time: 1,
        content: { content_type: 'text', parts: ['Do swifts land?'] },
      },
      parent: 'root',
      children: ['a'],
    },
    a: {
      id: 'a',
      message: {
        id: 'a',
        author: { role: 'assistant' },
        create_time: 2,
        content: { content_type: 'text', parts: ['They hardly ever land.'] },
        metadata: { model_slug: 'gpt-4' },
      },
      parent: 'q',
      children: [],
    },
  },
};
