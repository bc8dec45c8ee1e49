import { randomUUID } from 'node:crypto';
import { load, percentile } from './load.ts';
import type { Call, Measurements } from './measure.ts';
import type { ServerUnderTest } from './server-process.ts';

const WRITERS = 200;
const TURNS = 10;

interface Subject {
  server: ServerUnderTest;
  call: Call;
  token: string;
  seconds: number;
  figures: Measurements;
}

/** Words that few of many chats have. */
export async function searches({ server, token, seconds, figures }: Subject): Promise<void> {
  const path = `/api/v1/chats/search?text=${encodeURIComponent('chat 1234')}`;
  const result = await load({ port: server.port, cpu: server.cpu, path, token, seconds, connections: 1 });
  figures.set('search (20,000 chats), p99 ms', result.p99);
}

/** Turns in a chat of 10 MB, and what a small request waits meanwhile. */
export async function appending(
  { server, call, token, figures }: Subject,
  chatId: string,
  last: string,
): Promise<void> {
  const times: number[] = [];
  const waits: number[] = [];
  let over = false;
  const beside = (async () => {
    while (!over) {
      const began = performance.now();
      await call(server, token, 'GET', '/api/v1/auths/');
      waits.push(performance.now() - began);
    }
  })();
  for (let turn = 0, parentId = last; turn < TURNS; turn += 1) {
    const [id, reply] = [randomUUID(), randomUUID()];
    const question = { role: 'user', content: `And then? ${turn}`, timestamp: Math.floor(Date.now() / 1_000) };
    const began = performance.now();
    await call(server, token, 'POST', '/api/chat/completions', {
      stream: false,
      model: 'hello',
      messages: [question],
      chat_id: chatId,
      id: reply,
      parent_id: parentId,
      user_message: { ...question, id, parentId, childrenIds: [reply], models: ['hello'] },
      background_tasks: {},
    });
    times.push(performance.now() - began);
    parentId = reply;
  }
  over = true;
  await beside;
  const sorted = (list: number[]) => list.sort((a, b) => a - b);
  figures.set('turn in a chat of 10 MB, p50 ms', percentile(sorted(times), 0.5));
  figures.set('session beside turns in a chat of 10 MB, p99 ms', percentile(sorted(waits), 0.99));
}

/** Two hundred clients that each write to a chat of their own, again and again. */
export async function writing(
  { server, call, token, seconds, figures }: Subject,
  chatIds: readonly string[],
): Promise<void> {
  const times: number[] = [];
  let failed = 0;
  const end = performance.now() + seconds * 1_000;
  const writer = async (id: string) => {
    for (let n = 0; performance.now() < end; n += 1) {
      const began = performance.now();
      await call(server, token, 'POST', `/api/v1/chats/${id}/messages/note`, { content: `Note ${n}` }).catch(() => {
        failed += 1;
      });
      times.push(performance.now() - began);
    }
  };
  await Promise.all(chatIds.slice(0, WRITERS).map(writer));
  times.sort((a, b) => a - b);
  figures.set('200 writers, writes/s', times.length / seconds);
  figures.set('200 writers, p99 ms', percentile(times, 0.99));
  figures.set('200 writers, failed', failed);
}
