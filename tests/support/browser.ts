import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { clientPlace, isInstalled } from '../../src/features/web-client/index.ts';
import type { TestServer } from './server.ts';
import { until } from './wait.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const PATIENCE_MS = 30_000;
const QUIET_MS = 500;

/** False, or why tests with the official client in a browser are skipped: for the `skip` option of a test. */
export function missingBrowser(): false | string {
  if (!existsSync(CHROMIUM)) return `no Chromium at ${CHROMIUM} (CHROMIUM_PATH)`;
  return isInstalled(clientPlace(process.env))
    ? false
    : 'the web client is not installed (bin/loggia frontend install)';
}

/** The client asks for channels also where they are switched off, and shows nothing of the refusal. */
const REFUSALS = ['GET /api/v1/channels/ answered 403'];

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  // A microphone that beeps, and nobody to be asked whether it may be used.
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/** The official client in a page of its own (own cookies and storage). */
export interface Client {
  page: Page;
  /** What went wrong: failing calls to the server and errors in the page. */
  problems: string[];
  /** Opens a path of the client. */
  open(path: string): Promise<void>;
  /** Waits until every call has been answered and the page has asked for nothing more for a moment. */
  settled(): Promise<void>;
  /** Makes an account in the form; the first one of a server is its administrator. */
  signUp(person: { name: string; email: string; password: string }): Promise<void>;
  /** Signs in at `/auth`. */
  signIn(person: { email: string; password: string }): Promise<void>;
  /** A new chat with a model. */
  newChat(model: string): Promise<void>;
  /** Types a question and sends it. */
  ask(text: string): Promise<void>;
  /** Text of the newest reply. */
  reply(): Promise<string>;
  /** Waits until the newest reply shows a text. */
  shows(text: string | RegExp): Promise<void>;
  /** Waits until nothing is being written any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export async function openClient(browser: Browser, { base }: Pick<TestServer, 'base'>): Promise<Client> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US' });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems: string[] = [];
  // Answers count, not finished bodies: some the client never reads.
  const calls = { asked: 0, answered: 0, last: 0 };
  page.on('request', () => {
    calls.asked += 1;
    calls.last = performance.now();
  });
  page.on('requestfailed', () => {
    calls.answered += 1;
  });
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
  page.on('response', (answer) => {
    calls.answered += 1;
    if (answer.status() < 400 || !answer.url().startsWith(base)) return;
    const call = `${answer.request().method()} ${answer.url().slice(base.length)} answered ${answer.status()}`;
    if (!REFUSALS.includes(call)) problems.push(call);
  });
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // A page that is left takes its open requests with it.
    if (request.url().startsWith(base) && reason !== 'net::ERR_ABORTED') {
      problems.push(`${request.method()} ${request.url().slice(base.length)} failed: ${reason}`);
    }
  });
  const replies = page.locator('.chat-assistant');
  const input = page.locator('#chat-input');
  const client: Client = {
    page,
    problems,
    async open(path) {
      await page.goto(base + path);
    },
    settled: async () =>
      void (await until(() => calls.answered >= calls.asked && performance.now() - calls.last > QUIET_MS)),
    async signUp({ name, email, password }) {
      const start = page.getByRole('button', { name: 'Get started' });
      await start.or(page.locator('#email')).first().waitFor();
      if (await start.isVisible()) await start.click();
      await page.locator('#name').fill(name);
      await page.locator('#email').fill(email);
      await page.locator('#password').fill(password);
      await page.getByRole('button', { name: /^Create (Admin )?Account$/ }).click();
      await input.waitFor();
      await closeNews(page);
    },
    async signIn({ email, password }) {
      await page.locator('#email').fill(email);
      await page.locator('#password').fill(password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await input.waitFor();
    },
    async newChat(model) {
      await page.goto(`${base}/?model=${encodeURIComponent(model)}`);
      await input.waitFor();
      await page.locator('[id^="model-selector-"][id$="-button"]').filter({ hasText: model }).first().waitFor();
    },
    async ask(text) {
      await input.click();
      await input.fill(text);
      await page.locator('#send-message-button').click();
    },
    reply: async () => ((await replies.last().textContent()) ?? '').trim(),
    async shows(text) {
      await replies.filter({ hasText: text }).last().waitFor();
    },
    async idle() {
      await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'detached' });
    },
    close: () => context.close(),
  };
  return client;
}

/** The client greets a new account with its release notes. */
async function closeNews(page: Page): Promise<void> {
  const news = page.getByRole('button', { name: "Okay, Let's Go!" });
  await news.click();
  await news.waitFor({ state: 'detached' });
}

/** Fails the test when the client saw a failing call or an error since the last time it was asked. */
export function assertNoProblems(client: Client): void {
  assert.deepEqual(client.problems.splice(0), []);
}
