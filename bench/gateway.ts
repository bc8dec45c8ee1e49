import { load } from './load.ts';
import type { Measurements } from './measure.ts';
import { type ServerUnderTest, startServer } from './server-process.ts';

const CONNECTIONS = 50;
const STREAMED = 20_000;
const STREAMS = 8;

export interface GatewayOptions {
  /** Address of the scripted provider. */
  provider: string;
  /** Starts the server under test. */
  command: string;
  seconds: number;
}

/** A server before many providers: what it adds to a request, how fast it turns one protocol into another, its list of models. */
export async function gateway(options: GatewayOptions, figures: Measurements): Promise<void> {
  const { provider, command, seconds } = options;
  const many = Array.from({ length: CONNECTIONS }, (_, index) => `${provider}/part-${index}/v1`);
  const server = await startServer(command, {
    provider,
    env: {
      OPENAI_API_BASE_URLS: [`${provider}/v1`, ...many].join(';'),
      OPENAI_API_KEYS: Array.from({ length: CONNECTIONS + 1 }, () => 'sk-bench').join(';'),
      ENABLE_OLLAMA_API: 'true',
      OLLAMA_BASE_URL: `${provider}/ollama`,
    },
  });
  try {
    const token = await signUp(server);
    await added(server, token, options, figures);
    const { rate, p50, p99 } = await load({ port: server.port, path: '/api/models', token, seconds, cpu: server.cpu });
    figures.set('models (1,000 of 50 connections), requests/s', rate);
    figures.set('models (1,000 of 50 connections), p50 ms', p50);
    figures.set('models (1,000 of 50 connections), p99 ms', p99);
    figures.set(
      'Anthropic form of a chat stream, tokens/s',
      await streamed(server, token, '/api/v1/messages', { model: `stream-${STREAMED}-0`, max_tokens: 99_999 }),
    );
    figures.set(
      'chat form of an Ollama stream, tokens/s',
      await streamed(server, token, '/api/chat/completions', { model: `stream-${STREAMED}:latest` }),
    );
  } finally {
    await server.stop();
  }
}

/** One request at a time, straight to the provider and through the server. */
async function added(
  server: ServerUnderTest,
  token: string,
  { provider, seconds }: GatewayOptions,
  figures: Measurements,
): Promise<void> {
  const body = { model: 'hello', stream: false, messages: [{ role: 'user', content: 'Hi' }] };
  const common = { method: 'POST', token, body, connections: 1, seconds, cpu: server.cpu };
  const direct = await load({ ...common, port: Number(new URL(provider).port), path: '/v1/chat/completions' });
  const through = await load({ ...common, port: server.port, path: '/api/chat/completions' });
  if (through.failed > 0) throw new Error(`${through.failed} completions were not 200`);
  figures.set('added to a completion, p50 ms', through.p50 - direct.p50);
  figures.set('added to a completion, p99 ms', through.p99 - direct.p99);
}

async function streamed(server: ServerUnderTest, token: string, path: string, body: object): Promise<number> {
  const read = async () => {
    const answer = await fetch(server.base + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: true, messages: [{ role: 'user', content: 'Stream.' }] }),
    });
    let bytes = 0;
    for await (const piece of answer.body ?? []) bytes += piece.length;
    if (!answer.ok || bytes < STREAMED) throw new Error(`${path} answered ${answer.status} with ${bytes} bytes`);
  };
  await read();
  const began = performance.now();
  await Promise.all(Array.from({ length: STREAMS }, read));
  return (STREAMED * STREAMS * 1_000) / (performance.now() - began);
}

async function signUp(server: ServerUnderTest): Promise<string> {
  const answer = await fetch(`${server.base}/api/v1/auths/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Bench', email: 'bench@example.com', password: 'Correct-horse-1' }),
  });
  return ((await answer.json()) as { token: string }).token;
}
