import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type SentTurn, sendTurn } from '../support/chat.ts';
import { type Account, apiClient, signUp } from '../support/client.ts';
import { startProvider } from '../support/provider.ts';
import { replyOf } from '../support/replies.ts';
import { freePort, startServer } from '../support/server.ts';
import { type ChatEvent, connectSocket, type TestSocket } from '../support/socket.ts';
import { openApi } from '../support/tool-server.ts';
import { until } from '../support/wait.ts';

const ROUNDS = 20;
/** Milliseconds. */
const LATEST_KILL = 1_500;
const SHOWN_FOR = 1_000;

interface Item {
  type: string;
  status: string;
  call_id?: string;
  approved?: boolean;
}

/** Milliseconds a call takes: kills fall into calls too. */
const CALL_MS = 60;
const DOCUMENT = openApi('Marks', {
  '/mark': {
    post: {
      operationId: 'mark',
      description: 'Makes a mark',
      requestBody: {
        content: { 'application/json': { schema: { type: 'object', properties: { title: { type: 'string' } } } } },
      },
    },
  },
});

const mark = (title: string) => ({ name: 'mark', arguments: { title } });

/** The far end of a tool: counts the calls by their title. */
async function startMarks() {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    if (request.method === 'GET') return void json(response, DOCUMENT);
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk;
    });
    request.on('end', () => {
      const { title } = JSON.parse(body) as { title: string };
      counts.set(title, (counts.get(title) ?? 0) + 1);
      setTimeout(() => json(response, { made: title }), CALL_MS);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    counts,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
const path = ({ chatId, replyId }: SentTurn) => `/api/v1/chats/${chatId}/messages/${replyId}/resolve`;

async function itemsOf(api: Account, turn: SentTurn): Promise<Item[]> {
  return ((await replyOf(api, turn.chatId, turn.replyId)).output ?? []) as Item[];
}

/** Notes what a socket is told of replies: results of calls, and the calls the user is asked about. */
function watch(socket: TestSocket) {
  const results = new Map<string, number>();
  const asked = new Map<string, Set<string>>();
  socket.raw.on('events', ({ message_id = '', data }: ChatEvent) => {
    const told = (data.data ?? {}) as { item?: Item; output?: Item[] };
    for (const item of told.output ?? (told.item ? [told.item] : [])) {
      if (item.type === 'function_call_output') {
        const key = `${message_id} ${item.call_id}`;
        if (!results.has(key)) results.set(key, performance.now());
      }
      if (item.status === 'pending')
        asked.set(message_id, (asked.get(message_id) ?? new Set()).add(item.call_id ?? ''));
    }
  });
  return { results, asked };
}

/** Approves what a reply asks for until it asks no more, the server is gone, or `stop` is aborted. */
async function approveAll(api: Account, turn: SentTurn, stop: AbortSignal): Promise<Set<string>> {
  const approved = new Set<string>();
  while (!stop.aborted) {
    try {
      const reply = await replyOf(api, turn.chatId, turn.replyId);
      if (reply.done) break;
      for (const item of (reply.output ?? []) as Item[]) {
        if (item.status !== 'pending') continue;
        const json = { call_id: item.call_id, action: 'approve' };
        if ((await api.call('POST', path(turn), { json })).status === 200) approved.add(item.call_id ?? '');
      }
    } catch (error) {
      if (stop.aborted) break;
      // The server is being killed: what was not answered counts as not approved.
      if (!(error instanceof TypeError)) throw error;
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return approved;
}

describe('a server that is killed between tool calls', () => {
  it(`runs none twice, loses no question and nothing shown, ${ROUNDS} times`, { timeout: 300_000 }, async () => {
    await using made = new AsyncDisposableStack();
    const provider = await startProvider();
    made.defer(() => provider.stop());
    const dataDir = await mkdtemp(join(tmpdir(), 'loggia-kill-'));
    made.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));
    const port = await freePort();
    const start = () => startServer({ provider, dataDir, port, env: { ENABLE_TOOL_PERMISSIONS: 'true' } });
    let server = await start();
    made.defer(async () => void (await server.terminate()));
    let account = await signUp(server);
    const marks = await startMarks();
    made.defer(() => marks.stop());
    const config = { enable: true, access_grants: [] };
    const connection = {
      url: marks.url,
      path: 'openapi.json',
      auth_type: 'none',
      key: '',
      config,
      info: { id: 'marks' },
    };
    await account.ok('POST', '/api/v1/configs/tool_servers', { json: { TOOL_SERVER_CONNECTIONS: [connection] } });
    const completed: string[] = [];
    let waited = 0;
    let interrupted = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const socket = await connectSocket(server.base, account);
      const seen = watch(socket);
      const tools = { tool_ids: ['server:marks'] };
      const send = (plan: unknown, params = {}) =>
        sendTurn(account, socket, {
          model: 'plan-100',
          content: JSON.stringify(plan),
          wait: false,
          extra: { params, ...tools },
        });
      const asks = { tool_approval_mode: 'ask' };
      const [free, asking, waiting] = await Promise.all([
        send(Array.from({ length: 30 }, (_, n) => [mark(`${round} free ${n}`)])),
        send([[mark(`${round} ask 0`), mark(`${round} ask 1`)], [mark(`${round} ask 2`)]], asks),
        send([[mark(`${round} wait 0`)]], asks),
      ]);
      const stop = new AbortController();
      const approving = approveAll(account, asking, stop.signal);
      const wait = Math.random() * LATEST_KILL;
      await new Promise((resolve) => setTimeout(resolve, wait));
      const moment = performance.now();
      stop.abort();
      await server.kill();
      const approved = await approving;
      socket.close();
      server = await start();
      account = { ...account, ...apiClient(server.base, account.token), token: account.token };
      const where = `round ${round}, killed after ${Math.round(wait)} ms`;

      // What ran freely is closed, with every result that was shown for a second.
      const open = await replyOf(account, free.chatId, free.replyId);
      assert.equal(open.done, true, where);
      const kept = new Set(((open.output ?? []) as Item[]).map(({ type, call_id }) => `${type} ${call_id}`));
      for (const [key, at] of seen.results) {
        const [messageId, callId] = key.split(' ');
        if (messageId !== free.replyId || at > moment - SHOWN_FOR) continue;
        assert.ok(kept.has(`function_call_output ${callId}`), `${where}: the result of ${callId} is lost`);
      }

      // Every question that was shown and not answered is still asked.
      for (const turn of [asking, waiting]) {
        const items = await itemsOf(account, turn);
        for (const callId of seen.asked.get(turn.replyId) ?? []) {
          const call = items.find(({ type, call_id }) => type === 'function_call' && call_id === callId);
          assert.ok(call, `${where}: ${callId} is gone`);
          if (call.status === 'pending') waited += 1;
          else assert.ok(turn === asking, `${where}: ${callId} is ${call.status} though nobody answered`);
        }
      }
      for (const callId of approved) {
        const status = (await itemsOf(account, asking)).find(
          (item) => item.call_id === callId && item.type === 'function_call',
        )?.status;
        assert.ok(status && status !== 'pending', `${where}: the approval of ${callId} is lost (${status})`);
      }
      const rest = new AbortController();
      for (const turn of [asking, waiting]) {
        await Promise.race([
          approveAll(account, turn, rest.signal),
          until(async () => (await replyOf(account, turn.chatId, turn.replyId)).done === true, {
            what: `${where}: the end`,
          }),
        ]);
        const end = await replyOf(account, turn.chatId, turn.replyId);
        assert.equal(end.done, true, where);
        if (end.error) interrupted += 1;
        for (const item of (end.output ?? []) as (Item & { arguments?: string })[]) {
          if (item.type !== 'function_call' || item.status !== 'completed') continue;
          completed.push((JSON.parse(item.arguments ?? '{}') as { title: string }).title);
        }
      }
      rest.abort();
    }
    assert.ok(waited > ROUNDS / 2, `${waited} questions outlived a kill`);
    assert.ok(marks.counts.size > ROUNDS, 'tools were called');
    for (const [title, count] of marks.counts) assert.equal(count, 1, `${title} was called ${count} times`);
    for (const title of completed) assert.equal(marks.counts.get(title), 1, `${title} was never called`);
    console.log(`${waited} questions outlived a kill, ${interrupted} replies were interrupted`);
  });
});
