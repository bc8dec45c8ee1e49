import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Gate, type Script, scriptFor } from './provider-scripts.ts';

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

/** A model provider with the OpenAI protocol that answers by script; see provider-scripts.ts for its models. */
export interface Provider {
  /** For OPENAI_API_BASE_URL. */
  url: string;
  requests: SeenRequest[];
  /** Chat requests that were no background task (title, tags, follow-ups). */
  chats(): SeenRequest[];
  /** Lets the answers of the `gate-…` models go on. */
  release(): void;
  /** Breaks the connections of all answers that are being streamed. */
  cut(): void;
  /** How many streamed answers are open now. */
  openStreams(): number;
  stop(): Promise<void>;
}

const MODELS = [
  ...[
    'hello',
    'echo',
    'echo-system',
    'reasoner',
    'think-tags',
    'tool-user',
    'plan',
    'plan-100',
    'cut',
    'garbage',
    'hang',
    'fail-500',
  ],
  ...[
    'fail-429',
    'fail-html',
    'stream-500-50',
    'stream-2000-100',
    'stream-2000-1000',
    'gate-5',
    'gate-50',
    'text-embedding-scripted',
  ],
];

export async function startProvider({ models = MODELS }: { models?: string[] } = {}): Promise<Provider> {
  const requests: SeenRequest[] = [];
  const gate = new Gate();
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const body = await readBody(request);
    requests.push({ method: request.method ?? '', path, headers: request.headers, body });
    if (path === '/v1/models') {
      const data = models.map((id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'scripted' }));
      json(response, 200, { object: 'list', data });
    } else if (path === '/v1/chat/completions') {
      open.add(response);
      response.on('close', () => open.delete(response));
      await complete(response, body, scriptFor(body, gate));
    } else if (path === '/v1/embeddings') {
      const inputs = [body.input].flat();
      json(response, 200, { object: 'list', model: body.model, data: inputs.map(embedding) });
    } else json(response, 404, { error: { message: `no script for ${request.method} ${path}` } });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    chats: () => requests.filter(({ path, body }) => path.endsWith('/chat/completions') && !isTask(body)),
    release: () => gate.open(),
    cut() {
      for (const response of open) response.destroy();
    },
    openStreams: () => open.size,
    async stop() {
      gate.open();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function isTask(body: Record<string, unknown>): boolean {
  return JSON.stringify(body.messages ?? '').includes('### Task:');
}

function embedding(input: unknown, index: number): Record<string, unknown> {
  const seed = String(input).length;
  return { object: 'embedding', index, embedding: Array.from({ length: 384 }, (_, i) => Math.sin(seed + i)) };
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

const HEAD = { id: 'chatcmpl-scripted', created: 1_700_000_000 };

async function complete(response: ServerResponse, body: Record<string, unknown>, script: Script): Promise<void> {
  if (script.failure) {
    const { status, type, text } = script.failure;
    response.writeHead(status, { 'content-type': type }).end(text);
    return;
  }
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const { model } = body;
  if (body.stream !== true) {
    let content = '';
    for await (const piece of script.pieces()) content += piece.content ?? '';
    const message = { role: 'assistant', content, ...script.wholeMessage };
    const choices = [{ index: 0, message, finish_reason: script.finish }];
    json(response, 200, { ...HEAD, object: 'chat.completion', model, choices, usage });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const send = (delta: unknown, finish: string | null = null) => {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    response.write(`data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', model, choices })}\n\n`);
  };
  send({ role: 'assistant', content: '' });
  for await (const { raw, ...delta } of script.pieces()) {
    if (response.destroyed) return;
    if (raw !== undefined) response.write(raw);
    else send(delta);
  }
  // What was written leaves with the next turn of the event loop.
  if (script.cuts) return void setImmediate(() => response.destroy());
  send({}, script.finish);
  const options = body.stream_options as { include_usage?: boolean } | undefined;
  if (options?.include_usage) {
    response.write(
      `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', model, choices: [], usage })}\n\n`,
    );
  }
  response.end('data: [DONE]\n\n');
}
