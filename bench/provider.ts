// A scripted OpenAI-compatible provider built to be cheaper than any server under test: paced streams share one timer,
// unpaced ones are written in large pieces. usage: node bench/provider.ts PORT

import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { clock } from './clock.ts';

const MODELS = [
  'hello',
  'clock-500-50',
  'clock-1000-1000',
  'stream-20000-0',
  'tools-100',
  ...Array.from({ length: 11 }, (_, i) => `model-${i + 1}`),
];
/** Models of each of the providers `/part-N/v1`. */
const PER_PART = 20;
const TICK_MS = 4;

interface Paced {
  response: ServerResponse;
  head: string;
  startedAt: number;
  sent: number;
  count: number;
  /** Tokens per second. */
  rate: number;
}

const paced = new Set<Paced>();
let timer: NodeJS.Timeout | undefined;

function chunk(model: string, delta: unknown, finish: string | null = null): string {
  const body = { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_700_000_000, model };
  return `data: ${JSON.stringify({ ...body, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
}

const now = () => performance.timeOrigin + performance.now();

function tick(): void {
  for (const stream of paced) {
    const due = Math.min(stream.count, Math.floor(((now() - stream.startedAt) * stream.rate) / 1_000));
    for (; stream.sent < due; stream.sent++) {
      stream.response.write(`${stream.head}@${clock()} "},"finish_reason":null}]}\n\n`);
    }
    if (stream.sent === stream.count) {
      paced.delete(stream);
      stream.response.end(`${chunk('clock', {}, 'stop')}data: [DONE]\n\n`);
    }
  }
  if (paced.size === 0) {
    clearInterval(timer);
    timer = undefined;
  }
}

function stream(model: string, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk(model, { role: 'assistant', content: '' }));
  const [kind, count = '3', rate = '0'] = model.split('-');
  if (kind === 'clock') {
    const head = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"${model}","choices":[{"index":0,"delta":{"content":"`;
    const one: Paced = { response, head, startedAt: now(), sent: 0, count: Number(count), rate: Number(rate) };
    paced.add(one);
    response.on('close', () => paced.delete(one));
    timer ??= setInterval(tick, TICK_MS);
    return;
  }
  const piece = chunk(model, { content: 'word ' }).repeat(50);
  let left = kind === 'stream' ? Number(count) : 50;
  const pump = (): void => {
    while (left > 0) {
      left -= 50;
      if (!response.write(piece)) {
        response.once('drain', pump);
        return;
      }
    }
    response.end(`${chunk(model, {}, 'stop')}data: [DONE]\n\n`);
  };
  pump();
}

/** Calls a tool that costs nothing until there are as many results as the model's name says. */
function toolRound(model: string, text: string, response: ServerResponse): void {
  const { messages = [] } = JSON.parse(text) as { messages?: { role?: string }[] };
  const made = messages.filter(({ role }) => role === 'tool').length;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  if (made >= Number(model.split('-')[1])) {
    response.end(`${chunk(model, { content: 'Done.' })}${chunk(model, {}, 'stop')}data: [DONE]\n\n`);
    return;
  }
  const tool = { name: 'get_current_timestamp', arguments: '{}' };
  const delta = { tool_calls: [{ index: 0, id: `call_${made}`, type: 'function', function: tool }] };
  response.end(`${chunk(model, delta)}${chunk(model, {}, 'tool_calls')}data: [DONE]\n\n`);
}

/** 20,000 tokens in Ollama's own form. */
function ollamaStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const line = (value: object) =>
    `${JSON.stringify({ model: 'stream-20000:latest', created_at: '2026-01-01T00:00:00Z', ...value })}\n`;
  const piece = line({ message: { role: 'assistant', content: 'word ' }, done: false }).repeat(50);
  let left = 20_000;
  const pump = (): void => {
    while (left > 0) {
      left -= 50;
      if (!response.write(piece)) {
        response.once('drain', pump);
        return;
      }
    }
    response.end(line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop' }));
  };
  pump();
}

function json(response: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

function whole(model: string, prompt: string): unknown {
  const content = prompt.includes('### Task:')
    ? '{"title":"Bench","tags":["bench"],"follow_ups":[]}'
    : 'Hello from the bench.';
  return {
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const piece of request) chunks.push(piece as Buffer);
  const part = /^\/part-(\d+)\/v1\/models$/.exec(request.url ?? '');
  if (request.url === '/v1/models' || part) {
    const ids = part ? Array.from({ length: PER_PART }, (_, index) => `part-${part[1]}-model-${index}`) : MODELS;
    json(response, {
      object: 'list',
      data: ids.map((id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'bench' })),
    });
  } else if (request.url === '/ollama/api/tags') {
    const name = 'stream-20000:latest';
    json(response, { models: [{ name, model: name, size: 1, digest: 'bench', details: {} }] });
  } else if (request.url === '/ollama/api/ps') {
    json(response, { models: [] });
  } else if (request.url === '/ollama/api/chat') {
    ollamaStream(response);
  } else if (request.url === '/v1/chat/completions') {
    const text = Buffer.concat(chunks).toString();
    const { model, stream: streamed } = JSON.parse(text) as { model: string; stream?: boolean };
    if (streamed && model.startsWith('tools-')) toolRound(model, text, response);
    else if (streamed) stream(model, response);
    else json(response, whole(model, text));
  } else {
    response.writeHead(404).end();
  }
}

const server = http.createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 120_000;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' && address ? address.port : 0 });
});
process.on('disconnect', () => process.exit());
