import type { ServerUnderTest } from './server-process.ts';

export interface RelayResult {
  /** Tokens relayed per second over all streams. */
  rate: number;
  cpuPerThousand: number;
}

/** `streams` API-mode answers of `model` (`stream-COUNT-0`) read to their ends at once. */
export async function relay(
  server: ServerUnderTest,
  token: string,
  model: string,
  streams: number,
): Promise<RelayResult> {
  await read(server, token, model);
  const cpu = await server.cpu();
  const began = performance.now();
  await Promise.all(Array.from({ length: streams }, () => read(server, token, model)));
  const seconds = (performance.now() - began) / 1_000;
  const tokens = Number(model.split('-')[1]) * streams;
  return { rate: tokens / seconds, cpuPerThousand: (((await server.cpu()) - cpu) * 1_000_000) / tokens };
}

async function read(server: ServerUnderTest, token: string, model: string): Promise<void> {
  const reply = await fetch(`${server.base}/api/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Stream.' }] }),
  });
  let last = '';
  for await (const piece of reply.body ?? []) last = (last + Buffer.from(piece).subarray(-40).toString()).slice(-40);
  if (!last.includes('data: [DONE]')) throw new Error(`the stream ended with ${JSON.stringify(last)}`);
}
